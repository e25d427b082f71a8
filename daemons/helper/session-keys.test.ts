import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

// In a process of its own, whose session keyring goes with it.
const script = `
  import * as keyring from '@xtreemos/native-keyring';
  // The permissions that pam_xos leaves: the possessor views, reads and searches, the owner views and sets attributes.
  import { revokeKeys } from ${JSON.stringify(join(import.meta.dirname, 'session-keys.ts'))};
  keyring.joinSession(null);
  const add = (description, type = 'user') =>
    keyring.addKey(type, description, type === 'keyring' ? new Uint8Array(0) : Buffer.from('x'), keyring.keyrings.session);
  const ours = add('xos:credential');
  keyring.setPermissions(ours, 0x0b210000);
  const other = add('other');
  const prefixed = add('xos:credential2');
  const foreign = keyring.addKey('user', 'xos:credential', Buffer.from('y'), keyring.addKey('keyring', 'k', new Uint8Array(0), keyring.keyrings.session));
  keyring.setOwner(foreign, { uid: 2030043205 });
  const reply = revokeKeys([ours, other, prefixed, foreign, 5], keyring);
  const state = (key) => { try { keyring.readKey(key); return 'there'; } catch (error) { return error.code; } };
  const again = revokeKeys([ours], keyring);
  console.log(JSON.stringify({ ours, other, prefixed, foreign, reply, again, states: [ours, other, prefixed].map(state) }));
`;

test('session credentials of root are revoked, every other key is refused', () => {
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
    cwd: import.meta.dirname,
  });
  const { ours, other, prefixed, foreign, reply, again, states } = JSON.parse(output) as Record<
    string,
    never
  >;
  assert.deepEqual(reply, { revoked: [ours], absent: [5], refused: [other, prefixed, foreign] });
  assert.deepEqual(again, { revoked: [], absent: [ours], refused: [] });
  assert.deepEqual(states, ['EKEYREVOKED', 'there', 'there']);
});
