export { BufferPool } from './buffer-pool.ts';
export { measureCalls } from './call-latency.ts';
export {
  type Capability,
  type CapabilityVerifier,
  capabilityAllows,
  capabilityBytes,
  createCapabilityVerifier,
  deleteAccess,
  fileOfSpace,
  idOfFiles,
  idOfSpace,
  orderedAccess,
  signCapability,
  type TrustedKeys,
} from './capability.ts';
export {
  type CapabilityKey,
  capabilityKeyField,
  createCapabilityKeyNotice,
  judgeCapabilityKey,
  type StatementSecurity,
  stateCapabilityKey,
} from './capability-key.ts';
export {
  type ConnectDirectory,
  createDirectoryClient,
  type DirectoryClient,
  type ListedService,
} from './directory-client.ts';
export { type ErrnoName, errnoName, errnoNumber, errnoOf } from './errno.ts';
export { type FileId, formatFileId, maximumFileIdLength, parseFileId } from './file-id.ts';
export {
  type Directory,
  type Heartbeat,
  type HeartbeatOptions,
  type ServiceAddress,
  type ServiceRecord,
  startHeartbeat,
} from './heartbeat.ts';
export { homeWantsSkeleton } from './home-attribute.ts';
export {
  type HostSecurity,
  openHostSecurity,
  type SecuritySettings,
  securitySection,
} from './host-security.ts';
export {
  type Connected,
  connectPeer,
  connectServer,
  createServerConnections,
  type KeptConnection,
  keepConnected,
  type ServerConnections,
} from './peer-connection.ts';
export { connectionKeys, listenForPeers, type PeerListening } from './peer-listening.ts';
export { createPeerServer, type PeerServerOptions } from './peer-server.ts';
export { refusal } from './refusal.ts';
export { readServerUuid } from './server-uuid.ts';
export { createSharedTime, type SharedTime } from './shared-time.ts';
export type { StatusRecord, StatusValue } from './status-html.ts';
export { type StatusPageOptions, serveStatusPages, statusSection } from './status-page.ts';
export {
  checkedStriping,
  defaultStripeBytes,
  fileEndOf,
  fileOffsetOf,
  fileSizeOf,
  localBytesOf,
  localOffsetOf,
  maximumStripeBytes,
  maximumStripeWidth,
  type ObjectRange,
  objectsOfRange,
  type Striping,
  stripeGranuleBytes,
} from './striping.ts';
export { volumeAttributes } from './volume-attributes.ts';
