/**
 * The protocol between the C modules and xos-accounts, and the NSS map file. Framing, messages and limits: schema.ts
 * (docs/module-protocol.md is the page for people).
 */
export { isGroupName, isLoginName, isManagedGid, isManagedUid } from './account-name.ts';
export { FrameReader } from './frame-reader.ts';
export * from './generated/codec.ts';
export { ModuleConnection } from './module-connection.ts';
export { checkNssMapHeader, nssMapHeaderBytes, readNssMap } from './nss-map-reader.ts';
export {
  type NssMapContent,
  type NssMapGroup,
  type NssMapPasswd,
  nssMapSteps,
  writeNssMap,
} from './nss-map-writer.ts';
export { ProtocolError } from './protocol-error.ts';
