import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isXosError } from '@xtreemos/base';
import fc from 'fast-check';
import { formatNodeToken, type NodeToken, parseNodeToken } from './node-token.ts';

const token: NodeToken = {
  url: 'https://vo.example:7443',
  vo: 'physics.example',
  caFingerprint: 'ab'.repeat(32),
  secret: 'c2VjcmV0c2VjcmV0c2VjcmV0',
  expiresAtMs: 1_800_000_000_000,
};

describe('node token', () => {
  it('survives the way through a text file', () => {
    assert.deepEqual(parseNodeToken(`  ${formatNodeToken(token)}\n`), token);
  });

  it('is refused when cut short, mistyped or something else', () => {
    const text = formatNodeToken(token);
    for (let length = 0; length < text.length; length += 1) {
      assert.throws(() => parseNodeToken(text.slice(0, length)), { code: 'XOS_TOKEN_INVALID' });
    }
    const flipped = text.slice(0, 30) + (text[30] === 'A' ? 'B' : 'A') + text.slice(31);
    assert.throws(() => parseNodeToken(flipped), /mistyped/);
    assert.throws(() => parseNodeToken(text.replace('xos-node-1', 'xos-node-2')), /does not start/);
    assert.throws(() => parseNodeToken('a'.repeat(5000)), /longer/);
  });

  it('is refused with fields of the wrong shape', () => {
    const wrong: readonly Partial<NodeToken>[] = [
      { url: 'http://vo.example' },
      { vo: '../etc' },
      { caFingerprint: 'AB' },
      { secret: 'a b' },
      { expiresAtMs: 1.5 },
    ];
    for (const change of wrong) {
      assert.throws(() => parseNodeToken(formatNodeToken({ ...token, ...change })), {
        code: 'XOS_TOKEN_INVALID',
      });
    }
  });

  it('any text is a token or an error of ours', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `xos-node-1.${text}`),
        ),
        (text) => {
          try {
            parseNodeToken(text);
            return false;
          } catch (error) {
            return isXosError(error, 'XOS_TOKEN_INVALID');
          }
        },
      ),
    );
  });
});
