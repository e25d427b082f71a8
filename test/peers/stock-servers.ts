/** DIR, MRC and OSDs of a built XtreemFS 1.6, as processes on loopback: of its source tree, after its `make server`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Cleanup, freePort, testAddress } from '../../packages/xtreemfs/server-process-fixture.ts';
import { noPeer, peerTree } from './stock-mount.ts';

const jar = join(peerTree, 'java/xtreemfs-servers/target/xtreemfs.jar');

/** Why a test on XtreemFS's servers cannot run; false when it can. */
export const noPeerServers: string | false =
  noPeer !== false ? noPeer : !existsSync(jar) && `${jar}: XTREEMFS_PEER names no built servers of XtreemFS`;

export interface PeerServers {
  readonly directoryPort: number;
  readonly mrcPort: number;
}

/** Servers that believe every caller. Ready for files when it resolves. */
export async function startPeerServers(
  context: Cleanup,
  { osds, isDurable = false }: { readonly osds: number /** Of metadata. */; readonly isDurable?: boolean },
): Promise<PeerServers> {
  const folder = mkdtempSync(join(tmpdir(), 'xos-peer-servers-'));
  const children: ChildProcess[] = [];
  context.after(async () => {
    for (const child of children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, 'close');
      child.kill('SIGKILL');
      await ended;
    }
    rmSync(folder, { recursive: true });
  });

  async function start(main: string, uuid: string, settings: Readonly<Record<string, string | number>>) {
    const port = await freePort();
    const lines = {
      uuid,
      'listen.port': port,
      'listen.address': testAddress(),
      hostname: testAddress(),
      http_port: await freePort(),
      'ssl.enabled': 'false',
      'snmp.enabled': 'false',
      policy_dir: join(folder, 'policies'),
      'babudb.debug.level': 3,
      'babudb.baseDir': join(folder, uuid, 'database'),
      'babudb.logDir': join(folder, uuid, 'log'),
      'babudb.sync': isDurable ? 'FDATASYNC' : 'ASYNC',
      ...settings,
    };
    mkdirSync(join(folder, uuid));
    const file = join(folder, `${uuid}.properties`);
    writeFileSync(
      file,
      Object.entries(lines)
        .map(([key, value]) => `${key} = ${value}\n`)
        .join(''),
    );
    // Its database unmaps files by a method that newer Java keeps to itself.
    const opened = ['java.base/sun.nio.ch', 'java.base/java.nio'].flatMap((name) => [
      '--add-opens',
      `${name}=ALL-UNNAMED`,
    ]);
    // It looks for its cgroup where a sandbox has none, and fails.
    const words = ['-Xmx256m', '-XX:-UseContainerSupport', ...opened, '-cp', jar, main, file];
    const child = spawn('java', words, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    children.push(child);
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        output = (output + text).slice(-20_000);
      });
    for (let tries = 0; !(await answers(port)); tries++) {
      if (child.exitCode !== null || tries > 600) throw new Error(`${main} did not start: ${output}`);
      await sleep(100);
    }
    return port;
  }

  const directoryPort = await start('org.xtreemfs.dir.DIR', 'peer-dir', {});
  const common = {
    'dir_service.host': testAddress(),
    'dir_service.port': directoryPort,
    capability_secret: 'known to the servers of this test',
    local_clock_renewal: 0,
    remote_time_sync: 60_000,
  };
  const osd = (uuid: string) =>
    start('org.xtreemfs.osd.OSD', uuid, {
      ...common,
      object_dir: join(folder, uuid, 'objects'),
      report_free_space: 'true',
      'checksums.enabled': 'false',
    });
  await Promise.all(Array.from({ length: osds }, (_, index) => osd(`peer-osd-${index + 1}`)));
  const mrcPort = await start('org.xtreemfs.mrc.MRC', 'peer-mrc', {
    ...common,
    osd_check_interval: 1,
    no_atime: 'true',
    authentication_provider: 'org.xtreemfs.common.auth.NullAuthProvider',
  });
  return { directoryPort, mrcPort };
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, testAddress());
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
