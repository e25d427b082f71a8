import type { Message } from './message.ts';
import type { FuseMountOptions } from './mount-options.ts';
import type { NegotiatedProtocol } from './operations.ts';
import { initFlag, leastMinor, mostMinor, protocolMajor } from './protocol.ts';
import type { ReplyWriter } from './reply-writer.ts';

const pageBytes = 4096;
export const mostWriteBytes = 1 << 20;
const defaultReadaheadBytes = 1 << 20;
const defaultBackground = 64;

/** @returns what was agreed, or what to answer instead: the version we speak, or that we cannot. */
export function negotiate(
  message: Message,
  options: FuseMountOptions,
): NegotiatedProtocol | 'again' | 'refused' {
  const major = message.u32(0);
  const kernelMinor = message.u32(4);
  if (major > protocolMajor) return 'again';
  if (major < protocolMajor || kernelMinor < leastMinor || message.bodyBytes < 16) return 'refused';
  const low = BigInt(message.u32(12));
  const extended = (low & initFlag.initExtended) !== 0n && message.bodyBytes >= 20;
  const offered = low | (extended ? BigInt(message.u32(16)) << 32n : 0n);
  return {
    kernelMinor,
    offered,
    taken: offered & wanted(options),
    maxWriteBytes: Math.min(options.maxWriteBytes ?? mostWriteBytes, mostWriteBytes),
    maxReadaheadBytes: Math.min(options.maxReadaheadBytes ?? defaultReadaheadBytes, message.u32(8)),
  };
}

function wanted(options: FuseMountOptions): bigint {
  const { operations } = options;
  const plus = operations.readdir === undefined ? 'never' : (options.readdirplus ?? 'auto');
  const locks = operations.getlk !== undefined && operations.setlk !== undefined;
  const when = (condition: boolean, flags: bigint) => (condition ? flags : 0n);
  return (
    initFlag.asyncRead |
    initFlag.atomicTruncate |
    initFlag.bigWrites |
    initFlag.asyncDirectIo |
    initFlag.parallelDirectoryOperations |
    initFlag.abortError |
    initFlag.maxPages |
    initFlag.handleKillPrivilegesV2 |
    initFlag.setxattrExtended |
    initFlag.initExtended |
    initFlag.directIoAllowMmap |
    when(options.exportSupport ?? true, initFlag.exportSupport) |
    when(options.cacheSymlinks ?? true, initFlag.cacheSymlinks) |
    when(locks, initFlag.posixLocks | initFlag.flockLocks) |
    when(plus !== 'never', initFlag.readdirplus) |
    when(plus === 'auto', initFlag.readdirplusAuto) |
    // A default ACL takes the umask's place, which the kernel would have applied already.
    when(options.posixAcl ?? false, initFlag.posixAcl | initFlag.dontMask) |
    (options.dataInvalidation === 'explicit' ? initFlag.explicitInvalidateData : initFlag.autoInvalidateData)
  );
}

export function encodeInit(
  protocol: NegotiatedProtocol,
  options: FuseMountOptions,
  writer: ReplyWriter,
): void {
  const background = options.maxBackground ?? defaultBackground;
  writer.start();
  writer.u32(protocolMajor);
  writer.u32(Math.min(protocol.kernelMinor, mostMinor));
  writer.u32(protocol.maxReadaheadBytes);
  writer.u32(Number(protocol.taken & 0xffff_ffffn));
  // The second half: from how many on the kernel calls the device congested.
  writer.u32(background | (Math.ceil((background * 3) / 4) << 16));
  writer.u32(protocol.maxWriteBytes);
  // Times are kept to the nanosecond.
  writer.u32(1);
  writer.u32(Math.ceil(protocol.maxWriteBytes / pageBytes));
  writer.u32(Number(protocol.taken >> 32n));
  writer.zeros(7);
}
