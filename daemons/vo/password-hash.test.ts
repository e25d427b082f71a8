import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PasswordHasher } from './password-hash.ts';

describe('passwords', () => {
  const passwords = new PasswordHasher({ costExponent: 14 });

  it('verify against their hash, which names its parameters, and differ in salt', async () => {
    const [first, second] = await Promise.all([passwords.hash('Gr\u00fcn 7'), passwords.hash('Gr\u00fcn 7')]);
    assert.match(first, /^\$scrypt\$ln=14,r=8,p=3\$/);
    assert.notEqual(first, second);
    assert.equal(await passwords.verify('Gr\u00fcn 7', first), true);
    // The same text typed on a keyboard that composes the umlaut (NFD).
    assert.equal(await passwords.verify('Gru\u0308n 7', first), true);
    assert.equal(await passwords.verify('gr\u00fcn 7', first), false);
  });

  it('of another cost still verify', async () => {
    const old = await new PasswordHasher({ costExponent: 15 }).hash('long ago');
    assert.equal(await passwords.verify('long ago', old), true);
  });

  it('nobody is verified against no hash or a damaged one', async () => {
    assert.equal(await passwords.verify('', null), false);
    assert.equal(await passwords.verify('', '$scrypt$ln=14,r=8,p=3$$'), false);
    assert.equal(await passwords.verify('x', 'x'), false);
  });

  it('a flood is refused beyond a queue, and the queue drains', async () => {
    const few = new PasswordHasher({ costExponent: 14, maximumWaiting: 3 });
    const results = await Promise.allSettled(Array.from({ length: 9 }, () => few.verify('x', null)));
    const refused = results.filter(({ status }) => status === 'rejected');
    assert.equal(refused.length, 9 - 2 - 3);
    assert.equal(await few.verify('x', null), false);
  });
});
