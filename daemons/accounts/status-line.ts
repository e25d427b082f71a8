import type { AccountCounts, VoState } from '@xtreemos/accounts-client';
import { isCrlOfAnchor, type TrustStore } from '@xtreemos/identity';

/** What the line is made of besides the counts. */
export interface StatusSources {
  readonly vos: readonly VoState[];
  readonly counts: Pick<AccountCounts, 'members' | 'leases' | 'sessions'>;
  /** When the first revocation list that logins need comes to its end; undefined when there is none. */
  readonly crlsGoodUntilMs: number | undefined;
  /** Why look-ups do not see the present accounts; undefined while the map is current. */
  readonly mapProblem: string | undefined;
  readonly nowMs: number;
}

/**
 * What `systemctl status xos-accounts` says: `2 VOs connected; 128 members, 5 leases, 3 sessions; CRLs good until
 * 2026-11-26 14:00 UTC`. Times, not durations: a line that stands stays true.
 */
export function statusLine({ vos, counts, crlsGoodUntilMs, mapProblem, nowMs }: StatusSources): string {
  if (vos.length === 0) return 'No VO joined: xos node join';
  const connected = vos.filter((vo) => vo.connected).length;
  const parts = [
    connected === 0 ? '' : `${plural(connected, 'VO')} connected`,
    ...vos.filter((vo) => !vo.connected).map(unreachable),
  ].filter((part) => part !== '');
  const { members, leases, sessions } = counts;
  const line = [
    parts.join(', '),
    [plural(members, 'member'), plural(leases, 'lease'), plural(sessions, 'session')].join(', '),
  ];
  if (crlsGoodUntilMs !== undefined) {
    const until = minuteOf(crlsGoodUntilMs);
    line.push(
      crlsGoodUntilMs > nowMs
        ? `CRLs good until ${until}`
        : `a CRL ended at ${until}, its people cannot log in`,
    );
  }
  if (mapProblem !== undefined) line.push(`look-ups are behind: ${mapProblem}`);
  return line.join('; ');
}

function unreachable(vo: VoState): string {
  if (vo.unreachableSinceMs === undefined) return `connecting to ${vo.alias}`;
  const why = vo.problem === undefined ? '' : ` (${vo.problem})`;
  return `${vo.alias} unreachable since ${minuteOf(vo.unreachableSinceMs)}${why}`;
}

/** The earliest end of the newest lists of the authorities that may speak for a joined VO. */
export function crlsGoodUntil(store: TrustStore, vos: ReadonlySet<string>): number | undefined {
  let until: number | undefined;
  for (const { certificate } of store.anchors) {
    if (certificate.xos.vos?.some((vo) => vos.has(vo)) !== true) continue;
    const newest = store.findCrls(certificate.subject).find((list) => isCrlOfAnchor(list, store));
    const end = newest?.nextUpdate?.getTime();
    if (end !== undefined && (until === undefined || end < until)) until = end;
  }
  return until;
}

function plural(count: number, word: string): string {
  return `${count.toLocaleString('en-US')} ${word}${count === 1 ? '' : 's'}`;
}

function minuteOf(timeMs: number): string {
  return `${new Date(timeMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
