import { createPrivateKey, createPublicKey } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { isXosError, reasonOf } from '@xtreemos/base';
import {
  type Certificate,
  openTrustDirectories,
  parseCertificateChain,
  type TrustStore,
  validatePath,
} from '@xtreemos/identity';
import { hostRoles } from '@xtreemos/vo-client';
import { groupOfRole } from '../../node/host-role.ts';
import { localGid } from '../../node/local-account.ts';
import { durationText } from '../../output/time-text.ts';
import type { VoRecord } from '../../vo-record.ts';
import type { Check } from '../check.ts';
import type { ExaminedHost } from '../examined-host.ts';
import { type Finding, failure, noVoJoined, ok, problemsOr, unchecked, warning } from '../finding.ts';
import { joinAgain, lookAtUnit } from '../remedies.ts';

/** The certificates by which this host is a node, and their keys. */
export const certificates: Check = {
  name: 'certificates',
  about: 'host certificates: in date, trusted, for the right VO and role, with the right key, key files 0640',
  examine: async (host) => {
    if (host.vos.length === 0) return [noVoJoined()];
    const { current: store } = await openTrustDirectories({
      directories: [host.paths.gridSecurityDirectory],
    });
    const findings = host.vos.flatMap((record) => judgeVo(host, record, store));
    return problemsOr(findings, () => {
      const all = host.vos.flatMap((record) =>
        rolesOf(host, record).map((role) => leafOf(host, record, role)),
      );
      const first = durationText(Math.min(...all.map((leaf) => leaf.notAfter.getTime())) - host.nowMs());
      return ok(`${all.length} host certificates, the first ends in ${first} and is renewed before that`);
    });
  },
};

const directoryOf = (host: ExaminedHost, { vo }: VoRecord): string => join(host.paths.hostKeyDirectory, vo);

function rolesOf(host: ExaminedHost, record: VoRecord): readonly (typeof hostRoles)[number][] {
  const directory = directoryOf(host, record);
  const present = new Set(existsSync(directory) ? readdirSync(directory) : []);
  return hostRoles.filter((role) => present.has(`${role}.pem`) || present.has(`${role}.key`));
}

function leafOf(host: ExaminedHost, record: VoRecord, role: string): Certificate {
  const [leaf] = parseCertificateChain(readFileSync(join(directoryOf(host, record), `${role}.pem`)));
  if (leaf === undefined) throw new Error('it holds no certificate');
  return leaf;
}

function judgeVo(host: ExaminedHost, record: VoRecord, store: TrustStore): readonly Finding[] {
  const roles = rolesOf(host, record);
  if (!roles.includes('accounts')) {
    return [failure(`${record.vo}: this host has no certificate of role accounts`, joinAgain([record]))];
  }
  return roles.flatMap((role) => {
    try {
      const leaf = leafOf(host, record, role);
      return [...judgeCertificate(host, record, role, leaf, store), ...judgeKey(host, record, role, leaf)];
    } catch (error) {
      const file = join(directoryOf(host, record), `${role}.pem`);
      return [failure(`${file} is not usable: ${reasonOf(error)}`, joinAgain([record]))];
    }
  });
}

function judgeCertificate(
  host: ExaminedHost,
  record: VoRecord,
  role: string,
  leaf: Certificate,
  store: TrustStore,
): readonly Finding[] {
  const name = `${record.vo}: the certificate of role ${role}`;
  const [begin, end] = [leaf.notBefore.getTime(), leaf.notAfter.getTime()];
  const leftMs = end - host.nowMs();
  if (leftMs <= 0) return [failure(`${name} expired ${durationText(-leftMs)} ago`, joinAgain([record]))];
  try {
    const chain = parseCertificateChain(readFileSync(join(directoryOf(host, record), `${role}.pem`)));
    const path = validatePath(chain, {
      store,
      now: new Date(host.nowMs()),
      revocation: 'when-present',
      ...(record.caFingerprint === undefined
        ? {}
        : { voRoots: new Map([[record.vo, record.caFingerprint]]) }),
    });
    if (path.host?.vo !== record.vo || path.host.role !== role) {
      return [failure(`${name} is that of another VO or role`, joinAgain([record]))];
    }
  } catch (error) {
    // Lists that are missing or have expired are the crl check's business.
    if (!isXosError(error, 'XOS_CRL_UNUSABLE')) {
      return [failure(`${name} does not hold: ${reasonOf(error)}`, joinAgain([record]))];
    }
  }
  // xos-accounts renews when two thirds have passed; much later, something keeps it from doing so.
  if (host.nowMs() > begin + (end - begin) * 0.8) {
    const rest = durationText(leftMs);
    return [warning(`${name} ends in ${rest} and should have been renewed`, lookAtUnit('xos-accounts'))];
  }
  return [];
}

function judgeKey(
  host: ExaminedHost,
  record: VoRecord,
  role: (typeof hostRoles)[number],
  leaf: Certificate,
): readonly Finding[] {
  const file = join(directoryOf(host, record), `${role}.key`);
  if (!existsSync(file)) return [failure(`${file} is missing`, joinAgain([record]))];
  const findings: Finding[] = [];
  const { mode, uid, gid } = statSync(file);
  const group = groupOfRole[role];
  const wantedGid = localGid(host.paths.groupFile, group);
  const rights = `chown root:${group} ${file} && chmod 0640 ${file}`;
  if ((mode & 0o137) !== 0) {
    const octal = (mode & 0o7777).toString(8).padStart(4, '0');
    findings.push(
      failure(`${file} has mode ${octal}: more than its owner and group can use the key`, rights),
    );
  } else if (wantedGid !== undefined && gid !== wantedGid) {
    findings.push(failure(`${file} is not of group ${group}: its daemon cannot read it`, rights));
  } else if (wantedGid !== undefined && (mode & 0o040) === 0) {
    findings.push(failure(`${file} cannot be read by group ${group}`, rights));
  }
  if (uid !== 0) findings.push(failure(`${file} does not belong to root`, rights));
  return [...findings, ...judgeMatch(file, record, leaf)];
}

function judgeMatch(file: string, record: VoRecord, leaf: Certificate): readonly Finding[] {
  let pem: Buffer;
  try {
    pem = readFileSync(file);
  } catch (error) {
    return [unchecked(`whether ${file} fits its certificate needs root (${reasonOf(error)})`)];
  }
  try {
    const own = createPublicKey(createPrivateKey(pem)).export({ type: 'spki', format: 'der' });
    if (own.equals(leaf.publicKey.export({ type: 'spki', format: 'der' }))) return [];
    return [failure(`${file} is not the key of its certificate`, joinAgain([record]))];
  } catch (error) {
    return [failure(`${file} is not usable: ${reasonOf(error)}`, joinAgain([record]))];
  }
}
