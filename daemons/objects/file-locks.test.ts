import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createFileLocks, type LockRange } from './file-locks.ts';

function locksOf(now = { ms: 0 }) {
  const options = { leaseMs: 1000, mostOfClient: 1000, mostLocks: 2000 };
  return createFileLocks({ ...options, monotonicMs: () => now.ms });
}

function range(
  clientUuid: string,
  offset: number,
  length: number,
  isExclusive = true,
  clientPid = 1,
): LockRange {
  return { clientUuid, clientPid, offset: BigInt(offset), length: BigInt(length), isExclusive };
}

describe('locks of files', () => {
  it('behave byte by byte as fcntl(2) says', () => {
    const action = fc.record({
      kind: fc.constantFrom('acquire', 'release', 'check'),
      owner: fc.nat(2),
      offset: fc.nat(20),
      length: fc.nat(12),
      isExclusive: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        const locks = locksOf();
        const bytes = Array.from({ length: 64 }, () => new Map<number, boolean>());
        for (const { kind, owner, offset, length, isExclusive } of actions) {
          const wanted = range(`client-${owner}`, offset, length, isExclusive);
          const covered = bytes.slice(offset, length === 0 ? undefined : offset + length);
          const free = covered.every((holders) =>
            [...holders].every(([other, exclusive]) => other === owner || !(exclusive || isExclusive)),
          );
          if (kind === 'release') {
            locks.release('f:1', 'posix', wanted);
            for (const holders of covered) holders.delete(owner);
          } else {
            assert.equal(locks[kind as 'acquire' | 'check']('f:1', 'posix', wanted) === undefined, free);
            if (kind === 'acquire' && free) for (const holders of covered) holders.set(owner, isExclusive);
          }
        }
        for (const owner of [0, 1, 2]) locks.releaseClient(`client-${owner}`);
        assert.equal(locks.size, 0);
      }),
    );
  });

  it('of the two families do not meet, nor those of two files', () => {
    const locks = locksOf();
    assert.equal(locks.acquire('f:1', 'posix', range('a', 0, 0)), undefined);
    assert.equal(locks.acquire('f:1', 'flock', range('b', 0, 0)), undefined);
    assert.equal(locks.acquire('f:2', 'posix', range('b', 0, 0)), undefined);
    assert.equal(locks.acquire('f:1', 'posix', range('b', 5, 1))?.clientUuid, 'a');
  });

  it('end when a client is silent, gone, or its file removed', () => {
    const now = { ms: 0 };
    const locks = locksOf(now);
    locks.acquire('f:1', 'posix', range('silent', 0, 1));
    locks.acquire('f:1', 'posix', range('alive', 1, 1));
    locks.acquire('f:2', 'flock', range('gone', 0, 0));
    now.ms = 900;
    locks.renew('alive');
    locks.releaseClient('gone');
    now.ms = 1500;
    locks.expire();
    assert.equal(locks.size, 1);
    locks.forget('f:1');
    assert.equal(locks.size, 0);
  });

  it('end soon after a connection of their client ended, unless it is back', () => {
    const now = { ms: 0 };
    const options = { leaseMs: 60_000, mostOfClient: 10, mostLocks: 10, monotonicMs: () => now.ms };
    const locks = createFileLocks(options);
    for (const client of ['killed', 'cut off']) locks.acquire('f:1', 'posix', range(client, 0, 1, false));
    for (const client of ['killed', 'cut off']) locks.orphan(client);
    now.ms = 9000;
    locks.renew('cut off');
    locks.expire();
    assert.equal(locks.size, 2);
    now.ms = 11_000;
    locks.expire();
    assert.equal(locks.size, 1);
    assert.equal(locks.check('f:1', 'posix', range('other', 0, 1))?.clientUuid, 'cut off');
  });

  it('are refused when they are too many or no ranges', () => {
    const locks = locksOf();
    const take = () => {
      for (let index = 0; index < 2000; index++) locks.acquire('f:1', 'posix', range('a', index * 2, 1));
    };
    assert.throws(take, { code: 'ENOLCK' });
    assert.ok(locks.size <= 1000);
    const wanted = range('b', 0, 1);
    assert.throws(() => locks.acquire('f:1', 'posix', { ...wanted, offset: 1n << 64n }), { code: 'EINVAL' });
    assert.throws(() => locks.acquire('f:1', 'posix', { ...wanted, length: -1n }), { code: 'EINVAL' });
    const last = { ...wanted, offset: (1n << 64n) - 1n, length: 1n };
    assert.equal(locks.acquire('f:1', 'posix', last), undefined);
  });
});
