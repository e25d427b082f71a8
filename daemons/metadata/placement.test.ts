import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ErrnoError } from './errno-error.ts';
import { OsdSelection } from './placement.ts';

const nowMs = 1_000_000;

function selection(random: () => number = Math.random) {
  const made = new OsdSelection({ silenceMs: 300_000, freeBytes: 100 }, () => nowMs, random);
  const osd = (uuid: string, freeBytes: number, ageMs = 0) => ({
    uuid,
    freeBytes,
    totalBytes: 10_000,
    lastSeenMs: nowMs - ageMs,
  });
  made.update([osd('a', 9000), osd('b', 1000), osd('c', 200), osd('full', 50), osd('silent', 9000, 300_001)]);
  return made;
}

const errnoOf = (work: () => unknown): string => {
  try {
    work();
    return 'none';
  } catch (error) {
    return error instanceof ErrnoError ? error.errno : String(error);
  }
};

describe('choice of OSDs', () => {
  it('takes different ones that live and have room, as many as there are', () => {
    for (let round = 0; round < 50; round++)
      assert.deepEqual([...selection().choose({ kind: 'random' }, 9)].toSorted(), ['a', 'b', 'c']);
  });

  it('prefers free space in proportion', () => {
    const chosen = selection();
    let first = 0;
    for (let round = 0; round < 4000; round++)
      if (chosen.choose({ kind: 'free-space' }, 1)[0] === 'a') first += 1;
    // 9000 of 10200 bytes: 3529 of 4000; five standard deviations are 102.
    assert.ok(Math.abs(first - 3529) < 102, `${first}`);
  });

  it('keeps to the ones that are named', () => {
    const uuids = ['c', 'b', 'full'];
    assert.deepEqual(selection().choose({ kind: 'uuid', uuids }, 3), ['b', 'c']);
  });

  it('says whether there is no room or nobody', () => {
    assert.equal(
      errnoOf(() => selection().choose({ kind: 'uuid', uuids: ['full'] }, 1)),
      'ENOSPC',
    );
    const empty = new OsdSelection({ silenceMs: 1, freeBytes: 0 }, () => nowMs);
    assert.equal(
      errnoOf(() => empty.choose({ kind: 'random' }, 1)),
      'EIO',
    );
  });
});
