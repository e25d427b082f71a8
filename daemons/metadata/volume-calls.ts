/** Calls of XtreemFS that make, list and remove volumes: mkfs.xtreemfs, lsfs.xtreemfs, rmfs.xtreemfs. */
import { defineEvent, type Logger } from '@xtreemos/base';
import {
  AccessControlPolicyType,
  type CallUser,
  type ChangeVolumeRequest,
  metadataCalls,
  nodeCalls,
  RpcError,
  type RpcServer,
  type Volume as VolumeMessage,
} from '@xtreemos/rpc';
import { volumeAttributes } from '@xtreemos/xtreemfs';
import { answered, required } from './call-refusal.ts';
import { isForeignName, storedName } from './caller.ts';
import type { FileSystem } from './file-system.ts';
import { rootNode } from './inode.ts';
import { ownRequest } from './orphans.ts';
import type { Volume } from './volume.ts';
import { changedSettings, settingsOf, textsOf } from './volume-settings.ts';
import type { NewVolume } from './volume-table.ts';

const events = {
  made: defineEvent('metadata.volume-made'),
  changed: defineEvent('metadata.volume-changed'),
  removed: defineEvent('metadata.volume-removed'),
} as const;

export interface VolumeCallParts<Peer> {
  readonly server: RpcServer<Peer>;
  readonly files: FileSystem;
  readonly logger: Logger;
  readonly isAdministrator: (peer: Peer) => boolean;
  /** Who asks, for the log. */
  readonly nameOf: (peer: Peer) => string;
  /** The VO that volumes belong to which name none; undefined in plain text. */
  readonly vo: string | undefined;
  /** After a volume was made: the DIR is to know before the answer. */
  readonly onMade: () => Promise<unknown>;
  readonly onRemoved: (volumeId: string) => Promise<unknown>;
}

export function serveVolumes<Peer>(parts: VolumeCallParts<Peer>): void {
  const { server, files, logger } = parts;
  const { volumes, nowNs } = files.parts;

  function requireAdministrator(peer: Peer): void {
    if (!parts.isAdministrator(peer))
      throw new RpcError(
        'user',
        'volumes are made and removed by the administrator of the MRC’s host, at its admin socket',
      );
  }

  server.serve(metadataCalls.mkvol, (message, { peer, user }) =>
    answered(async () => {
      requireAdministrator(peer);
      const { id, name } = await volumes.create(wantedVolume(message, user, parts.vo), nowNs());
      logger.info(events.made, `Volume ${name} is made`, { volume: name, id, by: parts.nameOf(peer) });
      await parts.onMade();
      return { response: {} };
    }),
  );

  server.serve(metadataCalls.rmvol, ({ volumeName }, { peer }) =>
    answered(async () => {
      requireAdministrator(peer);
      const { id } = volumes.named(required(volumeName, 'volume_name'));
      await volumes.remove(id);
      logger.info(events.removed, `Volume ${volumeName} is removed`, {
        volume: required(volumeName, 'volume_name'),
        id,
        by: parts.nameOf(peer),
      });
      await parts.onRemoved(id);
      return { response: {} };
    }),
  );

  server.serve(nodeCalls.changeVolume, (message, { peer }) =>
    answered(async () => {
      requireAdministrator(peer);
      const { id, name } = volumes.named(required(message.volumeName, 'volume_name'));
      const before = volumes.get(id);
      const after = await volumes.change(id, (volume) => ({
        ...changedSettings(volume, textsBy(message), message.quota),
        ...(message.striping === undefined ? {} : { striping: stripingOf(message.striping) }),
      }));
      const changes = differences(descriptionOf(before), descriptionOf(after));
      logger.info(events.changed, `Volume ${name} is changed: ${changes}`, {
        volume: name,
        id,
        by: parts.nameOf(peer),
      });
      return { response: {} };
    }),
  );

  server.serve(metadataCalls.lsvol, () =>
    answered(() => ({ response: { volumes: volumes.all.map((volume) => volumeMessage(files, volume)) } })),
  );
}

function textsBy({ settings }: ChangeVolumeRequest): Readonly<Record<string, string>> {
  return Object.fromEntries(settings.map(({ key, value }) => [key, value]));
}

function stripingOf({ stripeSize, width }: { readonly stripeSize: number; readonly width: number }) {
  return { stripeBytes: stripeSize * 1024, width };
}

function descriptionOf(volume: Volume): Readonly<Record<string, string>> {
  const { stripeBytes, width } = volume.striping;
  return {
    ...textsOf(volume),
    striping: `${stripeBytes / 1024} KiB over ${width}`,
    quota: String(volume.quota.bytes),
  };
}

function differences(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): string {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  const changed = keys.filter((key) => before[key] !== after[key]);
  return (
    changed.map((key) => `${key} "${before[key] ?? ''}" to "${after[key] ?? ''}"`).join(', ') || 'nothing'
  );
}

/** A volume for which nobody is named is its maker's. @throws ErrnoError EINVAL */
function wantedVolume(message: VolumeMessage, maker: CallUser, vo: string | undefined): NewVolume {
  const { stripeSize = 128, width = 1 } = message.defaultStripingPolicy ?? {};
  const { id, name, mode, quota } = message;
  const owner = message.ownerUserId === '' ? maker.name : message.ownerUserId;
  const makersGroup = message.ownerUserId === '' ? maker.groups[0] : undefined;
  const group = message.ownerGroupId === '' ? (makersGroup ?? owner) : message.ownerGroupId;
  const told = Object.fromEntries(message.attrs.map(({ key, value }) => [key, value]));
  // In plain text: mkfs.xtreemfs of XtreemFS makes volumes for users of hosts, and has no word for it.
  const isForeign = vo === undefined && isForeignName(owner);
  const attributes = isForeign ? { [volumeAttributes.foreignHosts]: '*', ...told } : told;
  return {
    ...(id === '' ? {} : { id }),
    name,
    owner: storedName(owner),
    group: storedName(group),
    mode,
    striping: { stripeBytes: stripeSize * 1024, width },
    ...settingsOf(attributes, { vo, quotaBytes: Number(quota ?? 0n) }),
  };
}

export function volumeMessage(files: FileSystem, volume: Volume) {
  const { names } = files.parts;
  const root = files.tree(ownRequest(files, volume)).get(rootNode);
  const { stripeBytes, width } = volume.striping;
  const used = files.counters(volume);
  return {
    accessControlPolicy: AccessControlPolicyType.ACCESS_CONTROL_POLICY_POSIX,
    defaultStripingPolicy: { type: 0, stripeSize: stripeBytes / 1024, width },
    id: volume.id,
    mode: root.mode & 0o7777,
    name: volume.name,
    ownerGroupId: names.nameOf(root.group),
    ownerUserId: names.nameOf(root.owner),
    attrs: Object.entries({ ...textsOf(volume), [volumeAttributes.used]: `${used.bytes}/${used.files}` }).map(
      ([key, value]) => ({ key, value }),
    ),
    quota: BigInt(volume.quota.bytes),
  };
}
