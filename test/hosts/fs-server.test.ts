/** Servers of the file system as their administrators have them: installed, joined, looked at, killed, rebooted. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { waitFor } from '../sandbox/daemon.ts';
import { createVo, join } from './grid.ts';
import { type Host, hosts } from './hosts.ts';

interface Listed {
  readonly type: string;
  readonly uuid: string;
  readonly addresses: readonly string[];
  readonly alive: boolean;
  readonly freeBytes: number | null;
}

test('DIR, MRC and OSDs start when their hosts join, find each other, and come back', {
  timeout: 400_000,
}, async (t) => {
  const [head, store] = await hosts(t, ['head', 'store'], { installed: true });
  // Installed is not joined: nothing runs, and nothing has failed.
  for (const unit of ['xos-dir', 'xos-mrc', 'xos-osd']) assert.equal(await state(store, unit), 'inactive');
  await createVo(head, 'demo');
  await store.succeed('mkdir -p /etc/xtreemos/osd.conf.d');
  await store.succeed(
    "printf '[Directory]\\nAddress=head.xos.test\\n' >/etc/xtreemos/osd.conf.d/directory.conf",
  );
  await join(head, head, 'demo', ['accounts', 'dir', 'mrc', 'osd']);
  await join(head, store, 'demo', ['accounts', 'osd']);
  await expectActive(head, 'xos-dir', 'xos-mrc', 'xos-osd');
  await expectActive(store, 'xos-osd');
  assert.equal(await state(store, 'xos-dir'), 'inactive', 'store did not join as a DIR');

  const listed = await registered(head, 3);
  assert.deepEqual(listed.flatMap(({ addresses }) => addresses).toSorted(), [
    'head.xos.test:32636',
    'head.xos.test:32640',
    'store.xos.test:32640',
  ]);
  assert.deepEqual(listed.map(({ type }) => type).toSorted(), ['mrc', 'osd', 'osd']);
  for (const { type, freeBytes } of listed) assert.ok(type === 'mrc' || (freeBytes ?? 0) > 0);
  assert.match(await head.succeed('xos fs status'), /^OSD +\S+ +store\.xos\.test:32640 +alive/m);
  const dirStatus = () => head.succeed('systemctl status --no-pager xos-dir');
  // Told to systemd now and then, not at each registration.
  const counted = async () => (await dirStatus()).includes('Status: "1 MRC, 2 OSDs');
  await waitFor(counted, 20_000, 'the DIR does not tell its servers');
  assert.match(await store.succeed('systemctl status --no-pager xos-osd'), /Status: "OSD .* free/);
  // A host of the VO asks from elsewhere, by the DIR's name.
  await store.succeed('xos fs status --directory head.xos.test');

  await store.succeed("printf '[Status]\\nListen=127.0.0.1:32641\\n' >/etc/xtreemos/osd.conf.d/status.conf");
  await store.succeed('systemctl restart xos-osd');
  const status = JSON.parse(await store.succeed('wget -qO- http://127.0.0.1:32641/status.json')) as {
    readonly host: string;
    readonly freeBytes: number;
    readonly metadataServers: readonly { readonly host: string }[];
  };
  assert.ok(status.host === 'store.xos.test' && status.freeBytes > 0);
  // Nobody copied a key: the MRC's host stands for it.
  assert.deepEqual(
    status.metadataServers.map(({ host }) => host),
    ['head.xos.test'],
  );
  assert.match(await store.succeed('wget -qO- http://127.0.0.1:32641/'), /<h1>OSD /);
  assert.match(await store.succeed('wget -qO- http://127.0.0.1:32641/metrics'), /^xos_osd_locks 0$/m);

  // What root of one host writes, root of another reads: a volume that takes both hosts at their word.
  const trusted = ['head', 'store'].map((name) => `--foreign-ids ${name}.xos.test`).join(' ');
  await head.succeed(`xos volume create data --owner alice@demo --mode 0777 ${trusted}`);
  await mount(store);
  await store.succeed('echo written on store >/grid/data/file && sync /grid/data/file');
  await mount(head);
  assert.equal(await head.succeed('cat /grid/data/file'), 'written on store\n');
  for (const host of [head, store]) {
    const told = await host.succeed('xos doctor filesystem');
    assert.match(
      told,
      /^(?:ok +filesystem +demo: the DIR at \S+:32638 answers .* 2 OSDs are reached|warning .* left)/,
    );
  }

  // umount(8) waits for umount.xtreemfs, and that for the process.
  await head.succeed('echo more >>/grid/data/file; umount /grid/data && ! pgrep -f "[m]ount.js"');
  assert.equal(await store.succeed('cat /grid/data/file'), 'written on store\nmore\n');
  // A client is connected, and asks for changes all the time.
  const stopping = await head.succeed(
    'begin=$(date +%s%N); systemctl stop xos-mrc; echo $((($(date +%s%N) - begin) / 1000000)); systemctl start xos-mrc',
  );
  assert.ok(Number(stopping) < 2_000, `the MRC took ${stopping} ms to stop`);
  await expectActive(head, 'xos-mrc');

  const before = await mainPid(store, 'xos-osd');
  await store.succeed(`kill -9 ${before}`);
  await waitFor(
    async () => !['0', before].includes(await mainPid(store, 'xos-osd')),
    20_000,
    'a killed OSD is not started again',
  );
  await expectActive(store, 'xos-osd');

  await Promise.all([head.reboot(), store.reboot()]);
  await expectActive(head, 'xos-dir', 'xos-mrc', 'xos-osd');
  await expectActive(store, 'xos-osd');
  const uuids = (list: readonly Listed[]) => list.map(({ uuid }) => uuid).toSorted();
  assert.deepEqual(uuids(await registered(head, 3)), uuids(listed));

  // The head's network card has another address after each boot; store takes its time to notice.
  const reached = async () => (await store.run('xos fs status --directory head.xos.test')).status === 0;
  await waitFor(reached, 60_000, 'store does not reach the DIR any more');
  await mount(store);
  assert.equal(await store.succeed('cat /grid/data/file'), 'written on store\nmore\n');
  await store.succeed('systemctl stop grid-data.mount');

  // Leaving takes the certificates, and with them the servers.
  await store.succeed('xos node leave demo --yes', { timeoutMs: 60_000 });
  await waitFor(
    async () => (await state(store, 'xos-osd')) === 'inactive',
    20_000,
    'the OSD runs on without a certificate',
  );
});

/** By PID 1: what a command leaves behind here ends with it. */
async function mount(host: Host): Promise<void> {
  const line = 'head.xos.test/data /grid/data xtreemfs noauto,_netdev 0 0';
  await host.succeed(
    `grep -qxF '${line}' /etc/fstab || echo '${line}' >>/etc/fstab; systemctl daemon-reload`,
  );
  await host.succeed('systemctl start grid-data.mount', { timeoutMs: 60_000 });
  await host.succeed('mountpoint --quiet /grid/data');
}

async function state(host: Host, unit: string): Promise<string> {
  return (await host.run(`systemctl is-active ${unit}.service`)).stdout.trim();
}

async function mainPid(host: Host, unit: string): Promise<string> {
  return (await host.succeed(`systemctl show --value --property=MainPID ${unit}`)).trim();
}

async function expectActive(host: Host, ...units: readonly string[]): Promise<void> {
  const agree = async () => {
    const states = await Promise.all(units.map((unit) => state(host, unit)));
    return states.every((found) => found === 'active');
  };
  await waitFor(agree, 30_000, `not all active: ${units.join(' ')}`).catch(async (error: unknown) => {
    const { stdout } = await host.run(`systemctl status --no-pager --full --lines=30 ${units.join(' ')}`);
    throw new Error(`${host.name}: ${String(error)}\n${stdout}`);
  });
}

/** The servers that the DIR on this host lists, once so many are alive. */
async function registered(host: Host, count: number): Promise<readonly Listed[]> {
  let listed: readonly Listed[] = [];
  const agree = async () => {
    const { stdout } = await host.run('xos fs status --json=short');
    if (stdout === '') return false;
    const { services } = JSON.parse(stdout) as { readonly services: readonly Listed[] };
    listed = services.filter(({ type }) => type !== 'volume');
    return listed.filter(({ alive }) => alive).length === count;
  };
  await waitFor(agree, 45_000, `the DIR does not list ${count} servers that are alive`);
  return listed;
}
