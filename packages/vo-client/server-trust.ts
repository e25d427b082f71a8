import { isIP } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { XosError } from '@xtreemos/base';
import {
  type Certificate,
  makeTrustStore,
  openTrustDirectories,
  parseCertificateChain,
  peerChain,
  type TrustStore,
  validatePath,
} from '@xtreemos/identity';

/**
 * How the server's certificate is judged: it needs host role `vo` and the name that was connected to. Not used for
 * the admin socket.
 */
export type ServerTrust =
  | {
      /**
       * A store kept current by its owner, e.g. `() => directories.current`: signing policies and CRLs are applied.
       * `rootFingerprint` (hex SHA-256): only this root's services are taken; without it any installed root's, also that
       * of another VO, whose service could then stand in for this one.
       */
      readonly kind: 'store';
      readonly store: () => TrustStore;
      readonly rootFingerprint?: string;
    }
  | {
      /** IGTF directory, e.g. /etc/grid-security/certificates, read at every connection. */
      readonly kind: 'directory';
      readonly path: string;
      readonly rootFingerprint?: string;
    }
  | {
      /** PEM certificates, each an anchor. */
      readonly kind: 'anchors';
      readonly certificates: readonly string[];
    }
  | {
      /** Hex SHA-256 of the root that the server sends in its chain: before anything is installed. */
      readonly kind: 'fingerprint';
      readonly rootFingerprint: string;
    };

/** Throws XosError (XOS_CHAIN_*, XOS_CREDENTIAL_*) when the peer is not the VO service of this name. */
export async function verifyServer(
  socket: TLSSocket,
  expected: { readonly host: string; readonly trust: ServerTrust | undefined; readonly nowMs: number },
): Promise<void> {
  const chain = peerChain(socket);
  const leaf = chain[0];
  if (leaf === undefined) throw untrusted(expected.host, 'the server presented no certificate');
  const { store, strict } = await storeOf(expected.trust, chain, expected.host);
  const usable = withoutStaleCrls(store, new Date(expected.nowMs));
  const path = validatePath(chain, {
    store: usable,
    now: new Date(expected.nowMs),
    allowProxies: false,
    // CRLs of a node that was away have expired; demanding fresh ones would keep it from fetching them.
    revocation: 'when-present',
    signingPolicy: strict ? 'required' : 'when-present',
  });
  refuseRevoked(store, path.path, expected.host);
  refuseOtherRoot(path.root.certificate, expected);
  if (path.host?.role !== 'vo') throw untrusted(expected.host, 'its certificate is not that of a VO service');
  if (!names(path.endEntity).has(normalName(expected.host))) {
    const known = [...names(path.endEntity)].join(', ');
    throw untrusted(expected.host, `its certificate is for ${known}, not for ${expected.host}`);
  }
}

async function storeOf(
  trust: ServerTrust | undefined,
  chain: readonly Certificate[],
  host: string,
): Promise<{ readonly store: TrustStore; readonly strict: boolean }> {
  switch (trust?.kind) {
    case 'store':
      return { store: trust.store(), strict: true };
    case 'directory':
      return { store: (await openTrustDirectories({ directories: [trust.path] })).current, strict: true };
    case 'anchors': {
      const anchors = trust.certificates.flatMap((pem) => parseCertificateChain(pem));
      return {
        store: makeTrustStore({ anchors: anchors.map((certificate) => ({ certificate })) }),
        strict: false,
      };
    }
    case 'fingerprint': {
      const wanted = trust.rootFingerprint.toLowerCase().replaceAll(':', '');
      const root = chain.find((certificate) => certificate.fingerprint === wanted);
      if (root === undefined)
        throw untrusted(host, 'no certificate of its chain has the fingerprint of the token');
      return { store: makeTrustStore({ anchors: [{ certificate: root }] }), strict: false };
    }
    default:
      throw untrusted(host, 'no trust anchors were given to judge it by');
  }
}

function withoutStaleCrls(store: TrustStore, now: Date): TrustStore {
  return {
    ...store,
    findBySubject: (name) => store.findBySubject(name),
    findCrls: (issuer) =>
      store.findCrls(issuer).filter(({ nextUpdate }) => nextUpdate !== undefined && nextUpdate >= now),
  };
}

function refuseOtherRoot(
  root: Certificate,
  { host, trust }: { readonly host: string; readonly trust: ServerTrust | undefined },
): void {
  if (trust?.kind !== 'store' && trust?.kind !== 'directory') return;
  if (trust.rootFingerprint !== undefined && trust.rootFingerprint !== root.fingerprint) {
    throw untrusted(host, `its root is ${root.fingerprint}, not ${trust.rootFingerprint}`);
  }
}

/** A list that has expired still says truly what was revoked when it was made. */
function refuseRevoked(store: TrustStore, path: readonly Certificate[], host: string): void {
  for (const certificate of path) {
    const entry = store
      .findCrls(certificate.issuer)
      .map((crl) => crl.revoked.get(certificate.serial))
      .find((revoked) => revoked !== undefined);
    if (entry !== undefined) {
      const revokedAt = entry.revokedAt.toISOString();
      throw untrusted(host, `${certificate.subject.oneline} was revoked at ${revokedAt}`);
    }
  }
}

function names(certificate: Certificate): ReadonlySet<string> {
  const values = certificate.subjectAltName.flatMap((name) =>
    name.kind === 'dns' || name.kind === 'ip' ? [normalName(name.value)] : [],
  );
  return new Set(values);
}

/** DNS names without case and trailing dot; IPv6 addresses in the one form that URL makes of them. */
function normalName(name: string): string {
  if (isIP(name) === 6) return URL.parse(`http://[${name}]`)?.hostname.slice(1, -1) ?? name;
  return name.toLowerCase().replace(/\.$/, '');
}

function untrusted(host: string, reason: string): XosError {
  return new XosError('XOS_CHAIN_INVALID', { subject: `the VO service ${host}`, reason });
}
