import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import test from 'node:test';
import { nodeCalls, type RpcConnection } from '@xtreemos/rpc';
import { attach, makeVolume, outcomeOf, startServers } from './metadata-fixtures.ts';

async function attachHome(connection: RpcConnection, name: string, volumeName = 'home') {
  const { response } = await connection.call(
    nodeCalls.attach,
    { volumeName, clientId: randomUUID(), protocolVersion: 1, home: true },
    { user: { name, groups: [name] } },
  );
  return response;
}

test('a user who comes for his home gets the directory of his name, made at the first time and his alone', async (context) => {
  const { mrc } = await startServers(context);
  const connection = async () => {
    const opened = await mrc.connect();
    context.after(() => opened.close());
    return opened;
  };
  const administrator = await connection();
  // Nobody but its owner may make anything in the root.
  await makeVolume(administrator, { name: 'home', owner: 'admin@physics', mode: 0o711 });
  const admin = (await attach(administrator, 'home')).as('admin@physics');

  // From several hosts at once: one of them makes it.
  const answers = await Promise.all(
    Array.from({ length: 5 }, async () => attachHome(await connection(), 'bob@physics')),
  );
  const nodes = new Set(answers.map(({ root }) => root?.node));
  assert.equal(nodes.size, 1);
  const root = answers[0]?.root;
  assert.equal(root?.owner, 'bob@physics');
  assert.equal((root?.mode ?? 0) & 0o7777, 0o700);
  assert.equal((await admin.lookup(1, 'bob')).attributes.node, root?.node);

  // What he writes there is there when he comes again; nobody else looks into it.
  const bob = admin.as('bob@physics');
  await bob.create(root?.node ?? 0n, 'letter');
  assert.equal(await outcomeOf(admin.as('eve@physics').lookup(root?.node ?? 0n, 'letter')), 'EACCES');
  assert.equal(await outcomeOf(bob.mkdir(1, 'carol')), 'EACCES');
  assert.equal((await attachHome(await connection(), 'bob@physics')).root?.node, root?.node);

  // A name that is taken by another is not given away, and nobody without a name in the grid has a home.
  await admin.mkdir(1, 'carol');
  await admin.create(1, 'dave');
  for (const name of [
    'carol@physics',
    'dave@physics',
    '',
    '1000',
    '0',
    '..@physics',
    'a/b@physics',
    '@physics',
  ]) {
    assert.equal(await outcomeOf(attachHome(await connection(), name)), 'EACCES', name);
  }
  assert.equal(await outcomeOf(attachHome(await connection(), 'bob@physics', 'absent')), 'ENOENT');
});
