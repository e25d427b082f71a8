import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { XosError } from '@xtreemos/base';
import {
  type Certificate,
  certificatePem,
  makeTrustStore,
  parseCertificate,
  parseCertificateChain,
  parseCrl,
  parseNamespaces,
  parseSigningPolicy,
  type RevocationList,
  subjectHash,
  validatePath,
} from '@xtreemos/identity';
import type { CrlBundle, HostRole, NodeJoinResult, TrustBundle } from '@xtreemos/vo-client';
import type { HostPaths } from '../host-paths.ts';
import type { FileOwnership, FileTransaction } from './file-transaction.ts';

interface Anchor {
  readonly certificate: Certificate;
  readonly signingPolicy: string;
  readonly namespaces: string;
}

/** What a VO service sent, read and found to hold together. */
export interface CheckedTrust {
  readonly anchors: readonly Anchor[];
  readonly crls: readonly RevocationList[];
  readonly sshUserCas: readonly string[];
  readonly rootFingerprint: string;
}

const publicFile: FileOwnership = { mode: 0o644 };
const anchorNumbers = 10;

/**
 * Reads what the VO service answered and judges the host certificates by it, as a node would, before a file is touched:
 * the anchors' root is the one announced, and each certificate is for this host, this VO and its role.
 * @throws XosError XOS_PROTOCOL, or the validator's own refusal.
 */
export function checkTrust(
  trust: TrustBundle,
  crlBundle: CrlBundle,
  joined: NodeJoinResult,
  expected: {
    readonly vo: string;
    readonly hostname: string;
    readonly roles: readonly HostRole[];
    readonly nowMs: number;
  },
): CheckedTrust {
  const refuse = (reason: string): never => {
    throw new XosError('XOS_PROTOCOL', {
      peer: `The VO service of ${expected.vo}`,
      attempt: 'joining',
      reason: `${reason}. Nothing was installed`,
    });
  };
  const anchors = trust.anchors.map((anchor) => {
    const certificate = parseCertificate(anchor.certificate);
    if (certificate.fingerprint !== anchor.fingerprint)
      refuse(`the ${anchor.kind} anchor has another fingerprint`);
    return { certificate, signingPolicy: anchor.signingPolicy, namespaces: anchor.namespaces };
  });
  if (!anchors.some(({ certificate }) => certificate.fingerprint === trust.rootFingerprint)) {
    refuse('the root it names is not among its trust anchors');
  }
  const crls = crlBundle.crls.map(({ pem }) => parseCrl(Buffer.from(pem)));
  const store = makeTrustStore({
    anchors: anchors.map(({ certificate, signingPolicy, namespaces }) => ({
      certificate,
      signingPolicy: parseSigningPolicy(signingPolicy),
      namespaces: parseNamespaces(namespaces),
    })),
    crls,
  });
  for (const role of expected.roles) {
    const pem = joined.certificates[role];
    if (pem === undefined) throw refuse(`it issued no certificate for role ${role}`);
    const { host } = validatePath(parseCertificateChain(pem), {
      store,
      now: new Date(expected.nowMs),
      voRoots: new Map([[expected.vo, trust.rootFingerprint]]),
    });
    if (host?.vo !== expected.vo || host.role !== role || host.hostname !== expected.hostname) {
      refuse(`its certificate for role ${role} is that of another host, VO or role`);
    }
  }
  return { anchors, crls, sshUserCas: trust.sshUserCas, rootFingerprint: trust.rootFingerprint };
}

/**
 * Puts anchors (certificate, signing policy, namespaces), links to their CRLs and the CRLs themselves into a transaction.
 * Answers the files in the trust directory that belong to the VO, for its manifest.
 */
export function installAnchors(
  transaction: FileTransaction,
  paths: HostPaths,
  trust: CheckedTrust,
  crlOwnership: FileOwnership,
): readonly string[] {
  const directory = paths.gridSecurityDirectory;
  const names: string[] = [];
  for (const { certificate, signingPolicy, namespaces } of trust.anchors) {
    const hash = subjectHash(certificate.subject);
    const number = anchorNumber(directory, hash, certificate);
    refuseForeignPolicy(directory, hash, number, signingPolicy);
    const put = (name: string, content: string): void => {
      transaction.put(join(directory, name), content, publicFile);
      names.push(name);
    };
    put(`${hash}.${number}`, certificatePem(certificate));
    put(`${hash}.signing_policy`, signingPolicy);
    put(`${hash}.namespaces`, namespaces);
    const crl = trust.crls.find(({ issuer }) => issuer.der.equals(certificate.subject.der));
    if (crl !== undefined) {
      const crlFile = join(paths.crlDirectory, `${hash}.r${number}`);
      transaction.put(crlFile, crlPemOf(crl), crlOwnership);
      transaction.link(join(directory, `${hash}.r${number}`), relative(directory, crlFile));
      names.push(`${hash}.r${number}`);
    }
  }
  return names;
}

function crlPemOf(crl: RevocationList): string {
  const lines = crl.der.toString('base64').replace(/.{64}/g, '$&\n').trimEnd();
  return `-----BEGIN X509 CRL-----\n${lines}\n-----END X509 CRL-----\n`;
}

/** The number this certificate has there already, else the first free one. */
function anchorNumber(directory: string, hash: string, certificate: Certificate): number {
  for (let number = 0; number < anchorNumbers; number += 1) {
    const file = join(directory, `${hash}.${number}`);
    if (!existsSync(file)) return number;
    if (parseCertificate(readFileSync(file)).fingerprint === certificate.fingerprint) return number;
  }
  throw new XosError('XOS_RESOURCE_EXHAUSTED', {
    attempt: `install the trust anchor ${certificate.subject.oneline}`,
    resource: `${directory}/${hash}.N`,
    limit: `${anchorNumbers} anchors of one name`,
  });
}

/** Two CAs of one name share one policy file: a joining VO must not loosen that of a CA that was there before. */
function refuseForeignPolicy(directory: string, hash: string, number: number, policy: string): void {
  const file = join(directory, `${hash}.signing_policy`);
  if (number === 0 || !existsSync(file) || readFileSync(file, 'utf8') === policy) return;
  throw new XosError('XOS_STATE_WRONG', {
    attempt: 'install a trust anchor',
    what: file,
    state: 'that of another authority of the same name, with another policy',
    wanted: 'removed first, should the new authority replace it',
  });
}

/** Files of the trust directory that only this VO's manifest lists. */
export function filesOfVoAlone(paths: HostPaths, vo: string): readonly string[] {
  const others = new Set(
    readdirOrEmpty(paths.hostKeyDirectory)
      .filter((name) => name !== vo)
      .flatMap((name) => readManifest(paths, name)),
  );
  return readManifest(paths, vo).filter((name) => !others.has(name));
}

/** `/etc/xtreemos/host/<vo>/anchors`: which files of the trust directory the VO brought. */
export function manifestFile(paths: HostPaths, vo: string): string {
  return join(paths.hostKeyDirectory, vo, 'anchors');
}

function readManifest(paths: HostPaths, vo: string): readonly string[] {
  const file = manifestFile(paths, vo);
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((name) => /^[0-9a-f]{8}\.(?:r?\d|signing_policy|namespaces)$/.test(name));
}

function readdirOrEmpty(directory: string): readonly string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}
