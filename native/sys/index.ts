/**
 * What Linux offers and Node does not: credentials and descriptors over AF_UNIX, datagrams, openat2, memfd, extended
 * attributes, pidfd, fallocate and FIEMAP, socket activation; CRC-32C; and a digest taken over and over, which node:crypto does one
 * call at a time.
 *
 * A wrong type throws TypeError, a number out of range RangeError. What the kernel refuses throws, or rejects with, a
 * {@link SystemError} like Node's own (`code` 'ENOENT', `errno`, `syscall`, `path` where there is one).
 */
export type { SystemError } from './addon.ts';
export { readCached } from './cached-read.ts';
export { crc32c, crc32cBlocks, crc32cIsHardware } from './checksum.ts';
export {
  bindDatagram,
  type Datagram,
  type ReceiveDatagramOptions,
  receiveDatagram,
  type SendDatagramOptions,
  sendDatagram,
} from './datagram.ts';
export { type AllocationKind, allocatedExtents, type Extent, fallocate } from './fallocate.ts';
export { memfd, sealDescriptor, seals } from './memfd.ts';
export {
  frameMessage,
  type Message,
  type ReceiveMessageOptions,
  type RequestOptions,
  receiveMessage,
  request,
} from './message.ts';
export { descriptorPath, type OpenBeneathOptions, openBeneath, setCloseOnExec } from './open-beneath.ts';
export {
  type PeerCredentials,
  peerCredentials,
  sendWithDescriptor,
  socketDescriptor,
} from './peer-socket.ts';
export { pidfdOpen, pidfdSendSignal } from './process-descriptor.ts';
export { type RehashDigest, rehash } from './rehash.ts';
export { type ListenDescriptor, listenDescriptors } from './socket-activation.ts';
export { getXattr, listXattr, removeXattr, type SetXattrOptions, setXattr } from './xattr.ts';
