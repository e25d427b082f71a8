export type {
  CallOptions,
  ConnectionOptions,
  DbusConnection,
  ExportedInterface,
  ReceivedSignal,
  SignalMatch,
} from './connection.ts';
export { connectBus } from './connection.ts';
export type {
  ArgumentSignatures,
  Caller,
  DbusValue,
  InterfaceDefinition,
  MethodDefinition,
  PropertyDefinition,
  Variant,
} from './interface-definition.ts';
