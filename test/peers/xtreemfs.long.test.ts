/**
 * XtreemFS 1.6's own client and our mount beside each other, on our servers and on XtreemFS's own: what one writes the other reads. As
 * root.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  cpSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  rmSync,
  statfsSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { mkdir, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { certificatePem } from '@xtreemos/identity';
import { connectAdmin, makeVolume, startServers } from '../../daemons/metadata/metadata-fixtures.ts';
import { startTlsServers } from '../../daemons/metadata/tls-servers-fixture.ts';
import { pathMountScript } from '../../daemons/mount/path-mount-script.ts';
import { hostGuid } from '../../packages/identity/fixtures/domain.ts';
import { domain, identityOf } from '../../packages/xtreemfs/joined-host-fixture.ts';
import { TestMount } from '../fs/test-volume.ts';
import { mountByPeer, noPeer, runTool } from './stock-mount.ts';
import { noPeerServers, startPeerServers } from './stock-servers.ts';

const skip = noPeer;
const settings = { skip, timeout: 300_000 };

interface Both {
  readonly theirs: string;
  readonly ours: string;
  readonly isOnOurs: boolean;
}

/** A volume made and mounted by XtreemFS's tools, mounted by ours too. */
async function mountBoth(
  context: TestContext,
  { mrcPort, directoryPort }: { readonly mrcPort: number; readonly directoryPort: number },
  isOnOurs: boolean,
): Promise<Both> {
  const mrcUrl = `pbrpc://127.0.0.1:${mrcPort}`;
  await runTool('mkfs.xtreemfs', '--mode', '777', '--striping-policy-width', '2', `${mrcUrl}/peer`);
  const url = `pbrpc://127.0.0.1:${directoryPort}/peer`;
  const theirs = await mountByPeer(context, url, ['--metadata-cache-ttl-s', '1']);
  const mount = new TestMount(`127.0.0.1:${directoryPort}/peer`, {
    options: `plain,suid,dev${isOnOurs ? '' : ',stock'}`,
  });
  context.after(async () => {
    await mount.end('SIGTERM');
    rmdirSync(mount.directory);
  });
  await mount.start();
  return { theirs, ours: mount.directory, isOnOurs };
}

async function onOurs(context: TestContext): Promise<Both> {
  const { directory, mrc } = await startServers(context, { osds: 2 });
  return mountBoth(context, { mrcPort: mrc.port, directoryPort: directory.port }, true);
}

async function onTheirs(context: TestContext): Promise<Both> {
  const both = await mountBoth(context, await startPeerServers(context, { osds: 2 }), false);
  // Their MRC looks for OSDs once a second.
  const probe = path.join(both.ours, 'probe');
  await seen(() => writeFileSync(probe, 'content'));
  unlinkSync(probe);
  return both;
}

/** The same on both kinds of servers. */
function testOnBoth(name: string, body: (context: TestContext, both: Both) => Promise<void>): void {
  test(`on our servers: ${name}`, settings, async (context) => body(context, await onOurs(context)));
  test(`on theirs: ${name}`, { ...settings, skip: noPeerServers }, async (context) =>
    body(context, await onTheirs(context)),
  );
}

const hashOf = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex');

/** Until another client has been told, or its cache is old. */
async function seen(look: () => void): Promise<void> {
  const endMs = performance.now() + 15_000;
  for (;;) {
    try {
      look();
      return;
    } catch (error) {
      if (performance.now() > endMs) throw error;
    }
    await sleep(100);
  }
}

/** As a user without an account. */
function as(uid: number, script: string) {
  const words = ['--reuid', String(uid), '--regid', String(uid), '--clear-groups', 'sh', '-c', script];
  return spawnSync('setpriv', words, { encoding: 'utf8' });
}

testOnBoth('files written by one client are read by the other', async (_context, { theirs, ours }) => {
  for (const [writer, reader] of [
    [theirs, ours],
    [ours, theirs],
  ] as const) {
    const at = (name: string) => path.join(writer, name);
    const on = (name: string) => path.join(reader, name);
    const base = `from ${writer === theirs ? 'theirs' : 'ours'}`;
    mkdirSync(at(base));
    const data = randomBytes(3_500_000);
    writeFileSync(at(`${base}/large`), data);
    writeFileSync(at(`${base}/small`), 'hello');
    await seen(() => assert.equal(statSync(on(`${base}/large`)).size, data.length));
    assert.equal(hashOf(on(`${base}/large`)), createHash('sha256').update(data).digest('hex'));
    assert.equal(readFileSync(on(`${base}/small`), 'utf8'), 'hello');
    appendFileSync(at(`${base}/small`), ' again');
    await seen(() => assert.equal(readFileSync(on(`${base}/small`), 'utf8'), 'hello again'));
    truncateSync(at(`${base}/large`), 1_000_001);
    await seen(() => assert.equal(statSync(on(`${base}/large`)).size, 1_000_001));
    assert.ok(readFileSync(on(`${base}/large`)).equals(data.subarray(0, 1_000_001)));
    truncateSync(at(`${base}/large`), 1_200_000);
    await seen(() => assert.equal(statSync(on(`${base}/large`)).size, 1_200_000));
    assert.ok(
      readFileSync(on(`${base}/large`))
        .subarray(1_000_001)
        .every((byte) => byte === 0),
    );
    writeFileSync(at(`${base}/small`), 'short');
    await seen(() => assert.equal(readFileSync(on(`${base}/small`), 'utf8'), 'short'));
  }
});

testOnBoth('names, links, attributes: done by one, seen by the other', async (_context, { theirs, ours }) => {
  for (const [doer, reader] of [
    [theirs, ours],
    [ours, theirs],
  ] as const) {
    const base = `by ${doer === theirs ? 'theirs' : 'ours'}`;
    const at = (name: string) => path.join(doer, base, name);
    const on = (name: string) => path.join(reader, base, name);
    mkdirSync(at('.'));
    mkdirSync(at('folder'), { mode: 0o750 });
    writeFileSync(at('folder/a'), 'a');
    linkSync(at('folder/a'), at('b'));
    symlinkSync('folder/a', at('link'));
    renameSync(at('folder/a'), at('folder/moved ö'));
    chmodSync(at('b'), 0o640);
    chownSync(at('b'), 1234, 5678);
    utimesSync(at('b'), 1_000_000, 2_000_000);
    await seen(() => {
      assert.deepEqual(readdirSync(on('.')).toSorted(), ['b', 'folder', 'link']);
      assert.deepEqual(readdirSync(on('folder')), ['moved ö']);
      assert.equal(readlinkSync(on('link')), 'folder/a');
      const { nlink, mode, uid, gid, mtimeMs, ino } = statSync(on('b'));
      assert.deepEqual([nlink, mode, uid, gid, mtimeMs], [2, 0o100640, 1234, 5678, 2_000_000_000]);
      assert.equal(ino, statSync(on('folder/moved ö')).ino);
      assert.equal(statSync(on('folder')).mode & 0o777, 0o750);
      assert.equal(lstatSync(on('link')).isSymbolicLink(), true);
    });
    assert.throws(() => rmdirSync(at('folder')), { code: 'ENOTEMPTY' });
    assert.throws(() => mkdirSync(at('folder')), { code: 'EEXIST' });
    assert.throws(() => readFileSync(at('none')), { code: 'ENOENT' });
    assert.throws(() => readFileSync(at('b/none')), { code: 'ENOTDIR' });
    unlinkSync(at('folder/moved ö'));
    rmdirSync(at('folder'));
    await seen(() => assert.deepEqual(readdirSync(on('.')).toSorted(), ['b', 'link']));
  }
  assert.ok(statfsSync(theirs).blocks > 0);
});

testOnBoth(
  'users without an account have the rights of their ids with both clients',
  async (_context, { theirs, ours }) => {
    assert.equal(
      as(4001, `umask 077; mkdir '${theirs}/private' && echo mine >'${theirs}/private/f'`).status,
      0,
    );
    await seen(() => assert.equal(statSync(path.join(ours, 'private/f')).uid, 4001));
    assert.equal(as(4001, `cat '${ours}/private/f'`).stdout, 'mine\n');
    assert.match(as(4002, `cat '${theirs}/private/f'`).stderr, /Permission denied/);
    assert.match(as(4002, `cat '${ours}/private/f'`).stderr, /Permission denied/);
    assert.match(as(4002, `rm -rf '${theirs}/private'`).stderr, /Permission denied/);
    assert.equal(as(4001, `rm -r '${theirs}/private'`).status, 0);
  },
);

testOnBoth(
  'a tree is copied by each and is the same for both; a long directory is listed',
  async (_context, { theirs, ours, isOnOurs }) => {
    const source = path.join(import.meta.dirname, '../../daemons/metadata');
    for (const [doer, reader] of [
      [theirs, ours],
      [ours, theirs],
    ] as const) {
      const name = doer === theirs ? 'theirs' : 'ours';
      cpSync(source, path.join(doer, name), { recursive: true });
      await seen(() => {
        const compared = spawnSync('diff', ['-r', source, path.join(reader, name)], { encoding: 'utf8' });
        assert.equal(compared.status, 0, compared.stdout + compared.stderr);
      });
    }
    mkdirSync(path.join(ours, 'many'));
    const names = Array.from({ length: 2500 }, (_, index) => `n${String(index).padStart(4, '0')}`);
    for (const name of names) writeFileSync(path.join(ours, 'many', name), '');
    await seen(() => assert.deepEqual(readdirSync(path.join(theirs, 'many')).toSorted(), names));
    // Their client on their servers skips entries while it removes others.
    const [remover, other] = isOnOurs ? [theirs, ours] : [ours, theirs];
    rmSync(path.join(remover, 'many'), { recursive: true });
    await seen(() => assert.ok(!readdirSync(other).includes('many')));
  },
);

function outcomeOf(process: ReturnType<typeof lock>): Promise<string> {
  return new Promise((resolve) => {
    process.stdout.once('data', (text: Buffer) => resolve(text.toString()));
    process.once('close', (status) => resolve(`ended with ${status}`));
  });
}

/** fcntl(2) F_SETLK on the first ten bytes, by a process that holds what it got until its input ends. */
function lock(file: string) {
  const script = `use Fcntl; open(F, "+<", $ARGV[0]) or die; $| = 1;
    my $wanted = pack("s s x4 q q i x4", F_WRLCK, 0, 0, 10, 0);
    print fcntl(F, F_SETLK, $wanted) ? "locked" : "refused"; <STDIN>`;
  return spawn('perl', ['-e', script, file], { stdio: ['pipe', 'pipe', 'inherit'] });
}

testOnBoth(
  'a lock that a process holds by one client keeps those out that come by the other',
  async (_context, { theirs, ours }) => {
    writeFileSync(path.join(ours, 'f'), 'content');
    await seen(() => assert.equal(statSync(path.join(theirs, 'f')).size, 7));
    for (const [first, second] of [
      [theirs, ours],
      [ours, theirs],
    ] as const) {
      const holder = lock(path.join(first, 'f'));
      assert.equal(await outcomeOf(holder), 'locked');
      const other = lock(path.join(second, 'f'));
      assert.equal(await outcomeOf(other), 'refused');
      for (const process of [other, holder]) {
        const ended = once(process, 'close');
        process.stdin.end();
        await ended;
      }
      // Their client gives a lock back after its process has ended.
      for (let outcome = 'refused', tries = 0; outcome !== 'locked'; tries++) {
        const next = lock(path.join(second, 'f'));
        outcome = await outcomeOf(next);
        const ended = once(next, 'close');
        next.stdin.end();
        await ended;
        assert.ok(tries < 100, outcome);
      }
    }
  },
);

test('on theirs: our mount does what XtreemFS has calls for, and says what it cannot', {
  ...settings,
  skip: noPeerServers,
}, async (context) => {
  const { ours } = await onTheirs(context);
  const done = spawnSync('sh', ['-c', pathMountScript], { cwd: ours, encoding: 'utf8' });
  assert.equal(done.status, 0, done.stdout + done.stderr);
});

test('on theirs: without a word that everybody is believed our mount says what it lacks', {
  ...settings,
  skip: noPeerServers,
}, async (context) => {
  const { directoryPort, mrcPort } = await startPeerServers(context, { osds: 1 });
  await runTool('mkfs.xtreemfs', `pbrpc://127.0.0.1:${mrcPort}/peer`);
  const mount = new TestMount(`127.0.0.1:${directoryPort}/peer`, { options: 'plain' });
  context.after(() => rmdirSync(mount.directory));
  await assert.rejects(mount.start(), /none of ours.*-o plain,stock/);
});

test('volumes are made, listed and removed by XtreemFS’s tools', settings, async (context) => {
  const { mrc } = await startServers(context);
  const url = `pbrpc://127.0.0.1:${mrc.port}`;
  await runTool('mkfs.xtreemfs', `${url}/one`);
  assert.match(await runTool('lsfs.xtreemfs', url), /one/);
  await runTool('rmfs.xtreemfs', '--force', `${url}/one`);
  assert.doesNotMatch(await runTool('lsfs.xtreemfs', url), /one/);
});

test('over TLS, with the certificate of a host that the volume names', settings, async (context) => {
  const { directory, mrc } = await startTlsServers(context);
  const admin = await connectAdmin(mrc);
  const volume = { owner: '0', group: '0', mode: 0o755 };
  const attributes = { 'xtreemos.foreign_hosts': 'dir.example' };
  await makeVolume(admin, { name: 'scratch', ...volume, attributes });
  await makeVolume(admin, { name: 'closed', ...volume });
  admin.close();
  const folder = mkdtempSync(path.join(tmpdir(), 'xos-peer-keys-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const { keyPem, chainPem } = identityOf('accounts', hostGuid);
  writeFileSync(path.join(folder, 'host.key'), keyPem);
  writeFileSync(path.join(folder, 'host.pem'), chainPem);
  writeFileSync(path.join(folder, 'roots.pem'), certificatePem(domain.root.certificate));
  const options = [
    `--pem-private-key-file-path=${folder}/host.key`,
    `--pem-certificate-file-path=${folder}/host.pem`,
    `--pem-trusted-certificates-file-path=${folder}/roots.pem`,
  ];
  const url = (name: string) => `pbrpcs://127.0.0.1:${directory.port}/${name}`;
  // The servers are in this process: nothing here may wait for them and do nothing else.
  const mounted = await mountByPeer(context, url('scratch'), options);
  const file = path.join(mounted, 'f');
  const data = randomBytes(300_000);
  await writeFile(file, data);
  assert.ok((await readFile(file)).equals(data));
  await truncate(file, 1000);
  const { size, uid } = await stat(file);
  assert.deepEqual([size, uid], [1000, 0]);
  await mkdir(path.join(mounted, 'folder'));
  assert.deepEqual((await readdir(mounted)).toSorted(), ['f', 'folder']);
  await assert.rejects(mountByPeer(context, url('closed'), options), /was not mounted/);
});
