import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { nodeCalls } from '@xtreemos/rpc';
import {
  attach,
  connectAdmin,
  makeVolume,
  outcomeOf,
  startServers,
} from '../../daemons/metadata/metadata-fixtures.ts';
import { objectsOf } from '../../daemons/objects/objects-fixtures.ts';
import { xos } from '../testing/xos-process.ts';

/** A host whose MRC is one that was started for the test. */
async function hostWithMrc(context: TestContext) {
  const { mrc, osds } = await startServers(context);
  const root = mkdtempSync(join(tmpdir(), 'xos-volume-'));
  context.after(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, 'run/xtreemos/mrc'), { recursive: true });
  symlinkSync(join(mrc.folder, 'admin.sock'), join(root, 'run/xtreemos/mrc/admin.sock'));
  return { mrc, osds, root, volume: (...words: string[]) => xos(['--root', root, 'volume', ...words]) };
}

test('volumes are made, shown, watched and removed', { timeout: 300_000 }, async (context) => {
  const { mrc, volume } = await hostWithMrc(context);
  const made = await volume(
    ...['create', 'data', '--owner', 'alice@physics', '--mode', '1777', '--stripe-size', '64K'],
    ...['--quota', '10G', '--file-quota', '1000', '--user-quota', '1G', '--vo', 'physics'],
  );
  assert.deepEqual([made.exitCode, made.stdout], [0, 'Volume data is made.\n'], made.stderr);
  const shown = JSON.parse((await volume('show', 'data', '--json=short')).stdout);
  const { id, ...rest } = shown;
  assert.match(id, /^[0-9a-f-]{36}$/);
  assert.deepEqual(rest, {
    name: 'data',
    owner: 'alice@physics',
    group: 'alice@physics',
    mode: '1777',
    stripeBytes: 65_536,
    width: 1,
    quotaBytes: 10 * 2 ** 30,
    usedBytes: 0,
    files: 1,
    settings: {
      'xtreemos.vo': 'physics',
      'xtreemos.osd_selection': 'random',
      'xtreemos.quota_files': '1000',
      'xtreemos.user_quota': `${2 ** 30}/0`,
    },
  });
  assert.match(
    (await volume('list')).stdout,
    /^data +physics +alice@physics +1 +0 B +10 GiB +64 KiB over 1 OSD$/m,
  );
  const connection = await mrc.connect();
  context.after(() => connection.close());
  const client = await attach(connection, 'data', { name: 'alice@physics', groups: ['alice@physics'] });
  await client.create(1, 'file', { flags: 2 });
  const usage = await volume('usage', 'data', '--watch', '1');
  assert.match(usage.stdout, /^0 B in 2 files$/m);
  assert.match(usage.stderr, /0 B in 2 files \(\+0 B\/s, \+0 files\/s\)/);
  assert.equal((await volume('remove', 'data', '--yes')).exitCode, 0);
  assert.doesNotMatch((await volume('list')).stdout, /^data/m);
});

test('settings are changed while the volume is used, and the change is in the log', {
  timeout: 300_000,
}, async (context) => {
  const { mrc, volume } = await hostWithMrc(context);
  const user = { name: 'alice@physics', groups: ['alice@physics'] };
  assert.equal(
    (await volume('create', 'data', '--owner', 'alice@physics', '--user-quota', '1G')).exitCode,
    0,
  );
  const connection = await mrc.connect();
  context.after(() => connection.close());
  const client = await attach(connection, 'data', user);
  const before = await client.create(1, 'before', { flags: 2 });
  const set = await volume(
    ...['set', 'data', '--stripe-size', '64K', '--quota', '10G', '--file-quota', '3'],
    ...['--quota-of', 'alice@physics=2G', '--quota-of', 'bob@physics=1G', '--json=short'],
  );
  assert.equal(set.exitCode, 0, set.stderr);
  const { stripeBytes, quotaBytes, settings } = JSON.parse(set.stdout);
  assert.deepEqual([stripeBytes, quotaBytes], [65_536, 10 * 2 ** 30]);
  assert.deepEqual(settings, {
    'xtreemos.osd_selection': 'random',
    'xtreemos.quota_files': '3',
    'xtreemos.user_quota': `${2 ** 30}/0`,
    'xtreemos.user_quotas': `alice@physics=${2 * 2 ** 30}/0 bob@physics=${2 ** 30}/0`,
  });
  const after = await client.create(1, 'after', { flags: 2 });
  const stripeOf = (file: {
    fileCredentials: { xlocs: { replicas: { stripingPolicy: { stripeSize: number } }[] } };
  }) => file.fileCredentials.xlocs.replicas[0]?.stripingPolicy.stripeSize;
  assert.deepEqual([stripeOf(before), stripeOf(after)], [128, 64]);
  assert.equal(await outcomeOf(client.create(1, 'too many', { flags: 2 })), 'ENOSPC');
  const more = await volume(
    'set',
    'data',
    '--file-quota',
    'none',
    '--quota',
    'none',
    '--quota-of',
    'bob@physics=none',
  );
  assert.match(more.stdout, /^ +Quota: none$/m);
  assert.match(more.stdout, /^Quotas of users: alice@physics=2147483648\/0$/m);
  assert.equal(await outcomeOf(client.create(1, 'not too many', { flags: 2 })), 'done');
  assert.match(mrc.output, /Volume data is changed: .*xtreemos.quota_files \\?"3\\?" to/);
});

test('a volume is compared with what its OSDs have, and repaired', { timeout: 300_000 }, async (context) => {
  const { mrc, osds, volume } = await hostWithMrc(context);
  assert.equal((await volume('create', 'data', '--owner', 'alice@physics')).exitCode, 0);
  const sound = await volume('check', 'data', '--content');
  assert.deepEqual([sound.exitCode, sound.stdout], [0, 'Nothing is wrong with volume data.\n'], sound.stderr);
  const [server] = osds;
  assert.ok(server !== undefined);
  const [connection, osd] = [await mrc.connect(), await server.connect()];
  context.after(() => {
    for (const each of [connection, osd]) each.close();
  });
  const client = await attach(connection, 'data', { name: 'alice@physics', groups: ['alice@physics'] });
  const { fileCredentials, handle } = await client.create(1, 'file', { flags: 2 });
  await objectsOf(osd).write(fileCredentials, 0, 0, Buffer.alloc(1000));
  await client.call(nodeCalls.close, { handle });
  const found = await volume('check', 'data');
  assert.equal(found.exitCode, 1, found.stderr);
  assert.match(
    found.stdout,
    /^WHAT +PATH OR FILE +OSD +DETAIL\nbeyond-end +\/file +osd-1 +1000 bytes at the OSDs, 0 in the MRC\n$/,
  );
  const { fileId: file } = fileCredentials.xcap;
  assert.deepEqual(JSON.parse((await volume('check', 'data', '--json=short')).stdout), {
    name: 'data',
    content: false,
    findings: [
      {
        kind: 'beyond-end',
        path: '/file',
        file,
        osd: 'osd-1',
        detail: '1000 bytes at the OSDs, 0 in the MRC',
      },
    ],
    leftOut: 0,
  });
  const repair = { kind: 'beyond-end', path: '/file', file, osd: 'osd-1' };
  const repaired = [
    {
      ...repair,
      detail: '1000 bytes at the OSDs, 0 in the MRC',
      action: 'its size is 1000 bytes',
      before: '0 bytes',
    },
  ];
  const planned = await volume('repair', 'data', '--dry-run', '--json=short');
  assert.equal(planned.exitCode, 1, planned.stderr);
  assert.deepEqual(JSON.parse(planned.stdout), {
    name: 'data',
    dryRun: true,
    repaired,
    left: [],
    leftOut: 0,
  });
  const unasked = await volume('repair', 'data');
  assert.equal(unasked.exitCode, 2, unasked.stdout);
  assert.match(unasked.stderr, /--yes/);
  assert.equal((await client.lookup(1, 'file')).attributes.size, 0n);
  const done = await volume('repair', 'data', '--yes', '--json=short');
  assert.equal(done.exitCode, 0, done.stderr);
  assert.deepEqual(JSON.parse(done.stdout), { name: 'data', dryRun: false, repaired, left: [], leftOut: 0 });
  assert.equal((await client.lookup(1, 'file')).attributes.size, 1000n);
  assert.match(
    (await volume('repair', 'data', '--yes')).stdout,
    /^Nothing is to be repaired in volume data\.$/m,
  );
  assert.equal((await volume('repair', 'none', '--yes')).exitCode, 2);
  osd.close();
  await server.stop('SIGTERM');
  const unexamined = await volume('check', 'data');
  assert.equal(unexamined.exitCode, 2, unexamined.stderr);
  assert.match(unexamined.stdout, /^not-examined +- +osd-1 +1 file with objects there: /m);
  assert.equal((await volume('check', 'none')).exitCode, 2);
  await mrc.stop('SIGTERM');
  const unreachable = await volume('check', 'data');
  assert.equal(unreachable.exitCode, 2);
  assert.match(unreachable.stderr, /^xos: The MRC of this host/);
});

test('what cannot be done is said', { timeout: 300_000 }, async (context) => {
  const { mrc, volume } = await hostWithMrc(context);
  const refused = async (status: number, reason: RegExp, ...words: string[]) => {
    const { exitCode: got, stderr } = await volume(...words);
    assert.equal(got, status, stderr);
    assert.match(stderr, reason);
  };
  await refused(2, /there is no volume data .*there are probe/, 'show', 'data');
  await refused(2, /--owner/, 'create', 'data');
  await refused(2, /multiple of 1K/, 'create', 'data', '--owner', 'a@b', '--stripe-size', '100');
  await refused(1, /volume a\/b/, 'create', 'a/b', '--owner', 'alice@physics');
  await refused(2, /no setting is given/, 'set', 'probe');
  await refused(2, /there is no volume data/, 'set', 'data', '--quota', '1G');
  await refused(2, /USER=SIZE/, 'set', 'probe', '--quota-of', 'alice@physics');
  await refused(2, /1 to 64/, 'set', 'probe', '--width', '65');
  await refused(1, /change the volume probe/, 'set', 'probe', '--osds', ',');
  await refused(1, /probe/, 'create', 'probe', '--owner', 'alice@physics');
  const admin = await connectAdmin(mrc);
  context.after(() => admin.close());
  const used = makeVolume(admin, { name: 'other', attributes: { 'xtreemos.used': '0/0' } });
  await assert.rejects(used, /is told, not set/);
});
