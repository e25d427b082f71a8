import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { errnoName, errnoNumber, errnoOf } from './errno.ts';
import { formatFileId, maximumFileIdLength, parseFileId } from './file-id.ts';

describe('file ids', () => {
  it('are read back', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (volumeId, node) => {
        const text = formatFileId({ volumeId, node });
        assert.ok(text.length <= maximumFileIdLength);
        assert.deepEqual(parseFileId(text), { volumeId, node });
      }),
    );
  });

  it('are nothing that could name another file', () => {
    const wrong = ['', ':', 'a:', ':1', '../a:1', 'a/b:1', 'a:01', 'a:-1', 'a:1\0', 'a:1\n', '.:1', '-a:1'];
    for (const text of [...wrong, `a:${2n ** 64n}`, `${'a'.repeat(65)}:1`, 'ä:1', 'a:1:2'])
      assert.equal(parseFileId(text), undefined, JSON.stringify(text));
    fc.assert(
      fc.property(fc.string(), (text) => {
        const parsed = parseFileId(text);
        assert.ok(parsed === undefined || formatFileId(parsed) === text);
      }),
    );
  });
});

describe('error numbers', () => {
  it('are Linux numbers, named both ways', () => {
    assert.deepEqual(
      [errnoNumber('ENOENT'), errnoNumber('EIO'), errnoNumber('ESTALE'), errnoNumber('EDQUOT')],
      [2, 5, 116, 122],
    );
    assert.deepEqual(
      [errnoName(2), errnoName(11), errnoName(95), errnoName(9999)],
      ['ENOENT', 'EAGAIN', 'EOPNOTSUPP', undefined],
    );
  });

  it('are found in errors of system calls, and are EIO for others', () => {
    assert.equal(errnoOf(Object.assign(new Error('full'), { code: 'ENOSPC' })), 28);
    assert.equal(errnoOf(Object.assign(new Error('odd'), { code: 'toString' })), 5);
    assert.equal(errnoOf(new TypeError('defect')), 5);
    assert.equal(errnoOf(null), 5);
  });
});
