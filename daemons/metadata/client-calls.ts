/** Our own calls of the MRC about a client as a whole: what it attached, what it has open, what it has to forget. */
import { type CallContext, ChangeKind, nodeCalls, type ServerPeer } from '@xtreemos/rpc';
import { answered, safeNumber } from './call-refusal.ts';
import type { ChangeEvent } from './change-event.ts';
import { ErrnoError } from './errno-error.ts';
import { rootNode } from './inode.ts';
import type { NodeCallParts } from './node-call.ts';
import { attributesMessage } from './node-messages.ts';
import { ownRequest } from './orphans.ts';
import { homeOf } from './user-home.ts';
import { takesForeignIdsFrom, type Volume } from './volume.ts';

const protocolVersion = 1;
/** Longer than that nobody waits for changes at once: connections are seen to be alive. */
const mostWaitMs = 120_000;
/** A restart may last: capabilities that show what was open are taken this long after their end. */
const claimGraceMs = 24 * 3_600_000;

const kinds: { readonly [Kind in ChangeEvent['kind']]: ChangeKind } = {
  attributes: ChangeKind.CHANGE_ATTRIBUTES,
  entries: ChangeKind.CHANGE_ENTRIES,
  data: ChangeKind.CHANGE_DATA,
  'append-wanted': ChangeKind.CHANGE_APPEND_WANTED,
};

export function serveClients({ server, files, sessions, issuer, start, leaseMs }: NodeCallParts): void {
  const { feed, names, openFiles } = files.parts;
  const { turns } = openFiles;

  server.serve(nodeCalls.attach, ({ volumeName, clientId, home }, { peer, user }) =>
    answered(async () => {
      const volume = sessions.attach(peer, clientId, volumeName);
      const root = home
        ? await homeOf(files, sessions.request({ peer, user }, volume.id))
        : { node: rootNode, inode: files.tree(ownRequest(files, volume)).get(rootNode) };
      const { stripeBytes, width } = volume.striping;
      return {
        response: {
          volumeId: volume.id,
          root: attributesMessage(root, names),
          takesForeignIds: takesForeignIdsFrom(volume, peer.kind === 'host' ? peer.hostname : undefined),
          leaseMs,
          features: [volume.accessTimes, volume.consistency].filter(
            (setting) => setting === 'relatime' || setting === 'strict',
          ),
          striping: { type: 0, stripeSize: stripeBytes / 1024, width },
          serverStart: BigInt(start),
          protocolVersion,
        },
      };
    }),
  );

  server.serve(nodeCalls.changes, ({ volumeId, cursor, waitMs }, { peer, signal }) =>
    answered(async () => {
      const { clientId, volume } = sessions.client(peer, volumeId);
      const options = { waitMs: Math.min(waitMs, mostWaitMs), signal };
      const page = await feed.read(volume.number, clientId, cursor, options);
      return {
        response: {
          cursor: page.cursor,
          reset: page.isReset,
          events: page.events.map(({ node, kind, name }) => ({
            node: BigInt(node),
            kind: kinds[kind],
            ...(name === undefined ? {} : { name }),
          })),
        },
      };
    }),
  );

  server.serve(nodeCalls.keepAlive, ({ volumeId, claims }, { peer, user }) =>
    answered(() => {
      const { clientId, volume } = sessions.client(peer, volumeId);
      const lost: bigint[] = [];
      for (const claim of claims) if (!reclaim(volume, clientId, user, claim)) lost.push(claim.handle);
      return { response: { serverStart: BigInt(start), lost } };
    }),
  );

  /** @returns false when the file is gone, or the capability does not show that the client had it open */
  function reclaim(
    volume: Volume,
    clientId: string,
    user: CallContext<ServerPeer>['user'],
    {
      handle,
      xcap,
      appendTurn,
    }: {
      readonly handle: bigint;
      readonly xcap?: Parameters<typeof issuer.check>[0] | undefined;
      readonly appendTurn: bigint;
    },
  ): boolean {
    try {
      const { volumeId, node } = issuer.check(xcap, claimGraceMs);
      if (xcap === undefined || volumeId !== volume.id || xcap.clientIdentity !== clientId) return false;
      files.tree(ownRequest(files, volume)).get(node);
      const accessMode = xcap.accessMode & 3;
      openFiles.reclaim({
        handle: safeNumber(handle, 'handle'),
        volume: volume.number,
        node,
        clientId,
        canRead: accessMode !== 1,
        canWrite: accessMode !== 0,
        user: user.name,
      });
      if (appendTurn !== 0n && accessMode !== 0)
        turns.claim({ volume: volume.number, node }, clientId, safeNumber(appendTurn, 'append_turn'));
      return true;
    } catch (error) {
      if (error instanceof ErrnoError) return false;
      throw error;
    }
  }
}
