import { createRequire } from 'node:module';

/** An error of a system call; the same fields as Node's own. */
export interface SystemError extends Error {
  /** The name of errno, such as 'ENOENT'; 'EPROTO' also where a peer broke the framing of messages. */
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;
  readonly path?: string;
}

export interface SysAddon {
  peerCredentials(descriptor: number): { pid: number; uid: number; gid: number };
  sendWithDescriptor(descriptor: number, bytes: Uint8Array, passed: number, timeoutMs: number): void;
  request(
    address: string,
    bytes: Uint8Array,
    descriptors: readonly number[],
    timeoutMs: number,
    maxReplyBytes: number,
    maxDescriptors: number,
  ): Promise<{ bytes: Buffer; descriptors: number[] }>;
  receiveMessage(
    descriptor: number,
    timeoutMs: number,
    maxBytes: number,
    maxDescriptors: number,
  ): Promise<{ bytes: Buffer; descriptors: number[] } | null>;
  sendDatagram(
    address: string,
    bytes: Uint8Array,
    descriptors: readonly number[],
    memfdWhenTooLarge: boolean,
    timeoutMs: number,
  ): void;
  bindDatagram(address: string): number;
  receiveDatagram(
    descriptor: number,
    timeoutMs: number,
    maxBytes: number,
  ): Promise<{ bytes: Buffer; descriptors: number[]; sender: { pid: number; uid: number; gid: number } }>;
  openBeneath(directory: string | number, path: string, flags: number, mode: number): number;
  setCloseOnExec(descriptor: number): void;
  memfd(name: string): number;
  addSeals(descriptor: number, seals: number): void;
  getSeals(descriptor: number): number;
  getXattr(target: string | number, name: string): Buffer | null;
  setXattr(target: string | number, name: string, value: Uint8Array, flags: number): void;
  listXattr(target: string | number): string[];
  removeXattr(target: string | number, name: string): void;
  pidfdOpen(pid: number): number;
  pidfdSendSignal(descriptor: number, signal: number): void;
  rehash(digest: string, value: Uint8Array, rounds: number): Promise<Buffer>;
  crc32c(bytes: Uint8Array, seed: number): number;
  crc32cBlocks(bytes: Uint8Array, blockBytes: number, checksums: Uint32Array): number;
  readonly crc32cIsHardware: boolean;
  readCached(descriptor: number, buffer: Uint8Array, position: number): number;
  fallocate(descriptor: number, kind: string, offset: number, length: number): Promise<void>;
  allocatedExtents(descriptor: number, from: number): Promise<Float64Array>;
}

/** A bundle takes the addon from where the packages install it (packaging/bundle.ts), a checkout from its build. */
declare const XOS_ADDONS: string | undefined;

function load(): SysAddon {
  const file = `${typeof XOS_ADDONS === 'string' ? XOS_ADDONS : './build'}/sys.node`;
  try {
    return createRequire(import.meta.url)(file) as SysAddon;
  } catch (cause) {
    throw new Error(`cannot load ${file}: install xtreemos-native, or in a checkout \`make -C native\``, {
      cause,
    });
  }
}

export const addon: SysAddon = load();
