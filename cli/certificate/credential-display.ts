import { type Certificate, type CredentialDescription, describeCredential } from '@xtreemos/identity';
import type { Invocation } from '../invocation.ts';
import { fields } from '../output/fields.ts';
import type { Report } from '../output/report.ts';
import { stableJson } from '../output/stable-json.ts';
import { durationText } from '../output/time-text.ts';
import { certificatesIn, type FoundCredential, openCredential } from '../user-credential.ts';
import { chooseCredential } from './credential-choice.ts';

interface ShowOptions {
  readonly passphraseFile?: string;
}

/** `xos cert show` */
export async function showCredential(
  invocation: Invocation,
  options: ShowOptions,
  file: string | undefined,
): Promise<Report> {
  const found = await chooseCredential(invocation, file);
  const { certificate, chain } = await certificatesOf(invocation, found, options.passphraseFile);
  const description = describeCredential({ certificate, chain }, new Date(invocation.nowMs()));
  return {
    data: { source: found.where, ...(stableJson(description) as Readonly<Record<string, never>>) },
    text: (terminal) => fields([...descriptionFields(description), ['Found in', found.where]], terminal),
  };
}

/** Certificates of a PEM without asking for a passphrase; those of PKCS#12 with it. */
export async function certificatesOf(
  invocation: Invocation,
  found: FoundCredential,
  passphraseFile: string | undefined,
): Promise<{ readonly certificate: Certificate; readonly chain: readonly Certificate[] }> {
  if (isPem(found.bytes)) {
    const [certificate, ...chain] = certificatesIn(found);
    if (certificate !== undefined) return { certificate, chain };
  }
  return (await openCredential(invocation, found, passphraseFile)).credential;
}

function isPem(bytes: Buffer): boolean {
  return bytes.subarray(0, 65_536).includes('-----BEGIN ');
}

function descriptionFields(description: CredentialDescription): Parameters<typeof fields>[0] {
  const { remainingSeconds } = description;
  const remaining = durationText(Math.abs(remainingSeconds) * 1000);
  return [
    ['Subject', description.subject],
    ['Issuer', description.issuer],
    ['Serial', description.serial],
    ['User', description.user],
    ['GUID', description.guid],
    ['VO', description.vos.length === 0 ? undefined : description.vos],
    ['FQANs', description.fqans.length === 0 ? undefined : description.fqans],
    ['Primary FQAN', description.primaryFqans.length === 0 ? undefined : description.primaryFqans],
    ['Host role', description.hostRole],
    ['Bound to host', description.boundToHost],
    [
      'Proxy',
      description.proxyDepth === 0
        ? undefined
        : `depth ${description.proxyDepth}${description.limited ? ', limited' : ''}`,
    ],
    ['Key', description.keyType],
    ['Valid from', description.notBefore],
    [
      'Valid until',
      `${description.notAfter} (${remainingSeconds >= 0 ? `in ${remaining}` : `expired ${remaining} ago`})`,
    ],
    ['SHA-256', description.fingerprint],
  ];
}
