import { createRequire } from 'node:module';

export interface FuseAddon {
  openDevice(path: string): number;
  readRequest(device: number, buffer: Uint8Array): number;
  writeReply(
    device: number,
    head: Uint8Array,
    headBytes: number,
    data: Uint8Array | readonly Uint8Array[] | null,
  ): number;
  mount(source: string, target: string, type: string, flags: number, options: string): Promise<number>;
  startWatch(descriptor: number, callback: () => void): void;
  stopWatch(descriptor: number): void;
  startThread(device: number): { thread: number; done: number };
  submitWrite(thread: number, token: number, head: Uint8Array, data: Uint8Array): void;
  submitUnmount(thread: number, token: number, target: string, flags: number): void;
  takeResults(thread: number): number[];
  endThread(thread: number): void;
}

/** A bundle takes native files from where the packages install them (packaging/bundle.ts), a checkout from its build. */
declare const XOS_ADDONS: string | undefined;

function load(): FuseAddon {
  const file = `${typeof XOS_ADDONS === 'string' ? XOS_ADDONS : './build'}/fuse.node`;
  try {
    return createRequire(import.meta.url)(file) as FuseAddon;
  } catch (cause) {
    throw new Error(`cannot load ${file}: install xtreemos-native, or in a checkout \`make -C native\``, {
      cause,
    });
  }
}

export const addon: FuseAddon = load();
export const guardProgram: string =
  typeof XOS_ADDONS === 'string'
    ? `${XOS_ADDONS}/xos-fuse-guard`
    : new URL('./build/xos-fuse-guard', import.meta.url).pathname;
