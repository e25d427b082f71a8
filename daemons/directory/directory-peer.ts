import { RpcError, type ServerPeer, ServiceType } from '@xtreemos/rpc';

/** Who may ask at all: hosts in a role that has to do with the file system, or mounts it. */
export const admittedRoles = ['accounts', 'dir', 'mrc', 'osd', 'exec', 'srds'] as const;

/** What a role may register. */
const registers: { readonly [role: string]: readonly ServiceType[] } = {
  mrc: [ServiceType.MRC, ServiceType.VOLUME],
  osd: [ServiceType.OSD],
  dir: [ServiceType.DIR],
};

/**
 * Whose an entry is to be when the peer changes it: role and host GUID. Undefined where everybody may.
 * @throws RpcError 'user' when the peer may change nothing, or nothing of that type
 */
export function ownerFor(peer: ServerPeer, type?: ServiceType): string | undefined {
  if (peer.kind === 'plain') return undefined;
  const allowed = registers[peer.role] ?? [];
  if (allowed.length === 0 || (type !== undefined && !allowed.includes(type)))
    throw new RpcError('user', `${peer.hostname} (${peer.role}) may not change this in the DIR`);
  return `${peer.role} ${peer.hostGuid}`;
}
