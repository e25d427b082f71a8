import { defineEvent } from '@xtreemos/base';
import { nodeCalls, RpcError } from '@xtreemos/rpc';
import { formatFileId } from '@xtreemos/xtreemfs';
import { answered, required } from './call-refusal.ts';
import { findingOf } from './finding-message.ts';
import type { VolumeCheckCallParts } from './volume-check-calls.ts';
import { repairFinding } from './volume-repair.ts';

const events = { repaired: defineEvent('metadata.volume-repaired') } as const;

/** `repair_volume`: one finding of a check. */
export function serveVolumeRepair<Peer>(parts: VolumeCheckCallParts<Peer>): void {
  const { server, files, logger } = parts;
  server.serve(nodeCalls.repairVolume, ({ volumeName, finding: message, dryRun, deleteOrphans }, { peer }) =>
    answered(async () => {
      if (!parts.isAdministrator(peer))
        throw new RpcError(
          'user',
          'volumes are repaired by the administrator of the MRC’s host, at its admin socket',
        );
      const name = required(volumeName, 'volume_name');
      const volume = files.parts.volumes.named(name);
      const finding = findingOf(required(message, 'finding'));
      const options = { isDry: dryRun, deletesOrphans: deleteOrphans };
      const result = await repairFinding(parts, volume, finding, options);
      const { outcome, action, before } = result;
      if (outcome === 'repaired' && !dryRun) {
        const { kind, node, path, osd } = finding;
        const where = path ?? (node === undefined ? 'its counters' : `file ${node}`);
        logger.info(
          events.repaired,
          `Volume ${name} is repaired, ${kind} of ${where}: ${action}; before: ${before}`,
          {
            volume: name,
            kind,
            ...(node === undefined
              ? {}
              : { file: formatFileId({ volumeId: volume.id, node: BigInt(node) }) }),
            ...(path === undefined ? {} : { path }),
            ...(osd === undefined ? {} : { osd }),
            action,
            before,
            by: parts.nameOf(peer),
          },
        );
      }
      return { response: result };
    }),
  );
}
