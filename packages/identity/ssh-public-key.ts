import { createPublicKey, type KeyObject } from 'node:crypto';
import { XosError } from '@xtreemos/base';
import { DerReader, tag } from './der-reader.ts';
import * as der from './der-writer.ts';
import { keyOid } from './object-identifiers.ts';
import { describeKey, judgeKey, loadPublicKey, publicKeyInfo, readPublicKeyInfo } from './public-key.ts';
import { sha256 } from './signature-algorithm.ts';
import { SshReader, sshMpint, sshString } from './ssh-wire.ts';

/** An OpenSSH public key: RSA (>= 2048), ECDSA P-256/384/521 or Ed25519. */
export interface SshPublicKey {
  /** `ssh-ed25519`, `ecdsa-sha2-nistp256`, `ssh-rsa`... */
  readonly type: string;
  readonly blob: Buffer;
  readonly comment: string;
  readonly key: KeyObject;
  /** `SHA256:` and base64 without padding, as ssh-keygen -l prints. */
  readonly fingerprint: string;
}

const curves: ReadonlyMap<
  string,
  { readonly name: string; readonly oid: string; readonly pointBytes: number }
> = new Map([
  ['ecdsa-sha2-nistp256', { name: 'nistp256', oid: keyOid.p256, pointBytes: 65 }],
  ['ecdsa-sha2-nistp384', { name: 'nistp384', oid: keyOid.p384, pointBytes: 97 }],
  ['ecdsa-sha2-nistp521', { name: 'nistp521', oid: keyOid.p521, pointBytes: 133 }],
]);

export const maximumSshLineBytes = 16384;
const what = 'SSH public key';

/** Type and the fields behind it, as keys and certificates both have them. */
export function sshKeyFields(key: KeyObject): { readonly type: string; readonly fields: Buffer } {
  const spki = publicKeyInfo(key);
  const description = describeKey(key);
  judgeKey(description);
  const info = new DerReader(spki, what).sequence('subjectPublicKeyInfo');
  info.element(tag.sequence, 'key algorithm');
  const bits = info.bitString('public key');
  switch (description.kind) {
    case 'ed25519':
      return { type: 'ssh-ed25519', fields: sshString(bits) };
    case 'ec': {
      const curve = `nistp${description.bits}`;
      return { type: `ecdsa-sha2-${curve}`, fields: Buffer.concat([sshString(curve), sshString(bits)]) };
    }
    default: {
      const rsa = new DerReader(bits, what).sequence('RSAPublicKey');
      const modulus = rsa.integerBytes('modulus', 2048 + 1);
      const exponent = rsa.integerBytes('exponent', 2048 + 1);
      return { type: 'ssh-rsa', fields: Buffer.concat([sshMpint(exponent), sshMpint(modulus)]) };
    }
  }
}

/** Blob of a plain public key. */
export function sshKeyBlob(key: KeyObject): Buffer {
  const { type, fields } = sshKeyFields(key);
  return Buffer.concat([sshString(type), fields]);
}

/** Reads the fields of a key of this (plain) type at the cursor. The key is judged and loaded. */
export function readSshKeyFields(type: string, reader: SshReader): KeyObject {
  const spki = readAsPublicKeyInfo(type, reader);
  const { description } = readPublicKeyInfo(new DerReader(spki, what));
  judgeKey(description);
  return loadPublicKey(spki, description);
}

function readAsPublicKeyInfo(type: string, reader: SshReader): Buffer {
  if (type === 'ssh-ed25519') {
    const bits = reader.string('Ed25519 key');
    if (bits.length !== 32) reader.refuse(`the Ed25519 key has ${bits.length} bytes`);
    return der.sequence(der.sequence(der.oid(keyOid.ed25519)), der.bitString(bits));
  }
  if (type === 'ssh-rsa') {
    const exponent = reader.mpint('RSA exponent');
    const modulus = reader.mpint('RSA modulus');
    const rsa = der.sequence(der.integer(modulus), der.integer(exponent));
    return der.sequence(der.sequence(der.oid(keyOid.rsa), der.nullValue()), der.bitString(rsa));
  }
  const curve =
    curves.get(type) ?? reader.refuse(`key type ${JSON.stringify(type.slice(0, 80))} is not supported`);
  if (reader.text('curve') !== curve.name) reader.refuse('the curve is not that of the key type');
  const point = reader.string('EC point');
  if (point.length !== curve.pointBytes || point[0] !== 4)
    reader.refuse('the EC point is not in uncompressed form');
  return der.sequence(der.sequence(der.oid(keyOid.ec), der.oid(curve.oid)), der.bitString(point));
}

/** Reads the blob of a plain public key. Errors: XOS_INPUT_BAD, XOS_KEY_WEAK. */
export function parseSshKeyBlob(blob: Buffer, comment = ''): SshPublicKey {
  const reader = new SshReader(blob, what);
  const type = reader.text('key type');
  const key = readSshKeyFields(type, reader);
  reader.finish('the key');
  return { type, blob, comment, key, fingerprint: sshFingerprint(blob) };
}

export function sshFingerprint(blob: Buffer): string {
  return `SHA256:${sha256(blob).toString('base64').replace(/=+$/, '')}`;
}

/** Type, blob and comment of a line as it stands in a .pub file. */
export function splitSshLine(
  line: string,
  kind: string,
): { readonly type: string; readonly blob: Buffer; readonly comment: string } {
  const refuse = (reason: string): never => {
    throw new XosError('XOS_INPUT_BAD', { what: kind, where: 'its line', reason });
  };
  if (line.length > maximumSshLineBytes)
    refuse(`it has ${line.length} characters, more than ${maximumSshLineBytes}`);
  const match = /^[ \t]*([A-Za-z0-9@.-]{1,64})[ \t]+([A-Za-z0-9+/]+={0,2})(?:[ \t]+(\P{Cc}*))?[\r\n]*$/u.exec(
    line,
  );
  const [, type, base64, comment] = match ?? [];
  if (type === undefined || base64 === undefined || base64.length % 4 !== 0) {
    return refuse('it is not of the form TYPE BASE64 [COMMENT]');
  }
  return { type, blob: Buffer.from(base64, 'base64'), comment: (comment ?? '').trim() };
}

/** Reads a public key line (<= 16 KiB; options before the type are not accepted). Errors: XOS_INPUT_BAD, XOS_KEY_WEAK. */
export function parseSshPublicKey(line: string): SshPublicKey {
  const { type, blob, comment } = splitSshLine(line, what);
  const key = parseSshKeyBlob(blob, comment);
  if (key.type === type) return key;
  throw new XosError('XOS_INPUT_BAD', {
    what,
    where: 'its line',
    reason: `it says ${type}, but holds ${key.type}`,
  });
}

/** `ssh-ed25519 AAAA... comment` of a key, as for authorized_keys and TrustedUserCAKeys. */
export function sshPublicKeyLine(key: KeyObject, comment = ''): string {
  const blob = sshKeyBlob(key.type === 'private' ? createPublicKey(key) : key);
  const type = new SshReader(blob, what).text('key type');
  return `${type} ${blob.toString('base64')}${comment === '' ? '' : ` ${oneLine(comment)}`}`;
}

/** A comment must not become a second line of authorized_keys. */
export function oneLine(comment: string): string {
  return comment.replace(/\p{Cc}+/gu, ' ');
}
