/** Ids of this host and names in one volume: decimal names only where the volume takes foreign ids. */
import { readFileSync } from 'node:fs';
import type { CallUser } from '@xtreemos/rpc';
import { Failure } from './call-failure.ts';
import { type IdentityMap, nobodyId } from './identity-map.ts';

export interface VolumeIds {
  /** The user that a process calls for. */
  callerOf(process: { readonly uid: number; readonly gid: number; readonly pid: number }): CallUser;
  uidOf(owner: string): number;
  gidOf(group: string): number;
  /** @throws Failure EINVAL for an id that nobody has in the volume */
  ownerOf(uid: number): string;
  groupOf(gid: number): string;
}

/** Groups of a process are read anew after so long. */
const groupsAgeMs = 1000;
const mostProcesses = 1000;
const decimal = /^(0|[1-9]\d{0,9})$/;

export function createVolumeIds(options: {
  readonly map: IdentityMap;
  readonly takesForeignIds: () => boolean;
  readonly monotonicMs: () => number;
  /** Text of /proc/<pid>/status; throws when there is no such process. */
  readonly statusOf?: (pid: number) => string;
}): VolumeIds {
  const { map, takesForeignIds, monotonicMs, statusOf = readStatus } = options;
  const callers = new Map<string, { readonly user: CallUser; readonly readMs: number }>();

  function idOf(name: string, known: number | undefined): number {
    if (known !== undefined) return known;
    return takesForeignIds() && decimal.test(name) ? Number(name) : nobodyId;
  }

  function nameOf(id: number, known: string | undefined): string {
    if (known !== undefined) return known;
    if (takesForeignIds()) return String(id);
    throw new Failure('EINVAL', `nobody in the volume has id ${id}`);
  }

  function groupsOfProcess(pid: number): readonly number[] {
    try {
      const line = /^Groups:\t?(.*)$/m.exec(statusOf(pid))?.[1] ?? '';
      return line
        .split(' ')
        .filter((part) => part !== '')
        .map(Number);
    } catch {
      // It has ended, or cannot be seen from here: its own group is known all the same.
      return [];
    }
  }

  function readCaller(uid: number, gid: number, pid: number): CallUser {
    const name = map.userOf(uid);
    if (name !== undefined) return { name, groups: [name, ...map.groupsOf(uid)] };
    const gids = new Set([gid, ...(pid === 0 ? [] : groupsOfProcess(pid))]);
    return { name: String(uid), groups: [...gids].map((one) => map.groupOf(one) ?? String(one)) };
  }

  return {
    callerOf({ uid, gid, pid }) {
      const key = `${pid} ${uid} ${gid}`;
      const known = callers.get(key);
      if (known !== undefined && monotonicMs() - known.readMs < groupsAgeMs) return known.user;
      const user = readCaller(uid, gid, pid);
      callers.delete(key);
      callers.set(key, { user, readMs: monotonicMs() });
      if (callers.size > mostProcesses) for (const [oldest] of callers) if (callers.delete(oldest)) break;
      return user;
    },
    uidOf: (owner) => idOf(owner, map.uidOf(owner)),
    gidOf: (group) => idOf(group, map.gidOf(group)),
    ownerOf: (uid) => nameOf(uid, map.userOf(uid)),
    groupOf: (gid) => nameOf(gid, map.groupOf(gid)),
  };
}

function readStatus(pid: number): string {
  return readFileSync(`/proc/${pid}/status`, 'latin1');
}
