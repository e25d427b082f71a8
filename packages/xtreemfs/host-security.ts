import { createPrivateKey } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, kind, reasonOf, writeFileAtomically, XosError } from '@xtreemos/base';
import {
  certificateRequestPem,
  type HostRole,
  makeCertificateRequest,
  openTrustDirectories,
  parseCertificateChain,
  readJoinedVos,
} from '@xtreemos/identity';
import type { PeerTrust, TlsIdentity } from '@xtreemos/rpc';

/** `[Security]` of a server of XtreemFS. */
export const securitySection = {
  /** Takes calls in plain text and believes every caller: for closed test networks alone. */
  AllowPlainText: kind.boolean(false),
  /** The VO that the server serves; default: the only one that this host has joined. */
  Vo: kind.text(),
  HostDirectory: kind.path('/etc/xtreemos/host'),
  VoDirectory: kind.path('/etc/xtreemos/vo.d'),
  TrustDirectory: kind.path('/etc/grid-security/certificates'),
  CrlDirectory: kind.path('/var/lib/xtreemos/accounts/crls'),
  /** `<role>/<vo>.csr` below it is what xos-accounts renews the certificate with, since it cannot read the key. */
  RequestDirectory: kind.path('/run/xtreemos'),
};

export interface SecuritySettings {
  readonly Vo: string | undefined;
  readonly HostDirectory: string;
  readonly VoDirectory: string;
  readonly TrustDirectory: string;
  readonly CrlDirectory: string;
  /** Undefined: for who only looks. */
  readonly RequestDirectory: string | undefined;
}

/** Who this host is to others in one role, and by what it judges them. */
export interface HostSecurity {
  readonly vo: string;
  readonly trust: PeerTrust;
  readonly identity: TlsIdentity;
  /** This host's name in its certificate: as such others can dial it. */
  readonly hostname: string;
  /** Reads anew what changed on disk; true when the identity did. What cannot be read stays as it was, and is thrown. */
  refresh(): Promise<boolean>;
}

/**
 * @throws XosError XOS_CONFIGURATION_BAD when the VO is not clear, XOS_VO_UNKNOWN, XOS_CREDENTIAL_UNREADABLE when the host has no
 * certificate for the role
 */
export async function openHostSecurity(
  role: HostRole,
  settings: SecuritySettings,
  clock: Clock,
): Promise<HostSecurity> {
  let roots = readRoots(settings.VoDirectory);
  const vo = chooseVo(settings, [...roots.keys()]);
  const trust = await openTrustDirectories({
    directories: [settings.TrustDirectory],
    crlDirectories: [settings.CrlDirectory],
  });
  let identity = readIdentity(settings.HostDirectory, vo, role);
  await offerRequest(settings.RequestDirectory, vo, role, identity);
  return {
    vo,
    trust: { store: () => trust.current, voRoots: () => roots, nowMs: () => clock.nowMs() },
    get identity() {
      return identity;
    },
    get hostname() {
      return identity.hostname;
    },
    async refresh() {
      await trust.reload();
      roots = readRoots(settings.VoDirectory);
      const next = readIdentity(settings.HostDirectory, vo, role);
      const hasChanged = next.chainPem !== identity.chainPem || next.keyPem !== identity.keyPem;
      identity = next;
      if (hasChanged) await offerRequest(settings.RequestDirectory, vo, role, identity);
      return hasChanged;
    },
  };
}

/** VO id to the fingerprint of its root. */
function readRoots(directory: string): ReadonlyMap<string, string> {
  return new Map(readJoinedVos(directory).map(({ vo, caFingerprint }) => [vo, caFingerprint]));
}

function chooseVo({ Vo, VoDirectory }: SecuritySettings, joined: readonly string[]): string {
  if (Vo !== undefined) {
    if (!joined.includes(Vo)) throw new XosError('XOS_VO_UNKNOWN', { vo: Vo });
    return Vo;
  }
  const [only, ...others] = joined;
  if (only !== undefined && others.length === 0) return only;
  const reason =
    only === undefined
      ? `[Security] Vo=: this host has joined no VO (${VoDirectory} names none); join one with \`xos node join\``
      : `[Security] Vo=: this host has joined ${joined.join(', ')}; name the one to serve`;
  throw new XosError('XOS_CONFIGURATION_BAD', { reason });
}

interface HostIdentity extends TlsIdentity {
  readonly hostname: string;
}

/** A request holds no secret; without the directory nobody waits for one. */
async function offerRequest(
  directory: string | undefined,
  vo: string,
  role: HostRole,
  identity: HostIdentity,
): Promise<void> {
  if (directory === undefined) return;
  const below = join(directory, role);
  if (!existsSync(below)) return;
  const key = createPrivateKey(identity.keyPem);
  const request = makeCertificateRequest({ key, commonName: identity.hostname });
  await writeFileAtomically(join(below, `${vo}.csr`), certificateRequestPem(request), { mode: 0o644 });
}

function readIdentity(directory: string, vo: string, role: HostRole): HostIdentity {
  const file = join(directory, vo, `${role}.pem`);
  try {
    const chainPem = readFileSync(file, 'utf8');
    const [leaf] = parseCertificateChain(chainPem);
    const hostRole = leaf?.xos.hostRole;
    if (hostRole !== role) throw new Error(`it has host role ${hostRole ?? 'none'} instead of ${role}`);
    const name = leaf?.subjectAltName.find(({ kind }) => kind === 'dns');
    if (name?.kind !== 'dns') throw new Error('it names no host');
    const keyPem = readFileSync(join(directory, vo, `${role}.key`), 'utf8');
    return { chainPem, keyPem, hostname: name.value };
  } catch (cause) {
    const details = { name: file, reason: `${reasonOf(cause)}; \`xos node join\` has the VO issue it` };
    throw new XosError('XOS_CREDENTIAL_UNREADABLE', details, { cause });
  }
}
