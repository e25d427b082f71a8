/** Advisory locks on files, held by clients: POSIX byte ranges and, apart from them, whole-file BSD locks. */

/** Who holds a lock: a process (or open file) of a client. */
export interface LockOwner {
  readonly clientUuid: string;
  /** POSIX: unique among the client's processes. BSD: among its open files. */
  readonly clientPid: number;
}

export interface LockRange extends LockOwner {
  readonly offset: bigint;
  /** 0 reaches to the end of any file. */
  readonly length: bigint;
  readonly isExclusive: boolean;
}

export type LockFamily = 'posix' | 'flock';

export interface FileLocks {
  /** @returns the lock that stands in the way; undefined when it was taken. Own locks on the range are replaced. */
  acquire(fileId: string, family: LockFamily, wanted: LockRange): LockRange | undefined;
  /** @returns a lock that would stand in the way */
  check(fileId: string, family: LockFamily, wanted: LockRange): LockRange | undefined;
  /** Own locks in the range end, what reaches beyond it stays. */
  release(fileId: string, family: LockFamily, range: LockRange): void;
  /** A sign of life: the locks of a silent client end. */
  renew(clientUuid: string): void;
  /** A connection of the client ended: its locks end soon, unless it gives a sign of life on another. */
  orphan(clientUuid: string): void;
  /** The client ended. */
  releaseClient(clientUuid: string): void;
  /** Ends what was not renewed. */
  expire(): void;
  /** The file was removed. */
  forget(fileId: string): void;
  readonly size: number;
}

export interface FileLocksOptions {
  readonly leaseMs: number;
  /** Locks of one client, and of all, that are kept. */
  readonly mostOfClient: number;
  readonly mostLocks: number;
  readonly monotonicMs: () => number;
}

interface Held extends LockRange {
  /** Exclusive; no byte has the number 2^64. */
  readonly end: bigint;
}

const endOfAll = 1n << 64n;
/** Long enough to connect again after a cut of the network. */
const orphanGraceMs = 10_000;

/** @throws a system error ENOLCK when there are too many locks, EINVAL for a range that is none */
export function createFileLocks(options: FileLocksOptions): FileLocks {
  const files = new Map<string, Held[]>();
  const clients = new Map<string, { renewedMs: number; count: number }>();
  let total = 0;

  const keyOf = (fileId: string, family: LockFamily) => `${family} ${fileId}`;

  function heldOf(range: LockRange): Held {
    const end = range.length === 0n ? endOfAll : range.offset + range.length;
    if (range.offset < 0n || range.length < 0n || range.offset >= endOfAll || end > endOfAll)
      throw Object.assign(new Error('no range of a file'), { code: 'EINVAL' });
    return { ...range, end };
  }

  function conflict(key: string, wanted: Held): Held | undefined {
    return files
      .get(key)
      ?.find(
        (held) =>
          !isSameOwner(held, wanted) &&
          held.offset < wanted.end &&
          wanted.offset < held.end &&
          (held.isExclusive || wanted.isExclusive),
      );
  }

  /** What is left of the locks when the owner has none in the range. */
  function withoutRange(locks: readonly Held[], range: Held): Held[] {
    return locks.flatMap((held) => {
      if (!isSameOwner(held, range) || held.end <= range.offset || range.end <= held.offset) return [held];
      const before = held.offset < range.offset ? [cut(held, held.offset, range.offset)] : [];
      const after = range.end < held.end ? [cut(held, range.end, held.end)] : [];
      return [...before, ...after];
    });
  }

  function put(key: string, locks: readonly Held[], clientUuid: string): void {
    const before = files.get(key) ?? [];
    const change = locks.length - before.length;
    if (locks.length === 0) files.delete(key);
    else files.set(key, [...locks]);
    total += change;
    const client = clients.get(clientUuid);
    if (client === undefined) return;
    client.count += change;
    if (client.count <= 0) clients.delete(clientUuid);
  }

  function dropClient(clientUuid: string): void {
    for (const [key, locks] of files) {
      const rest = locks.filter((held) => held.clientUuid !== clientUuid);
      if (rest.length !== locks.length) put(key, rest, clientUuid);
    }
    clients.delete(clientUuid);
  }

  return {
    get size() {
      return total;
    },
    acquire(fileId, family, wanted) {
      const range = heldOf(wanted);
      const key = keyOf(fileId, family);
      const obstacle = conflict(key, range);
      if (obstacle !== undefined) return obstacle;
      const { clientUuid } = wanted;
      const client = clients.get(clientUuid) ?? { renewedMs: 0, count: 0 };
      // A lock in the middle of another adds two.
      if (client.count + 2 > options.mostOfClient || total + 2 > options.mostLocks)
        throw Object.assign(new Error('too many locks'), { code: 'ENOLCK' });
      client.renewedMs = options.monotonicMs();
      clients.set(clientUuid, client);
      put(key, merged([...withoutRange(files.get(key) ?? [], range), range]), clientUuid);
      return undefined;
    },
    check: (fileId, family, wanted) => conflict(keyOf(fileId, family), heldOf(wanted)),
    release(fileId, family, range) {
      const key = keyOf(fileId, family);
      put(key, withoutRange(files.get(key) ?? [], heldOf(range)), range.clientUuid);
    },
    renew(clientUuid) {
      const client = clients.get(clientUuid);
      if (client !== undefined) client.renewedMs = options.monotonicMs();
    },
    orphan(clientUuid) {
      const client = clients.get(clientUuid);
      if (client === undefined) return;
      const graceMs = Math.min(orphanGraceMs, options.leaseMs);
      client.renewedMs = Math.min(client.renewedMs, options.monotonicMs() - options.leaseMs + graceMs);
    },
    releaseClient: dropClient,
    expire() {
      const since = options.monotonicMs() - options.leaseMs;
      for (const [clientUuid, { renewedMs }] of [...clients]) if (renewedMs < since) dropClient(clientUuid);
    },
    forget(fileId) {
      for (const family of ['posix', 'flock'] as const) {
        const key = keyOf(fileId, family);
        const locks = files.get(key) ?? [];
        files.delete(key);
        total -= locks.length;
        for (const { clientUuid } of locks) {
          const client = clients.get(clientUuid);
          if (client !== undefined && --client.count <= 0) clients.delete(clientUuid);
        }
      }
    },
  };
}

function isSameOwner(one: LockOwner, other: LockOwner): boolean {
  return one.clientUuid === other.clientUuid && one.clientPid === other.clientPid;
}

function cut(held: Held, offset: bigint, end: bigint): Held {
  return { ...held, offset, end, length: end === endOfAll ? 0n : end - offset };
}

/** Neighbours of one owner and kind become one, so that a file locked byte by byte holds one lock. */
function merged(locks: readonly Held[]): Held[] {
  const sorted = [...locks].sort((one, other) => (one.offset < other.offset ? -1 : 1));
  const result: Held[] = [];
  for (const held of sorted) {
    const index = result.findIndex(
      (known) =>
        isSameOwner(known, held) && known.isExclusive === held.isExclusive && known.end === held.offset,
    );
    const known = result[index];
    if (known === undefined) result.push(held);
    else result[index] = cut(known, known.offset, held.end);
  }
  return result;
}
