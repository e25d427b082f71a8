/** Advisory locks of programs on this mount, kept by the first OSD of each file. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FileLock, LockArguments } from '@xtreemos/fuse';
import { objectCalls } from '@xtreemos/rpc';
import { Failure, isErrno } from './call-failure.ts';
import type { FileData } from './file-data.ts';
import type { ObjectServers } from './object-servers.ts';

/** Largest offset of a file on Linux: a lock to it reaches to the end. */
const lastByte = (1n << 63n) - 1n;
const firstPauseMs = 5;
const longestPauseMs = 250;
const mostOwners = 2 ** 32 - 1;

interface Owner {
  readonly key: string;
  /** The same for all files, as long as it has a lock of any: OSDs know its locks by it. */
  readonly number: number;
  pid: number;
  /** Files that it has locks of. */
  readonly nodes: Set<number>;
  /** Calls under way for it. */
  calls: number;
}

interface HeldFile {
  readonly data: FileData;
  locks: readonly LockArguments[];
  /** Calls about its locks that are under way: one after the other, or a sign of life would bring back what was just released. */
  turn: Promise<unknown>;
}

export interface FileLocksOptions {
  readonly clientId: string;
  readonly servers: ObjectServers;
}

export class FileLocks {
  readonly #options: FileLocksOptions;
  /** Of the kernel: 64 bits; OSDs take 32. */
  readonly #owners = new Map<string, Owner>();
  readonly #byNumber = new Map<number, Owner>();
  readonly #held = new Map<number, HeldFile>();
  #next = 1;

  constructor(options: FileLocksOptions) {
    this.#options = options;
    options.servers.onReconnect((uuid) => void this.#takeAgain(uuid));
  }

  /** @throws RpcError */
  test(data: FileData, asked: LockArguments): Promise<FileLock> {
    return this.#as(asked, (owner) => this.#test(data, asked, owner));
  }

  async #test(data: FileData, { lock, flock }: LockArguments, known: Owner): Promise<FileLock> {
    const found = await this.#call(data, objectCalls.lockCheck, known, lock, flock);
    const { clientUuid, clientPid, offset, length, exclusive } = found;
    if (clientUuid === this.#options.clientId && clientPid === known.number)
      return { ...lock, type: 'unlock' };
    return {
      start: offset,
      end: length === 0n ? lastByte : offset + length - 1n,
      type: exclusive ? 'write' : 'read',
      pid: clientUuid === this.#options.clientId ? (this.#byNumber.get(clientPid)?.pid ?? 0) : 0,
    };
  }

  /** @throws RpcError EAGAIN, Failure EINTR */
  set(node: number, data: FileData, wanted: LockArguments, signal: () => AbortSignal): Promise<void> {
    return this.#as(wanted, (owner) => this.#set(node, data, wanted, owner, signal));
  }

  async #set(
    node: number,
    data: FileData,
    wanted: LockArguments,
    known: Owner,
    signal: () => AbortSignal,
  ): Promise<void> {
    const { lock, flock, wait } = wanted;
    if (lock.type === 'unlock') {
      await this.#release(node, data, wanted, known);
      return;
    }
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
      try {
        await this.#inTurn(node, async () => {
          await this.#call(data, objectCalls.lockAcquire, known, lock, flock);
          this.#note(node, data, wanted, known);
        });
        break;
      } catch (error) {
        if (!wait || !isErrno(error, 'EAGAIN')) throw error;
      }
      await sleep(pauseMs, undefined, { signal: signal() });
    }
    // The opening that asked may have been closed meanwhile by a signal.
    if (signal().aborted)
      await this.#release(node, data, { ...wanted, lock: { ...lock, type: 'unlock' } }, known);
  }

  #note(node: number, data: FileData, taken: LockArguments, known: Owner): void {
    const held = this.#held.get(node) ?? { data, locks: [], turn: Promise.resolve() };
    this.#held.set(node, held);
    held.locks = [...without(held.locks, taken), taken];
    known.nodes.add(node);
  }

  /** At close(2): the locks of the process on the file end. At the end of an opening: its flock. */
  async releaseAll(node: number, owner: bigint, flock: boolean): Promise<void> {
    const held = this.#held.get(node);
    const key = keyOf(owner, flock);
    if (held?.locks.some((known) => keyOf(known.owner, known.flock) === key) !== true) return;
    const lock = { start: 0n, end: lastByte, type: 'unlock' as const, pid: 0 };
    const wanted = { handle: 0, owner, lock, flock, wait: false };
    await this.#as(wanted, (known) => this.#release(node, held.data, wanted, known));
  }

  /**
   * At the end of an opening: what is still held of what was locked through it is the opening's own (F_OFD_SETLK), of which the
   * kernel does not tell; locks of processes ended with close(2).
   */
  async releaseOpening(node: number, handle: number): Promise<void> {
    const own = (this.#held.get(node)?.locks ?? []).filter((held) => held.handle === handle && !held.flock);
    for (const owner of new Set(own.map((held) => held.owner))) await this.releaseAll(node, owner, false);
  }

  /** A sign of life to the OSDs: they end the locks of clients that are silent. */
  async keepAlive(): Promise<void> {
    await Promise.allSettled([...this.#held.keys()].map((node) => this.#again(node)));
  }

  #release(node: number, data: FileData, wanted: LockArguments, known: Owner): Promise<void> {
    return this.#inTurn(node, () => this.#releaseNow(node, data, wanted, known));
  }

  async #releaseNow(node: number, data: FileData, wanted: LockArguments, known: Owner): Promise<void> {
    await this.#call(data, objectCalls.lockRelease, known, wanted.lock, wanted.flock);
    const held = this.#held.get(node);
    if (held === undefined) return;
    held.locks = without(held.locks, wanted);
    if (held.locks.length === 0) this.#held.delete(node);
    if (!held.locks.some((lock) => keyOf(lock.owner, lock.flock) === known.key)) known.nodes.delete(node);
  }

  async #takeAgain(uuid: string): Promise<void> {
    const nodes = [...this.#held].filter(([, { data }]) => data.layout.osdUuids[0] === uuid);
    await Promise.allSettled(nodes.map(([node]) => this.#again(node)));
  }

  async #again(node: number): Promise<void> {
    for (const lock of this.#held.get(node)?.locks ?? [])
      await this.#inTurn(node, async () => {
        const held = this.#held.get(node);
        if (held?.locks.includes(lock) !== true) return;
        await this.#as(lock, (owner) =>
          this.#call(held.data, objectCalls.lockAcquire, owner, lock.lock, lock.flock),
        );
      });
  }

  /** Where no lock of the file is held there is nothing to bring back, and nothing to wait for. */
  #inTurn<Result>(node: number, work: () => Promise<Result>): Promise<Result> {
    const held = this.#held.get(node);
    if (held === undefined) return work();
    const result = held.turn.then(work);
    held.turn = result.catch(() => undefined);
    return result;
  }

  /** Works for an owner, who is forgotten when he has no lock of any file any more. */
  async #as<Result>(
    { owner, flock, lock }: LockArguments,
    work: (owner: Owner) => Promise<Result>,
  ): Promise<Result> {
    const known = this.#ownerOf(keyOf(owner, flock), lock.pid);
    known.calls++;
    try {
      return await work(known);
    } finally {
      known.calls--;
      if (known.calls === 0 && known.nodes.size === 0) {
        this.#owners.delete(known.key);
        this.#byNumber.delete(known.number);
      }
    }
  }

  #ownerOf(key: string, pid: number): Owner {
    const known = this.#owners.get(key);
    if (known !== undefined) {
      if (pid !== 0) known.pid = pid;
      return known;
    }
    while (this.#byNumber.has(this.#next)) this.#next = (this.#next % mostOwners) + 1;
    const made = { key, number: this.#next, pid, nodes: new Set<number>(), calls: 0 };
    this.#next = (this.#next % mostOwners) + 1;
    this.#owners.set(key, made);
    this.#byNumber.set(made.number, made);
    return made;
  }

  async #call(
    data: FileData,
    call: typeof objectCalls.lockAcquire | typeof objectCalls.lockCheck | typeof objectCalls.lockRelease,
    owner: Owner,
    lock: FileLock,
    isFlock: boolean,
  ) {
    const [uuid] = data.layout.osdUuids;
    if (uuid === undefined) throw new Failure('ENOLCK', 'the file has no OSD');
    return data.capabilities.use('any', async (fileCredentials) => {
      const { response } = await this.#options.servers.call(uuid, call as typeof objectCalls.lockCheck, {
        fileCredentials,
        lockRequest: {
          clientPid: owner.number,
          clientUuid: this.#options.clientId,
          offset: lock.start,
          length: lock.end >= lastByte ? 0n : lock.end - lock.start + 1n,
          exclusive: lock.type === 'write',
          ...(isFlock ? { isFlock } : {}),
        },
      });
      return response;
    });
  }
}

/** What is left of the locks when the owner of `taken` has none in its range. */
function without(locks: readonly LockArguments[], taken: LockArguments): LockArguments[] {
  const { start, end } = taken.lock;
  return locks.flatMap((held) => {
    const { lock } = held;
    const isOther = keyOf(held.owner, held.flock) !== keyOf(taken.owner, taken.flock);
    if (isOther || lock.end < start || end < lock.start) return [held];
    const before = lock.start < start ? [{ ...held, lock: { ...lock, end: start - 1n } }] : [];
    const after = end < lock.end ? [{ ...held, lock: { ...lock, start: end + 1n } }] : [];
    return [...before, ...after];
  });
}

function keyOf(owner: bigint, flock: boolean): string {
  return `${flock ? 'flock' : 'posix'} ${owner}`;
}
