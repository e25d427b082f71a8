import { X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import {
  type Certificate,
  openTrustDirectories,
  type TrustAnchor,
  type TrustStore,
} from '@xtreemos/identity';
import { durationText } from '../../output/time-text.ts';
import { rootOf, type VoRecord } from '../../vo-record.ts';
import type { Check } from '../check.ts';
import type { ExaminedHost } from '../examined-host.ts';
import { type Finding, failure, noVoJoined, ok, problemsOr, warning } from '../finding.ts';
import { joinAgain } from '../remedies.ts';

const soonMs = 30 * 86_400_000;

/** Without an anchor, its issuer, or its signing policy, every certificate below it is refused. */
export const trust: Check = {
  name: 'trust',
  about: 'trust anchors: readable, complete up to their root, in date, each with its signing policy',
  examine: async (host) => {
    const directory = host.paths.gridSecurityDirectory;
    if (!existsSync(directory)) {
      return host.vos.length === 0
        ? [noVoJoined()]
        : [failure(`${directory} is missing, although this host has joined VOs`, joinAgain(host.vos))];
    }
    const { current: store } = await openTrustDirectories({ directories: [directory] });
    if (store.anchors.length === 0 && host.vos.length === 0) return [noVoJoined()];
    const findings = [
      ...store.problems.map(({ file, reason }) =>
        failure(`${file}: ${reason}`, `move ${file} away, or put a good copy in its place`),
      ),
      ...host.vos.flatMap((record) => missingRoots(record, store, host)),
      ...store.anchors.flatMap((anchor) => judgeAnchor(anchor, store, host)),
    ];
    return problemsOr(findings, () => {
      const ends = store.anchors.map(({ certificate }) => certificate.notAfter.getTime());
      const first = durationText(Math.min(...ends) - host.nowMs());
      return ok(
        `${store.anchors.length} trust anchors, each with policy and issuer; the first ends in ${first}`,
      );
    });
  },
};

function missingRoots(record: VoRecord, store: TrustStore, host: ExaminedHost): readonly Finding[] {
  const wanted = new Set([record.caFingerprint, rootOf(record).rootFingerprint]);
  return [...wanted]
    .filter((fingerprint) => fingerprint !== undefined)
    .filter(
      (fingerprint) => !store.anchors.some(({ certificate }) => certificate.fingerprint === fingerprint),
    )
    .map((fingerprint) =>
      failure(
        `${record.vo}: its root ${fingerprint} is not in ${host.paths.gridSecurityDirectory}`,
        joinAgain([record]),
      ),
    );
}

function judgeAnchor(anchor: TrustAnchor, store: TrustStore, host: ExaminedHost): readonly Finding[] {
  const { certificate, source } = anchor;
  const name = `${certificate.subject.oneline} (${source})`;
  const findings: Finding[] = [];
  const leftMs = certificate.notAfter.getTime() - host.nowMs();
  if (leftMs <= 0) {
    findings.push(failure(`${name} expired ${durationText(-leftMs)} ago`, renewAnchor));
  } else if (certificate.notBefore.getTime() > host.nowMs()) {
    findings.push(failure(`${name} is not valid yet`, 'set the clock right: xos doctor clock'));
  } else if (leftMs < soonMs) {
    findings.push(warning(`${name} expires in ${durationText(leftMs)}`, renewAnchor));
  }
  if (anchor.signingPolicy === undefined) {
    const policy = source.replace(/\.\d$/, '.signing_policy');
    findings.push(failure(`${name} has no signing policy: what it signs is refused`, `restore ${policy}`));
  }
  if (!hasIssuer(certificate, store)) {
    const issuer = certificate.issuer.oneline;
    findings.push(failure(`${name}: its issuer ${issuer} is no trust anchor here`, joinAgain(host.vos)));
  }
  return findings;
}

const renewAnchor = "ask the VO's administrator for new trust anchors, then join again: xos node join";

function hasIssuer(certificate: Certificate, store: TrustStore): boolean {
  if (certificate.issuer.der.equals(certificate.subject.der)) return true;
  const own = new X509Certificate(certificate.der);
  return store.findBySubject(certificate.issuer).some((issuer) => own.verify(issuer.certificate.publicKey));
}
