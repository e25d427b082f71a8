/** XtreemFS with one server of each kind, each a process of its own, in plain text, like the peers: ours, and XtreemFS 1.6 itself. */

import type { Cleanup } from '../packages/xtreemfs/server-process-fixture.ts';
import { startVolume } from '../test/fs/test-volume.ts';
import { mountByPeer, runTool } from '../test/peers/stock-mount.ts';
import { noPeerServers, startPeerServers } from '../test/peers/stock-servers.ts';
import type { Report } from './bench.ts';
import { address, type FileSystem } from './fs-peers.ts';

export const xtreemfs: FileSystem = {
  name: 'XtreemFS',
  start: (disk, within) =>
    inFolder(disk, async (context) => {
      // Tests have a small log, which is full soon; this is the size that is installed.
      const volume = await startVolume(context, 1, ['LogSegment=32MiB']);
      return (await volume.mount(within)).directory;
    }),
};

/** Of the tree that XTREEMFS_PEER names. Its metadata are durable, as ours are; its OSD never syncs. */
const xtreemfs16: FileSystem = {
  name: 'XtreemFS 1.6',
  start: (disk, within) =>
    inFolder(disk, async (context) => {
      const { directoryPort, mrcPort } = await startPeerServers(context, { osds: 1, isDurable: true });
      await runTool('mkfs.xtreemfs', '--mode', '777', `pbrpc://${address}:${mrcPort}/peer`);
      return mountByPeer(context, `pbrpc://${address}:${directoryPort}/peer`, [], within);
    }),
};

/** XtreemFS 1.6, where there is one. */
export function stock(report: Report): readonly FileSystem[] {
  if (noPeerServers === false) return [xtreemfs16];
  report.note(`${noPeerServers}: it is left out`);
  return [];
}

/** Servers keep their state, and mounts their mount point, in folders of the directory for temporary files. */
async function inFolder(disk: string, start: (context: Cleanup) => Promise<string>) {
  const before = process.env['TMPDIR'];
  process.env['TMPDIR'] = disk;
  process.env['XTREEMOS_TEST_ADDRESS'] = address;
  const works: (() => void | Promise<void>)[] = [];
  const directory = await start({ after: (work) => void works.push(work) });
  return {
    directory,
    async end(): Promise<void> {
      for (const work of works.reverse()) await work();
      delete process.env['XTREEMOS_TEST_ADDRESS'];
      if (before === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = before;
    },
  };
}
