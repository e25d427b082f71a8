import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically, XosError } from '@xtreemos/base';
import { type Certificate, certificatePem, parseCertificate } from './certificate.ts';
import { namesEqual, subjectHash } from './distinguished-name.ts';
import { crlPem, parseCrl, type RevocationList } from './revocation-list.ts';
import {
  defaultSubjectPatterns,
  parseSigningPolicy,
  renderSigningPolicy,
  type SigningPolicy,
} from './signing-policy.ts';

/** Trust anchors and CRLs are public; every program on the host reads them. */
const mode = 0o644;

/** The file's content, or undefined when there is none. */
async function readIfPresent(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Writes `<hash>.N` and `<hash>.signing_policy` into an IGTF directory, each by rename. The same certificate is found
 * again, not doubled. Patterns default to `defaultSubjectPatterns(certificate)`. Answers the files written.
 * Errors: the system's, XOS_RESOURCE_EXHAUSTED when ten other CAs have this hash.
 */
export async function writeTrustAnchor(
  directory: string,
  certificate: Certificate,
  options: { readonly subjectPatterns?: readonly string[] } = {},
): Promise<{ readonly certificateFile: string; readonly signingPolicyFile: string }> {
  const hash = subjectHash(certificate.subject);
  const { file: certificateFile } = await slotFor(
    directory,
    `${hash}.`,
    (bytes) => parseCertificate(bytes).fingerprint === certificate.fingerprint,
  );
  const signingPolicyFile = join(directory, `${hash}.signing_policy`);
  const policy = await mergedPolicy(signingPolicyFile, certificate, options.subjectPatterns);
  // The policy first: a CA without policy is refused, one with another CA's policy is too.
  await writeFileAtomically(signingPolicyFile, renderSigningPolicy(policy), { mode });
  await writeFileAtomically(certificateFile, certificatePem(certificate), { mode });
  return { certificateFile, signingPolicyFile };
}

/** Ours replaces what the file says of this CA; what it says of others of the same hash stays. */
async function mergedPolicy(
  file: string,
  certificate: Certificate,
  subjectPatterns: readonly string[] = defaultSubjectPatterns(certificate),
): Promise<SigningPolicy> {
  const authority = certificate.subject.oneline;
  const present = await readIfPresent(file);
  const others = present === undefined ? [] : parseSigningPolicy(present.toString()).rules;
  return {
    rules: [...others.filter((rule) => rule.authority !== authority), { authority, subjectPatterns }],
  };
}

/** The file among `<prefix>0..9` that holds ours, else the first free one. Files that cannot be read as ours are left alone. */
async function slotFor(
  directory: string,
  prefix: string,
  isOurs: (bytes: Buffer) => boolean,
): Promise<{ readonly file: string; readonly present: Buffer | undefined }> {
  let free: string | undefined;
  for (let index = 0; index <= 9; index++) {
    const file = join(directory, `${prefix}${index}`);
    const present = await readIfPresent(file);
    if (present === undefined) free ??= file;
    else if (holds(present, isOurs)) return { file, present };
  }
  if (free !== undefined) return { file: free, present: undefined };
  const resource = `the file names ${join(directory, prefix)}0 to 9`;
  throw new XosError('XOS_RESOURCE_EXHAUSTED', { attempt: 'store a CA or CRL', resource, limit: '10' });
}

function holds(bytes: Buffer, isOurs: (bytes: Buffer) => boolean): boolean {
  try {
    return isOurs(bytes);
  } catch {
    // Not a file this package can read, so it is not the one looked for; loading the directory reports it by name.
    return false;
  }
}

/**
 * Writes a CRL as `<hash>.rN` (PEM) by rename; the file with the same issuer's older list is replaced, a newer one is
 * left alone. Answers the file, and whether it was written. Lists of CAs that share name but not key are told apart by AKI.
 */
export async function writeCrl(
  directory: string,
  crl: Buffer | RevocationList,
): Promise<{ readonly file: string; readonly written: boolean }> {
  const list = Buffer.isBuffer(crl) ? parseCrl(crl) : crl;
  const isSameIssuer = (other: RevocationList): boolean =>
    namesEqual(other.issuer, list.issuer) && other.authorityKeyIdentifier === list.authorityKeyIdentifier;
  const prefix = `${subjectHash(list.issuer)}.r`;
  const { file, present } = await slotFor(directory, prefix, (bytes) => isSameIssuer(parseCrl(bytes)));
  const known = present === undefined ? undefined : parseCrl(present);
  const isNewer =
    known === undefined ||
    list.thisUpdate > known.thisUpdate ||
    (list.thisUpdate.getTime() === known.thisUpdate.getTime() && list.number > known.number);
  if (isNewer) await writeFileAtomically(file, crlPem(list.der), { mode });
  return { file, written: isNewer };
}
