import { createPublicKey, type KeyObject, randomBytes } from 'node:crypto';
import { XosError } from '@xtreemos/base';
import {
  oneLine,
  parseSshKeyBlob,
  readSshKeyFields,
  type SshPublicKey,
  splitSshLine,
  sshFingerprint,
  sshKeyBlob,
  sshKeyFields,
} from './ssh-public-key.ts';
import { readSshSignature, signSsh, verifySsh, whySshAlgorithmRefused } from './ssh-signature.ts';
import { SshReader, sshString, sshU32, sshU64 } from './ssh-wire.ts';

/** An OpenSSH certificate (PROTOCOL.certkeys of OpenSSH), read and not yet verified. */
export interface SshCertificate {
  readonly type: string;
  readonly blob: Buffer;
  /** The certified key. */
  readonly publicKey: SshPublicKey;
  readonly serial: bigint;
  readonly kind: 'user' | 'host';
  readonly keyId: string;
  readonly principals: readonly string[];
  readonly validAfter: Date;
  /** "Forever" is the last moment a Date can hold. */
  readonly validBefore: Date;
  readonly criticalOptions: ReadonlyMap<string, string>;
  readonly extensions: ReadonlyMap<string, string>;
  readonly authority: SshPublicKey;
  readonly signatureAlgorithm: string;
  readonly signed: Buffer;
  readonly signature: Buffer;
}

export interface SshUserCertificateRequest {
  /** ECDSA P-256/384/521, Ed25519 or RSA (signs rsa-sha2-512). */
  readonly authorityKey: KeyObject;
  readonly publicKey: KeyObject;
  /** 64-bit; what revocation names. */
  readonly serial: bigint;
  readonly keyId: string;
  /** At least one: a certificate without principals would be good for everybody. */
  readonly principals: readonly string[];
  readonly validAfter: Date;
  readonly validBefore: Date;
  /** Default: permit-X11-forwarding, -agent-forwarding, -port-forwarding, -pty, -user-rc. */
  readonly extensions?: readonly string[];
  /** Such as `source-address`, `force-command`. */
  readonly criticalOptions?: Readonly<Record<string, string>>;
  readonly comment?: string;
}

const what = 'SSH certificate';
const suffix = '-cert-v01@openssh.com';
const maximumBlobBytes = 16384;
const maximumPrincipals = 256;
const maximumOptions = 64;
const userKind = 1;
const hostKind = 2;

/** What ssh-keygen grants when it is told nothing. */
const defaultExtensions = [
  'permit-X11-forwarding',
  'permit-agent-forwarding',
  'permit-port-forwarding',
  'permit-pty',
  'permit-user-rc',
];

function refuseRequest(reason: string): never {
  throw new XosError('XOS_INPUT_BAD', { what: 'SSH certificate to issue', where: 'the request', reason });
}

/** One line as it stands in `id_x-cert.pub`, and its blob. Errors: XOS_INPUT_BAD, XOS_KEY_WEAK. */
export function issueSshUserCertificate(request: SshUserCertificateRequest): {
  readonly line: string;
  readonly blob: Buffer;
} {
  const { authorityKey, serial, keyId, principals, validAfter, validBefore } = request;
  if (principals.length === 0 || principals.length > maximumPrincipals)
    refuseRequest(`it names ${principals.length} principals`);
  for (const principal of principals) {
    if (!/^[\x21-\x7e]{1,255}$/.test(principal) || principal.includes(',')) {
      refuseRequest(`${JSON.stringify(principal.slice(0, 80))} is no principal`);
    }
  }
  if (serial < 0n || serial >= 1n << 64n) refuseRequest(`serial ${serial} is not within 64 bits`);
  if (validBefore <= validAfter || validAfter.getTime() < 0) refuseRequest('it would end before it begins');
  if (/\p{Cc}/u.test(keyId) || keyId.length > 255)
    refuseRequest('the key id has control characters or is too long');
  const { type, fields } = sshKeyFields(request.publicKey);
  const certificateType = `${type}${suffix}`;
  const criticalOptions = Object.entries(request.criticalOptions ?? {});
  const extensions = (request.extensions ?? defaultExtensions).map((name) => [name, ''] as const);
  const signed = Buffer.concat([
    sshString(certificateType),
    sshString(randomBytes(32)),
    fields,
    sshU64(serial),
    sshU32(userKind),
    sshString(keyId),
    sshString(...principals.map((principal) => sshString(principal))),
    sshU64(epochSeconds(validAfter)),
    sshU64(epochSeconds(validBefore)),
    encodeOptions(criticalOptions),
    encodeOptions(extensions),
    sshString(),
    sshString(sshKeyBlob(createPublicKey(authorityKey))),
  ]);
  const blob = Buffer.concat([signed, signSsh(signed, authorityKey)]);
  if (blob.length > maximumBlobBytes)
    refuseRequest(`it has ${blob.length} bytes, more than ${maximumBlobBytes}`);
  const comment = oneLine(request.comment ?? keyId);
  return { line: `${certificateType} ${blob.toString('base64')} ${comment}`, blob };
}

function epochSeconds(moment: Date): bigint {
  return BigInt(Math.floor(moment.getTime() / 1000));
}

/** Options in lexical order; data is a string within a string, or nothing for a flag. */
function encodeOptions(options: readonly (readonly [name: string, value: string])[]): Buffer {
  const sorted = options.toSorted(([one], [other]) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
  return sshString(
    ...sorted.map(([name, value]) =>
      Buffer.concat([sshString(name), value === '' ? sshString() : sshString(sshString(value))]),
    ),
  );
}

/** Reads a certificate from its line or its blob (<= 16 KiB). Nothing is verified yet. Errors: XOS_INPUT_BAD, XOS_KEY_WEAK. */
export function parseSshCertificate(lineOrBlob: string | Buffer): SshCertificate {
  const { blob, comment } =
    typeof lineOrBlob === 'string'
      ? splitSshLine(lineOrBlob, what)
      : { blob: Buffer.from(lineOrBlob), comment: '' };
  if (blob.length > maximumBlobBytes) {
    throw new XosError('XOS_INPUT_TOO_LARGE', { what, size: blob.length, limit: maximumBlobBytes });
  }
  const reader = new SshReader(blob, what);
  const type = reader.text('type');
  if (!type.endsWith(suffix)) reader.refuse(`${JSON.stringify(type.slice(0, 80))} is no certificate type`);
  reader.string('nonce');
  const key = readSshKeyFields(type.slice(0, -suffix.length), reader);
  const serial = reader.u64('serial');
  const kindNumber = reader.u32('kind');
  if (kindNumber !== userKind && kindNumber !== hostKind)
    reader.refuse(`kind ${kindNumber} is neither user nor host`);
  const keyId = reader.text('key id');
  const principals = readPrincipals(reader.inside('principals'));
  const validAfter = moment(reader.u64('valid after'));
  const validBefore = moment(reader.u64('valid before'));
  const criticalOptions = readOptions(reader.inside('critical options'));
  const extensions = readOptions(reader.inside('extensions'));
  reader.string('reserved');
  const authority = parseSshKeyBlob(reader.string('signature key'));
  const signed = blob.subarray(0, reader.offset);
  const signature = readSshSignature(reader.inside('signature'));
  reader.finish('the certificate');
  const keyBlob = sshKeyBlob(key);
  const publicKey = {
    type: type.slice(0, -suffix.length),
    blob: keyBlob,
    comment,
    key,
    fingerprint: sshFingerprint(keyBlob),
  };
  return {
    type,
    blob,
    publicKey,
    serial,
    kind: kindNumber === userKind ? 'user' : 'host',
    keyId,
    principals,
    validAfter,
    validBefore,
    criticalOptions,
    extensions,
    authority,
    signatureAlgorithm: signature.algorithm,
    signed,
    signature: signature.value,
  };
}

const lastMomentMs = 8.64e15;

function moment(seconds: bigint): Date {
  return new Date(Math.min(Number(seconds) * 1000, lastMomentMs));
}

function readPrincipals(reader: SshReader): readonly string[] {
  const principals: string[] = [];
  while (!reader.done) {
    principals.push(reader.text('principal'));
    if (principals.length > maximumPrincipals)
      reader.refuse(`there are more than ${maximumPrincipals} principals`);
  }
  return principals;
}

function readOptions(reader: SshReader): ReadonlyMap<string, string> {
  const options = new Map<string, string>();
  while (!reader.done) {
    const name = reader.text('option name');
    const data = reader.inside('option data');
    const value = data.done ? '' : data.text('option value');
    data.finish('the option');
    if (options.has(name)) reader.refuse(`option ${JSON.stringify(name)} stands twice`);
    if (options.size >= maximumOptions) reader.refuse(`there are more than ${maximumOptions} options`);
    options.set(name, value);
  }
  return options;
}

/**
 * Judges a user certificate: signed by one of `authorities`, within its validity (skew default 300 s), for `principal` when
 * given, no critical option that is not listed in `understood`. Revocation by serial is the caller's.
 * Errors: XOS_SSH_CERTIFICATE_REFUSED saying which.
 */
export function verifySshUserCertificate(
  certificate: SshCertificate,
  expected: {
    readonly authorities: readonly SshPublicKey[];
    readonly principal?: string;
    readonly now?: Date;
    readonly skewSeconds?: number;
    readonly understood?: readonly string[];
  },
): void {
  const { authority, keyId, kind, principals, validAfter, validBefore, signatureAlgorithm } = certificate;
  const refuse: (reason: string) => never = (reason) => {
    throw new XosError('XOS_SSH_CERTIFICATE_REFUSED', { keyId, serial: String(certificate.serial), reason });
  };
  if (kind !== 'user') refuse('it is a host certificate');
  const known = expected.authorities.find(({ blob }) => blob.equals(authority.blob));
  if (known === undefined) refuse(`its authority ${authority.fingerprint} is not trusted here`);
  const whyRefused = whySshAlgorithmRefused(signatureAlgorithm, known.type);
  if (whyRefused !== undefined) refuse(whyRefused);
  const signature = { algorithm: signatureAlgorithm, value: certificate.signature };
  if (!verifySsh(certificate.signed, signature, known)) refuse('its signature is not by its authority');
  const nowMs = (expected.now ?? new Date()).getTime();
  const skewMs = (expected.skewSeconds ?? 300) * 1000;
  if (nowMs < validAfter.getTime() - skewMs) refuse(`it is valid only from ${validAfter.toISOString()}`);
  if (nowMs >= validBefore.getTime() + skewMs) refuse(`it expired at ${validBefore.toISOString()}`);
  if (principals.length === 0) refuse('it names no principal, so that it would be good for everybody');
  if (expected.principal !== undefined && !principals.includes(expected.principal)) {
    refuse(`it is for ${principals.join(', ')}, not for ${expected.principal}`);
  }
  const unknown = [...certificate.criticalOptions.keys()].find(
    (name) => !expected.understood?.includes(name),
  );
  if (unknown !== undefined) refuse(`its critical option ${unknown} is not understood`);
}
