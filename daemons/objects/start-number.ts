/**
 * A number that tells clients whether what this OSD answered without a sync is still there: it is another one after whatever may
 * have taken unsynced data, as a power cut, and stays the same over what took none, as the end of a process or an orderly stop.
 */
import { randomBytes } from 'node:crypto';
import { isZero } from './file-layout.ts';
import type { Storage, StorageFile } from './storage.ts';

export interface StartNumber {
  /** Never 0. */
  readonly value: bigint;
  /** From now on the disk may have lost what was answered before: the next start has another number. */
  doubt(): Promise<void>;
  /** Nothing more is answered. @param isSafe everything is on disk */
  close(isSafe: boolean): Promise<void>;
}

const name = 'log/start';
/** Below a sector: a power cut leaves the old state or the new. */
const stateBytes = 256;

interface State {
  readonly number: string;
  /** Of the kernel under which it was served last; `safe` when everything was synced since, `doubted` when some of it may be lost. */
  readonly boot: string;
}

/** The caller syncs the directory `log` before anything is answered. */
export async function openStartNumber(storage: Storage): Promise<StartNumber> {
  const file = await openState(storage);
  const before = await read(file);
  const isKept = before !== undefined && (before.boot === storage.boot || before.boot === 'safe');
  // Drawn, not counted: a copy of the disk that is brought back must not repeat what came after it.
  const number = isKept ? before.number : (randomBytes(8).readBigUInt64LE() | 1n).toString(16);
  const write = async (boot: string) => {
    const page = Buffer.alloc(stateBytes);
    page.write(JSON.stringify({ number, boot } satisfies State));
    await file.write([page], 0);
    await file.sync();
  };
  await write(storage.boot);
  return {
    value: BigInt(`0x${number}`),
    doubt: () => write('doubted'),
    async close(isSafe) {
      if (isSafe) await write('safe');
      await file.close();
    },
  };
}

async function openState(storage: Storage): Promise<StorageFile> {
  const file = await storage.open(name, true);
  if (file === undefined) throw Object.assign(new Error(`${name} cannot be made`), { code: 'EIO' });
  return file;
}

/** @returns undefined for what is no state: then there is no telling */
async function read(file: StorageFile): Promise<State | undefined> {
  const page = Buffer.alloc(stateBytes);
  await file.read(page, 0);
  if (isZero(page)) return undefined;
  try {
    const { number, boot } = JSON.parse(page.toString('latin1').replace(/\0+$/, '')) as Partial<State>;
    const isState = typeof number === 'string' && /^[\da-f]{1,16}$/.test(number) && typeof boot === 'string';
    return isState ? { number, boot } : undefined;
  } catch {
    return undefined;
  }
}
