import { existsSync } from 'node:fs';
import {
  isCrlOfAnchor,
  openTrustDirectories,
  type RevocationList,
  type TrustStore,
} from '@xtreemos/identity';
import { durationText } from '../../output/time-text.ts';
import { rootOf, type VoRecord } from '../../vo-record.ts';
import type { Check } from '../check.ts';
import { type Finding, failure, noVoJoined, ok, problemsOr, warning } from '../finding.ts';
import { joinAgain } from '../remedies.ts';

const fetchNow = 'systemctl reload xos-accounts; then xos doctor service';

/** Revocation lists: one that is missing or past its nextUpdate refuses every login of the VO. */
export const crl: Check = {
  name: 'crl',
  about: 'revocation lists: present, signed by their authority, age and nextUpdate',
  examine: async (host) => {
    if (host.vos.length === 0) return [noVoJoined()];
    const { gridSecurityDirectory, crlDirectory } = host.paths;
    const { current: store } = await openTrustDirectories({
      directories: [gridSecurityDirectory],
      crlDirectories: existsSync(crlDirectory) ? [crlDirectory] : [],
    });
    const findings = host.vos.flatMap((record) => judgeVo(record, store, host.nowMs()));
    return problemsOr(findings, () => {
      const lists = host.vos.flatMap((record) => listsOf(record, store));
      const oldest = Math.min(...lists.map(({ list }) => list?.thisUpdate.getTime() ?? 0));
      const ends = lists.map(({ list }) => list?.nextUpdate?.getTime() ?? 0);
      const age = durationText(host.nowMs() - oldest);
      const first = durationText(Math.min(...ends) - host.nowMs());
      return ok(
        `${lists.length} revocation lists, the oldest ${age} old; the first has to be renewed within ${first}`,
      );
    });
  },
};

interface AuthorityList {
  readonly name: string;
  readonly list: RevocationList | undefined;
}

/** The authorities that judge the VO's certificates and its service's: the VO's own intermediates and the roots. */
function listsOf(record: VoRecord, store: TrustStore): readonly AuthorityList[] {
  const roots = new Set([record.caFingerprint, rootOf(record).rootFingerprint]);
  return store.anchors
    .filter(({ certificate }) => {
      const { authority, vos } = certificate.xos;
      if (roots.has(certificate.fingerprint)) return true;
      return authority === 'SERVICE' || vos?.includes(record.vo) === true;
    })
    .map(({ certificate }) => ({
      name: certificate.subject.oneline,
      list: store.findCrls(certificate.subject)[0],
    }));
}

function judgeVo(record: VoRecord, store: TrustStore, nowMs: number): readonly Finding[] {
  const lists = listsOf(record, store);
  if (lists.length === 0) {
    return [failure(`${record.vo}: no authority of this VO is among the trust anchors`, joinAgain([record]))];
  }
  return lists.flatMap(({ name, list }) =>
    judgeList(`${record.vo}: the revocation list of ${name}`, list, store, nowMs),
  );
}

function judgeList(
  name: string,
  list: RevocationList | undefined,
  store: TrustStore,
  nowMs: number,
): readonly Finding[] {
  if (list === undefined) return [failure(`${name} is missing: its certificates are refused`, fetchNow)];
  if (!isCrlOfAnchor(list, store)) return [failure(`${name} is not signed by it`, fetchNow)];
  const endsMs = list.nextUpdate?.getTime() ?? list.thisUpdate.getTime();
  const ageMs = nowMs - list.thisUpdate.getTime();
  if (endsMs <= nowMs) {
    const since = durationText(nowMs - endsMs);
    return [failure(`${name} should have been renewed ${since} ago: its certificates are refused`, fetchNow)];
  }
  if (isOld(ageMs, endsMs - list.thisUpdate.getTime())) {
    const rest = durationText(endsMs - nowMs);
    return [
      warning(`${name} is ${durationText(ageMs)} old; without a new one logins stop in ${rest}`, fetchNow),
    ];
  }
  return [];
}

const day = 86_400_000;

/** Lists of a day come anew every hour; a root's of a year comes when its key is brought back. */
function isOld(ageMs: number, lifeMs: number): boolean {
  return lifeMs <= 7 * day ? ageMs > lifeMs / 2 : lifeMs - ageMs < 30 * day;
}
