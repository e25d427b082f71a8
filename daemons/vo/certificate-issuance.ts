import { type KeyObject, randomBytes } from 'node:crypto';
import { XosError } from '@xtreemos/base';
import {
  certificatePem,
  type HostBinding,
  issueSessionCertificate,
  issueSshUserCertificate,
  issueUserCertificate,
  parseCertificateRequest,
  parseSshCertificate,
  parseSshPublicKey,
  type UserCertificateRequest,
  verifySshUserCertificate,
} from '@xtreemos/identity';
import type {
  CertificateRequest,
  IssuedCertificate,
  IssuedSshCertificate,
  SessionCertificateRequest,
  SshCertificateRequest,
} from '@xtreemos/vo-client';
import type { Caller, NodeCaller } from './caller.ts';
import type { MemberRow } from './database-schema.ts';
import { recordCertificate } from './issued-certificate.ts';
import { fqansOf, readRights, requireActive, requireMember } from './member-record.ts';
import { byPassword, type Proof, proveIdentity } from './proof-of-identity.ts';
import { type Change, changeRegistry } from './registry-change.ts';
import type { VoContext } from './vo-context.ts';

/** What readers of a certificate accept. */
const maximumFqans = 1024;

/** Clocks of hosts may lag by so much: certificates begin that much earlier. */
const clockSkewMs = 300_000;

/** The XOS certificate of a person, for the key of the CSR. */
export async function issueForPerson(
  context: VoContext,
  caller: Caller,
  actor: string,
  vo: string,
  request: CertificateRequest,
): Promise<IssuedCertificate> {
  const { publicKey } = parseCertificateRequest(request.csr);
  const proof = await proveIdentity(context, vo, caller, request, `get a certificate of ${vo}`);
  return issueX509(context, actor, vo, proof, {
    kind: 'user',
    publicKey,
    lifetimeMs: lifetimeMs(request.lifetimeSeconds, context.settings.configuration.Certificates.UserLifetime),
    wantedFqans: request.fqans,
  });
}

/** A certificate good on one node alone, for a login there that showed a password or an SSH certificate. */
export async function issueForSession(
  context: VoContext,
  node: NodeCaller,
  actor: string,
  vo: string,
  request: SessionCertificateRequest,
): Promise<IssuedCertificate> {
  const { publicKey } = parseCertificateRequest(request.csr);
  const longest = lifetimeMs(
    request.lifetimeSeconds,
    context.settings.configuration.Certificates.SessionLifetime,
  );
  const { proof, untilMs } = await proveSession(context, vo, request);
  return issueX509(context, actor, vo, proof, {
    kind: 'session',
    publicKey,
    lifetimeMs: Math.min(longest, untilMs - context.clock.nowMs()),
    wantedFqans: undefined,
    host: { hostGuid: node.guid, hostname: node.hostname },
  });
}

async function proveSession(
  context: VoContext,
  vo: string,
  request: SessionCertificateRequest,
): Promise<{ readonly proof: Proof; readonly untilMs: number }> {
  const { user, password, sshCertificate } = request;
  if (sshCertificate !== undefined && password === undefined) {
    return proveBySshCertificate(context, vo, sshCertificate, user);
  }
  if (user === undefined || password === undefined || sshCertificate !== undefined) {
    throw new XosError('XOS_INPUT_BAD', {
      what: 'session certificate request',
      where: 'sign-in',
      reason: 'give user and password, or sshCertificate',
    });
  }
  context.limits.countSignIn(`${user}@${vo}`, undefined);
  return {
    proof: await byPassword(context, vo, { user, password }, undefined),
    untilMs: Number.POSITIVE_INFINITY,
  };
}

/**
 * The certificate that sshd accepted on the node: of our SSH CA, valid, in our record and not revoked. That its owner
 * held the key is the node's word, which is why the result is bound to that node.
 */
async function proveBySshCertificate(
  context: VoContext,
  vo: string,
  text: string,
  expectedUser: string | undefined,
): Promise<{ readonly proof: Proof; readonly untilMs: number }> {
  const certificate = parseSshCertificate(text);
  const authority = await context.authorities.sshAuthority(vo);
  const nowMs = context.clock.nowMs();
  const serial = certificate.serial.toString();
  const row = await context.database.read
    .selectFrom('certificate')
    .select(['subject', 'not_after', 'revoked_at', 'revocation_reason'])
    .where('vo', '=', vo)
    .where('kind', '=', 'ssh')
    .where('serial', '=', serial)
    .executeTakeFirst();
  const principal = row === undefined ? undefined : `${row.subject}@${vo}`;
  verifySshUserCertificate(certificate, {
    authorities: [authority.publicKey],
    now: new Date(nowMs),
    ...(principal === undefined ? {} : { principal }),
  });
  if (row === undefined)
    throw new XosError('XOS_CREDENTIAL_IDENTITY', { actual: 'nobody known here', wanted: vo });
  if (row.revoked_at !== null) {
    throw new XosError('XOS_CREDENTIAL_REVOKED', {
      subject: `${row.subject}@${vo}`,
      serial,
      revokedAt: new Date(row.revoked_at).toISOString(),
      reason: row.revocation_reason ?? 'unspecified',
    });
  }
  if (expectedUser !== undefined && expectedUser !== row.subject) {
    throw new XosError('XOS_CREDENTIAL_IDENTITY', { actual: row.subject, wanted: expectedUser });
  }
  const proof: Proof = { user: row.subject, method: 'certificate', redeem: async () => undefined };
  return { proof, untilMs: row.not_after };
}

interface X509Wish {
  readonly kind: 'user' | 'session';
  readonly publicKey: KeyObject;
  readonly lifetimeMs: number;
  readonly wantedFqans: readonly string[] | undefined;
  readonly host?: HostBinding;
}

async function issueX509(
  context: VoContext,
  actor: string,
  vo: string,
  proof: Proof,
  wish: X509Wish,
): Promise<IssuedCertificate> {
  const issuer = await context.authorities.issuer('cda', vo);
  return changeRegistry(context, actor, async (change) => {
    const member = await redeem(change, vo, proof);
    const fqans = chooseFqans(
      vo,
      member.user,
      fqansOf(vo, await readRights(change.write, vo, member.user)),
      wish,
    );
    const [primaryFqan = ''] = fqans;
    const request: UserCertificateRequest = {
      issuer,
      publicKey: wish.publicKey,
      guid: member.guid,
      user: member.user,
      memberships: [{ vo, fqans, primaryFqan }],
      now: new Date(change.nowMs),
      lifetimeSeconds: secondsLeft(change.nowMs, member, wish.lifetimeMs),
    };
    const issued =
      wish.host === undefined
        ? issueUserCertificate(request)
        : issueSessionCertificate({ ...request, host: wish.host });
    const details = {
      proof: proof.method,
      fqans: fqans.join(' '),
      ...(wish.host === undefined ? {} : { host: wish.host.hostname }),
    };
    await recordCertificate(context, change, { vo, kind: wish.kind, subject: member.user, details }, issued);
    return {
      user: member.user,
      guid: member.guid,
      certificate: certificatePem(issued),
      chain: certificatePem(issuer.certificate),
      serial: issued.serial,
      fqans,
      notBeforeMs: issued.notBefore.getTime(),
      notAfterMs: issued.notAfter.getTime(),
    };
  });
}

/** An OpenSSH user certificate for the global user id, the only principal. */
export async function issueSsh(
  context: VoContext,
  caller: Caller,
  actor: string,
  vo: string,
  request: SshCertificateRequest,
): Promise<IssuedSshCertificate> {
  const publicKey = parseSshPublicKey(request.publicKey);
  const proof = await proveIdentity(context, vo, caller, request, `get an SSH certificate of ${vo}`);
  const authority = await context.authorities.sshAuthority(vo);
  const { SshLifetime } = context.settings.configuration.Certificates;
  const wantedMs = lifetimeMs(request.lifetimeSeconds, SshLifetime);
  return changeRegistry(context, actor, async (change) => {
    const member = await redeem(change, vo, proof);
    const principals = [`${member.user}@${vo}`];
    const serial = randomBytes(8).readBigUInt64BE();
    const notBefore = new Date(change.nowMs - clockSkewMs);
    const notAfter = new Date(change.nowMs + secondsLeft(change.nowMs, member, wantedMs) * 1000);
    const { line } = issueSshUserCertificate({
      authorityKey: authority.key,
      publicKey: publicKey.key,
      serial,
      keyId: `${member.user}@${vo}`,
      principals,
      validAfter: notBefore,
      validBefore: notAfter,
      comment: publicKey.comment,
    });
    const details = { proof: proof.method, publicKey: publicKey.fingerprint };
    const issued = { serial: serial.toString(), notBefore, notAfter };
    await recordCertificate(context, change, { vo, kind: 'ssh', subject: member.user, details }, issued);
    return {
      user: member.user,
      certificate: line,
      serial: issued.serial,
      principals,
      notBeforeMs: notBefore.getTime(),
      notAfterMs: notAfter.getTime(),
    };
  });
}

/** The member as of this transaction: one who was suspended a moment ago gets nothing. */
async function redeem(change: Change, vo: string, proof: Proof): Promise<MemberRow> {
  await proof.redeem(change);
  const member = await requireMember(change.write, vo, proof.user);
  requireActive(member, change.nowMs);
  return member;
}

function chooseFqans(vo: string, user: string, held: readonly string[], wish: X509Wish): readonly string[] {
  const wanted = wish.wantedFqans;
  if (wanted === undefined || wanted.length === 0) {
    if (held.length <= maximumFqans) return held;
    throw new XosError('XOS_RESOURCE_EXHAUSTED', {
      attempt: `put ${held.length} FQANs into a certificate (ask for some of them with fqans)`,
      resource: 'the space for FQANs',
      limit: maximumFqans,
    });
  }
  const missing = wanted.filter((fqan) => !held.includes(fqan));
  if (missing.length > 0) {
    const reason = `not held in ${vo}: ${missing.join(', ')}`;
    throw new XosError('XOS_PERMISSION', { who: user, attempt: 'carry these FQANs', reason });
  }
  return [...new Set(wanted)];
}

function lifetimeMs(wantedSeconds: number | undefined, maximumMs: number): number {
  return wantedSeconds === undefined ? maximumMs : Math.min(wantedSeconds * 1000, maximumMs);
}

/** Whole seconds, at most to the membership's end. Throws XOS_CREDENTIAL_EXPIRED when less than one is left. */
function secondsLeft(nowMs: number, member: MemberRow, wantedMs: number): number {
  const untilEndMs = member.expires_at === null ? wantedMs : member.expires_at - nowMs;
  const seconds = Math.floor(Math.min(wantedMs, untilEndMs) / 1000);
  if (seconds < 1) {
    const notAfter = new Date(nowMs + seconds * 1000).toISOString();
    throw new XosError('XOS_CREDENTIAL_EXPIRED', { subject: `${member.user}@${member.vo}`, notAfter });
  }
  return seconds;
}
