import { type KeyObject, sign, verify } from 'node:crypto';
import { DerReader } from './der-reader.ts';
import * as der from './der-writer.ts';
import { describeKey, judgeKey } from './public-key.ts';
import { SshReader, sshMpint, sshString } from './ssh-wire.ts';

/** Signature algorithms of SSH that are accepted, by name; `ssh-rsa` means SHA-1 and is not among them. */
const hashes: ReadonlyMap<string, { readonly keyType: string; readonly hash: string | null }> = new Map([
  ['ssh-ed25519', { keyType: 'ssh-ed25519', hash: null }],
  ['rsa-sha2-256', { keyType: 'ssh-rsa', hash: 'sha256' }],
  ['rsa-sha2-512', { keyType: 'ssh-rsa', hash: 'sha512' }],
  ['ecdsa-sha2-nistp256', { keyType: 'ecdsa-sha2-nistp256', hash: 'sha256' }],
  ['ecdsa-sha2-nistp384', { keyType: 'ecdsa-sha2-nistp384', hash: 'sha384' }],
  ['ecdsa-sha2-nistp521', { keyType: 'ecdsa-sha2-nistp521', hash: 'sha512' }],
]);

/** Why a signature algorithm with a key of this type is not accepted, or undefined. */
export function whySshAlgorithmRefused(algorithm: string, keyType: string): string | undefined {
  const known = hashes.get(algorithm);
  if (known === undefined) return `signature algorithm ${algorithm} is not accepted`;
  return known.keyType === keyType
    ? undefined
    : `signature algorithm ${algorithm} does not go with a ${keyType} key`;
}

/** The signature string (RFC 4253 section 6.6, RFC 5656, RFC 8332, RFC 8709). RSA signs with SHA-512. */
export function signSsh(data: Buffer, key: KeyObject): Buffer {
  const description = describeKey(key);
  judgeKey(description);
  if (description.kind === 'ed25519')
    return sshString(sshString('ssh-ed25519'), sshString(sign(null, data, key)));
  if (description.kind === 'rsa')
    return sshString(sshString('rsa-sha2-512'), sshString(sign('sha512', data, key)));
  const algorithm = `ecdsa-sha2-nistp${description.bits}`;
  const pair = new DerReader(sign(hashes.get(algorithm)?.hash, data, key), 'signature').sequence(
    'ECDSA signature',
  );
  const r = pair.integerBytes('r', 67);
  const s = pair.integerBytes('s', 67);
  return sshString(sshString(algorithm), sshString(sshMpint(r), sshMpint(s)));
}

/** Splits a signature's content into algorithm and raw value. */
export function readSshSignature(reader: SshReader): { readonly algorithm: string; readonly value: Buffer } {
  const algorithm = reader.text('signature algorithm');
  const value = reader.string('signature');
  reader.finish('the signature');
  return { algorithm, value };
}

/** Whether the signature is good under an accepted algorithm that fits the key. */
export function verifySsh(
  data: Buffer,
  signature: { readonly algorithm: string; readonly value: Buffer },
  key: { readonly type: string; readonly key: KeyObject },
): boolean {
  const known = hashes.get(signature.algorithm);
  if (known === undefined || known.keyType !== key.type) return false;
  try {
    const value = key.type.startsWith('ecdsa') ? ecdsaToDer(signature.value) : signature.value;
    return verify(known.hash, data, key.key, value);
  } catch {
    // Malformed numbers inside the signature: it is not good.
    return false;
  }
}

function ecdsaToDer(value: Buffer): Buffer {
  const reader = new SshReader(value, 'ECDSA signature');
  const r = reader.mpint('r');
  const s = reader.mpint('s');
  reader.finish('the signature');
  return der.sequence(der.integer(r), der.integer(s));
}
