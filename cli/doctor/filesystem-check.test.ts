import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ExaminedServer, FileSystemAnswer, ReachedServer } from '../fs/server-examination.ts';
import { filesystem } from './checks/filesystem.ts';
import { day, HostFixture, hostname, now, told, vo } from './host-fixture.ts';

const gibibyte = 2 ** 30;

function reached(ageDays = 1): ReachedServer {
  const beginMs = now.getTime() - ageDays * day;
  return { tookMs: 7, certificate: { beginMs, endMs: beginMs + 30 * day } };
}

function server(changes: Partial<ExaminedServer> = {}): ExaminedServer {
  return {
    type: 'osd',
    uuid: 'osd-1',
    name: 'OSD @ osd-1',
    addresses: ['store.example.org:32640'],
    alive: true,
    silentSeconds: 3,
    freeBytes: 500 * gibibyte,
    totalBytes: 1000 * gibibyte,
    reached: reached(),
    ...changes,
  };
}

const mrc = server({
  type: 'mrc',
  uuid: 'mrc-1',
  addresses: [`${hostname}:32636`],
  freeBytes: undefined,
  totalBytes: undefined,
});

/** A host that is the VO's MRC. */
function metadataHost(servers: readonly ExaminedServer[] = [mrc, server()]): HostFixture {
  const host = new HostFixture();
  host.join();
  host.write('/usr/lib/xtreemos/daemons/dir.js', '');
  host.write(`/etc/xtreemos/host/${vo}/mrc.pem`, '');
  host.write('/etc/xtreemos/mrc.conf.d/directory.conf', '[Directory]\nAddress=dir.example.org\n');
  answer(host, { directory: reached(), servers });
  return host;
}

const asked: string[] = [];

function answer(host: HostFixture, given: FileSystemAnswer): void {
  host.changes = {
    askFileSystem: async (_record, directory) => {
      asked.push(directory);
      return given;
    },
  };
}

test('filesystem: all servers are reached; the DIR is the one that the servers and mounts of this host have', async () => {
  using host = metadataHost();
  const good = await host.examine(filesystem);
  assert.equal(good.state, 'ok', told(good));
  assert.match(
    told(good),
    /the DIR at dir\.example\.org:32638 answers in 7 ms; 1 MRC and 1 OSDs are reached, 500 GiB free/,
  );

  using client = new HostFixture();
  assert.match(told(await client.examine(filesystem)), /^unchecked: this host has joined no VO$/);
  client.join();
  answer(client, { directory: reached(), servers: [mrc, server()] });
  assert.match(
    told(await client.examine(filesystem)),
    /^unchecked: this host neither serves nor mounts volumes$/,
  );
  client.join('HomeVolume=home\nDirectory=[2001:db8::1]:40000\n');
  assert.equal((await client.examine(filesystem)).state, 'ok');
  assert.deepEqual(asked, ['dir.example.org:32638', '[2001:db8::1]:40000']);
  client.changes = { ...client.changes, isRoot: false };
  assert.match(told(await client.examine(filesystem)), /^unchecked: .*root$/);
});

test('filesystem: a DIR that does not answer, servers that are missing, silent, cut off', async () => {
  using host = metadataHost();
  host.changes = {
    askFileSystem: async () => {
      throw new Error('connection refused');
    },
  };
  assert.match(
    told(await host.examine(filesystem)),
    /^failure: physics\.example\.org: the DIR at dir\.example\.org:32638 does not answer: connection refused -> on dir\.example\.org: systemctl status xos-dir; .*port 32638/,
  );

  answer(host, { directory: reached(), servers: [server()] });
  assert.match(
    told(await host.examine(filesystem)),
    /^failure: .*does not know the MRC of this host -> systemctl status xos-mrc; .*Address= in \/etc\/xtreemos\/mrc\.conf/,
  );
  // With an address of its own choosing it is known by its UUID.
  host.write('/var/lib/xtreemos/mrc/uuid', 'mrc-1\n');
  answer(host, { directory: reached(), servers: [{ ...mrc, addresses: ['192.0.2.1:32636'] }, server()] });
  assert.equal((await host.examine(filesystem)).state, 'ok');

  const silent = server({ alive: false, silentSeconds: 600, reached: undefined });
  const stopped = server({ uuid: 'osd-2', alive: false, silentSeconds: undefined, reached: undefined });
  const cut = server({ uuid: 'osd-3', reached: { reason: 'timed out' } });
  answer(host, { directory: reached(), servers: [mrc, silent, stopped, cut] });
  assert.match(
    told(await host.examine(filesystem)),
    /^failure: .*OSD osd-1 at store\.example\.org:32640 is silent for 10 min: .* -> on store\.example\.org: systemctl status xos-osd\nfailure: .*OSD osd-2 .* was stopped: .*\nfailure: .*OSD osd-3 .* is alive, and not reached from here: timed out -> .*port 32640 has to be open/,
  );

  using bare = new HostFixture();
  bare.join();
  bare.write(`/etc/xtreemos/host/${vo}/osd.pem`, '');
  assert.match(
    told(await bare.examine(filesystem)),
    /^failure: .*joined as osd, .*not installed -> apt install xtreemos-fs-server/,
  );
});

test('filesystem: certificates that servers go on with, and disks that fill', async () => {
  const old = server({ reached: reached(26) });
  const filling = server({ uuid: 'osd-2', freeBytes: 40 * gibibyte });
  const full = server({ uuid: 'osd-3', freeBytes: 200 * 2 ** 20 });
  using host = metadataHost([mrc, old, filling, full]);
  const found = await host.examine(filesystem);
  assert.equal(found.state, 'failure');
  assert.match(
    told(found),
    /^warning: .*OSD osd-1 .* runs with a certificate that ends in 4 d and should have been renewed -> on store\.example\.org: systemctl status xos-accounts.*\nwarning: .*OSD osd-2 .* has 40 GiB of 1000 GiB left -> .*\nfailure: .*OSD osd-3 .* is full \(200 MiB free\)/,
  );
});
