import { createPublicKey, type KeyObject } from 'node:crypto';
import { XosError } from '@xtreemos/base';
import {
  type Credential,
  certificateRequestPem,
  generateKey,
  type KeyType,
  makeCertificateRequest,
  parseCertificate,
  parseCertificateChain,
} from '@xtreemos/identity';
import type { IssuedCertificate, VoClient } from '@xtreemos/vo-client';
import type { Invocation } from '../invocation.ts';
import type { Identity } from '../option-values.ts';
import type { Report } from '../output/report.ts';
import { rfc3339 } from '../output/stable-json.ts';
import { momentText } from '../output/time-text.ts';
import { type ConnectionOptions, serviceAddress, withVoClient } from '../vo-connection.ts';
import { writeUserVoRecord } from '../vo-record.ts';
import {
  type CredentialFormat,
  credentialBytes,
  defaultCredentialFile,
  formatByName,
  minimumPassphraseBytes,
  refuseExisting,
  writeSecretFile,
} from './credential-file.ts';
import { refuseSharedStandardInput, type SignInOptions, signIn } from './sign-in.ts';

export interface RequestOptions extends ConnectionOptions, SignInOptions {
  readonly keyType: KeyType;
  readonly format?: CredentialFormat;
  readonly out?: string;
  readonly force?: boolean;
  readonly lifetime?: number;
  readonly fqan?: readonly string[];
}

/** `xos cert request`: key made here, CSR sent, credential written with its key encrypted. */
export async function requestCertificate(
  invocation: Invocation,
  options: RequestOptions,
  identity: Identity,
): Promise<Report> {
  refuseSharedStandardInput(options.tokenFile, options.passwordFile, options.passphraseFile);
  refuseExisting(options.out, options.force);
  const address = serviceAddress(invocation, options, identity.vo, 'public');
  const proof = await signIn(invocation, options, identity);
  const passphrase = await invocation.prompts.newSecret(
    { what: 'passphrase', option: '--passphrase-file', file: options.passphraseFile },
    'New passphrase for the key:',
    minimumPassphraseBytes,
  );
  const key = await generateKey(options.keyType);
  const issued = await withVoClient(invocation, options, identity.vo, 'public', (client) =>
    enrol(client, identity.vo, key, {
      user: identity.user,
      ...proof,
      ...(options.lifetime === undefined ? {} : { lifetimeSeconds: options.lifetime }),
      ...(options.fqan === undefined ? {} : { fqans: options.fqan }),
    }),
  );
  const format = options.format ?? formatByName(options.out);
  const file = options.out ?? defaultCredentialFile(invocation.paths, identity, format);
  const name = `${identity.user}@${identity.vo}`;
  await writeSecretFile(file, await credentialBytes(issued.credential, format, passphrase, name));
  if (options.url !== undefined && address.trust?.kind === 'fingerprint') {
    await writeUserVoRecord(invocation.paths, identity.vo, address.url, address.trust.rootFingerprint);
  }
  return issuedReport(invocation, issued.answer, identity.vo, file);
}

/** What a certificate request says beside the CSR. */
export interface Enrolment {
  readonly user?: string;
  readonly token?: string;
  readonly password?: string;
  readonly lifetimeSeconds?: number;
  readonly fqans?: readonly string[];
}

/** Sends the CSR of a key and checks that the answer is a certificate for that very key and VO. */
export async function enrol(
  client: VoClient,
  vo: string,
  key: KeyObject,
  enrolment: Enrolment,
): Promise<{ readonly credential: Credential; readonly answer: IssuedCertificate }> {
  const csr = certificateRequestPem(makeCertificateRequest({ key, commonName: enrolment.user ?? 'renewal' }));
  const answer = await client.requestCertificate(vo, { csr, ...enrolment });
  const certificate = parseCertificate(answer.certificate);
  const chain = parseCertificateChain(answer.chain);
  const ours = createPublicKey(key).export({ type: 'spki', format: 'der' });
  if (!ours.equals(certificate.subjectPublicKeyInfo)) {
    throw badAnswer(vo, 'the certificate is for another key than the one asked for');
  }
  if (certificate.xos.vos?.includes(vo) !== true) throw badAnswer(vo, 'the certificate does not name the VO');
  return { credential: { key, certificate, chain }, answer };
}

function badAnswer(vo: string, reason: string): XosError<'XOS_PROTOCOL'> {
  return new XosError('XOS_PROTOCOL', {
    peer: `The VO service of ${vo}`,
    attempt: 'a certificate request',
    reason: `${reason}. Nothing was written`,
  });
}

export function issuedReport(
  invocation: Invocation,
  answer: IssuedCertificate,
  vo: string,
  file: string,
): Report {
  return {
    data: {
      user: answer.user,
      vo,
      guid: answer.guid,
      serial: answer.serial,
      fqans: [...answer.fqans],
      notBefore: rfc3339(answer.notBeforeMs),
      notAfter: rfc3339(answer.notAfterMs),
      file,
    },
    text: () =>
      `Certificate of ${answer.user}@${vo}, valid until ${momentText(answer.notAfterMs, invocation.nowMs())}\n` +
      `Certificate and encrypted key: ${file}\n`,
  };
}
