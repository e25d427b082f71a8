/** CephFS: a monitor, an OSD, a metadata server, and its FUSE client, without authentication. */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { address, daemon, endProcess, type FileSystem, isMounted } from './fs-peers.ts';

const run = promisify(execFile);

export const ceph: FileSystem = {
  name: 'ceph-fuse',
  async start(disk, within) {
    const directory = '/mnt/ceph';
    for (const name of ['mon', 'osd', 'mds', 'run']) mkdirSync(`${disk}/${name}`);
    mkdirSync(directory, { recursive: true });
    const cluster = randomUUID();
    const monitor = `[v2:${address}:3300,v1:${address}:6789]`;
    const file = `${disk}/ceph.conf`;
    writeFileSync(file, configuration(disk, cluster, monitor));
    const ceph = (...words: string[]) => run('ceph', ['-c', file, ...words], { timeout: 60_000 });
    const map = `${disk}/monmap`;
    await run('monmaptool', ['--create', '--fsid', cluster, '--addv', 'a', monitor, map]);
    await run('ceph-mon', ['-c', file, '--mkfs', '-i', 'a', '--monmap', map]);
    const mon = daemon(['ceph-mon', '-c', file, '-f', '-i', 'a']);
    await sleep(4000);
    const uuid = randomUUID();
    await ceph('osd', 'new', uuid);
    await run('ceph-osd', ['-c', file, '-i', '0', '--mkfs', '--osd-uuid', uuid]);
    const osd = daemon(['ceph-osd', '-c', file, '-f', '-i', '0']);
    const mds = daemon(['ceph-mds', '-c', file, '-f', '-i', 'a']);
    for (const pool of ['data', 'meta']) await ceph('osd', 'pool', 'create', pool, '16');
    await ceph('fs', 'new', 'fs', 'meta', 'data');
    await sleep(8000);
    const client = daemon([...within, 'ceph-fuse', '-c', file, '-f', '--client_mountpoint=/', directory]);
    await isMounted(directory, 'CephFS');
    return {
      directory,
      async end() {
        await run('umount', [directory]);
        for (const process of [client, mds, osd, mon]) await endProcess(process);
      },
    };
  },
};

function configuration(disk: string, cluster: string, monitor: string): string {
  return `[global]
fsid = ${cluster}
mon host = ${monitor}
public addr = ${address}
cluster addr = ${address}
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
osd crush chooseleaf type = 0
mon allow pool size one = true
osd objectstore = bluestore
bluestore block size = 8589934592
mon data = ${disk}/mon
osd data = ${disk}/osd
mds data = ${disk}/mds
run dir = ${disk}/run
admin socket = ${disk}/run/$name.asok
log file = ${disk}/$name.log
mon cluster log file = ${disk}/cluster.log
`;
}
