import { XosError } from '@xtreemos/base';
import type { HostRole, NodeRecord } from '@xtreemos/vo-client';
import type { Read } from './database.ts';
import type { NodeRow } from './database-schema.ts';

/** Throws XOS_NOT_FOUND. */
export async function requireNode(read: Read, vo: string, hostname: string): Promise<NodeRow> {
  const row = await read
    .selectFrom('node')
    .selectAll()
    .where('vo', '=', vo)
    .where('hostname', '=', hostname)
    .executeTakeFirst();
  if (row === undefined) throw new XosError('XOS_NOT_FOUND', { what: 'node', name: hostname });
  return row;
}

export async function showNode(read: Read, vo: string, hostname: string): Promise<NodeRecord> {
  return nodeOf(await requireNode(read, vo, hostname));
}

export async function listNodes(read: Read, vo: string): Promise<readonly NodeRecord[]> {
  const rows = await read.selectFrom('node').selectAll().where('vo', '=', vo).orderBy('hostname').execute();
  return rows.map(nodeOf);
}

export function rolesOf(row: { readonly roles: string }): readonly HostRole[] {
  return JSON.parse(row.roles) as HostRole[];
}

function nodeOf(row: NodeRow): NodeRecord {
  return {
    vo: row.vo,
    hostname: row.hostname,
    guid: row.guid,
    roles: rolesOf(row),
    status: row.status,
    joinedAtMs: row.joined_at,
    lastSeenAtMs: row.last_seen_at,
  };
}
