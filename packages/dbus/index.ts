export type { CallOptions } from './bus-session.ts';
export {
  type ConnectionOptions,
  connectBus,
  type DbusConnection,
  type ExportedInterface,
  type PropertyAddress,
} from './connection.ts';
export type {
  ArgumentSignatures,
  Caller,
  InterfaceDefinition,
  MethodDefinition,
  PropertyDefinition,
} from './interface-definition.ts';
export { type PrivateBus, startPrivateBus } from './private-bus.ts';
export type { ReceivedSignal, SignalMatch } from './signal-subscriptions.ts';
export { type DbusValue, type Variant, variant } from './value.ts';
