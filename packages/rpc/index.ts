/** Remote calls of XtreemFS: frames, messages, clients and servers. Protocol: docs/xtreemfs-protocol.md. */
export { type AnyCall, type Call, callsOf } from './call.ts';
export {
  type Answer,
  type CallOptions,
  type ConnectionOptions,
  Receiver,
  RpcConnection,
} from './connection.ts';
export { directoryCalls } from './directory-calls.ts';
export { type FrameLimits, requestLimits, responseLimits, type TakeMemory } from './frame.ts';
export * from './generated/common_pb.js';
export * from './generated/directory_pb.js';
export * from './generated/metadata_pb.js';
export * from './generated/node_pb.js';
export * from './generated/object-io_pb.js';
export * from './generated/objects_pb.js';
export { type CallUser, nobody } from './header.ts';
export { type HostPeer, hostPeerOf, type PeerTrust } from './host-peer.ts';
export { type Listeners, openListeners } from './listeners.ts';
export { metadataCalls, nodeCalls } from './metadata-calls.ts';
export { objectCalls } from './object-calls.ts';
export { RpcError, type RpcErrorKind } from './rpc-error.ts';
export { type CallContext, type Handler, type Reply, RpcServer, type RpcServerOptions } from './server.ts';
export { sessionCalls } from './session-calls.ts';
export { connectTls, createTlsServer, type TlsIdentity, type TlsTarget } from './tls-transport.ts';
export {
  type BoundPeer,
  bindSession,
  boundPeer,
  boundUserOf,
  type ServerPeer,
  serveBinding,
} from './user-binding.ts';
