import { XosError } from '@xtreemos/base';
import { certificatePem, outlineCredential, readCredential } from '@xtreemos/identity';
import type { Invocation } from '../invocation.ts';
import type { Report } from '../output/report.ts';
import { openCredential, readable } from '../user-credential.ts';
import { chooseCredential } from './credential-choice.ts';
import { certificatesOf } from './credential-display.ts';
import {
  credentialBytes,
  minimumPassphraseBytes,
  refuseExisting,
  writeSecretFile,
} from './credential-file.ts';
import { refuseSharedStandardInput } from './sign-in.ts';

interface ExportOptions {
  readonly format: 'pem' | 'pkcs12' | 'certificate' | 'chain';
  readonly out?: string;
  readonly force?: boolean;
  readonly passphraseFile?: string;
  readonly newPassphrase?: boolean;
  readonly newPassphraseFile?: string;
}

/** `xos cert export`: a private key leaves only encrypted. */
export async function exportCredential(
  invocation: Invocation,
  options: ExportOptions,
  file: string | undefined,
): Promise<Report> {
  refuseSharedStandardInput(options.passphraseFile, options.newPassphraseFile);
  refuseExisting(options.out, options.force);
  if (options.format === 'pkcs12' && options.out === undefined) {
    throw new XosError('XOS_USAGE', {
      reason: 'PKCS#12 is binary; give --out FILE',
      help: '`xos cert export --help`',
    });
  }
  const content =
    options.format === 'certificate' || options.format === 'chain'
      ? await publicPart(invocation, options, options.format, file)
      : await wholeCredential(invocation, options, options.format, file);
  if (options.out === undefined) {
    const pem = content.toString();
    return { data: { format: options.format, pem }, text: () => pem };
  }
  await writeSecretFile(options.out, content);
  const { out } = options;
  return { data: { format: options.format, file: out }, text: () => `Written: ${out}\n` };
}

async function publicPart(
  invocation: Invocation,
  options: ExportOptions,
  format: 'certificate' | 'chain',
  file: string | undefined,
): Promise<Buffer> {
  const found = await chooseCredential(invocation, file);
  const { certificate, chain } = await certificatesOf(invocation, found, options.passphraseFile);
  return Buffer.from(format === 'certificate' ? certificatePem(certificate) : certificatePem(...chain));
}

async function wholeCredential(
  invocation: Invocation,
  options: ExportOptions,
  format: 'pem' | 'pkcs12',
  file: string | undefined,
): Promise<Buffer> {
  const found = await chooseCredential(invocation, file);
  const wantsNew = options.newPassphrase === true || options.newPassphraseFile !== undefined;
  const askNew = (): Promise<string> =>
    invocation.prompts.newSecret(
      { what: 'new passphrase', option: '--new-passphrase-file', file: options.newPassphraseFile },
      'New passphrase for the key:',
      minimumPassphraseBytes,
    );
  if (!readable(found, outlineCredential).encrypted) {
    const { credential } = await openCredential(invocation, found, undefined);
    return credentialBytes(credential, format, await askNew(), nameOf(credential));
  }
  const passphrase = await invocation.prompts.secret(
    { what: 'passphrase', option: '--passphrase-file', file: options.passphraseFile },
    `Passphrase of ${found.where}:`,
  );
  const credential = await readCredential(found.bytes, passphrase);
  return credentialBytes(credential, format, wantsNew ? await askNew() : passphrase, nameOf(credential));
}

function nameOf(credential: {
  readonly certificate: { readonly subject: { readonly commonName: string | undefined } };
}): string {
  return credential.certificate.subject.commonName ?? 'XtreemOS';
}
