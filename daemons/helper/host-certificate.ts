import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { reasonOf, writeFileAtomically, XosError } from '@xtreemos/base';
import type { InstallHostCertificateReply, InstallHostCertificateRequest } from '@xtreemos/helper-client';
import { type HeldDirectory, holdBeneath, holdDirectory } from './held-directory.ts';
import { storageError } from './storage-error.ts';

export interface HostCertificateOptions {
  /** `/etc/xtreemos/host` */
  readonly directory: string;
  readonly nowMs: () => number;
}

const certificateBlock = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\r\n]+-----END CERTIFICATE-----/g;
const maximumChain = 8;
const maximumKeyBytes = 64 * 1024;

/**
 * Installs a renewed certificate as `<directory>/<vo>/<role>.pem` beside the key that is there already. Who can ask for
 * this can thereby give a daemon nothing but another certificate of its own key.
 * @throws XosError XOS_NOT_FOUND without a key, XOS_INPUT_BAD, XOS_CREDENTIAL_NO_KEY when the key is another,
 * XOS_CREDENTIAL_EXPIRED
 */
export async function installHostCertificate(
  request: InstallHostCertificateRequest,
  options: HostCertificateOptions,
): Promise<InstallHostCertificateReply> {
  const chain = parseChain(request.pem);
  const path = `${options.directory}/${request.vo}/${request.role}.pem`;
  try {
    await using top = await holdDirectory(options.directory);
    await using directory = await holdVo(top, request);
    const key = await readKey(directory, request);
    const [certificate] = chain;
    if (certificate === undefined || !certificate.checkPrivateKey(key)) {
      throw new XosError('XOS_CREDENTIAL_NO_KEY', { name: path });
    }
    if (certificate.validToDate.getTime() <= options.nowMs()) {
      throw new XosError('XOS_CREDENTIAL_EXPIRED', {
        subject: certificate.subject,
        notAfter: certificate.validTo,
      });
    }
    const pem = chain.map((element) => element.toString()).join('');
    const target = directory.entry(`${request.role}.pem`).toString('latin1');
    await writeFileAtomically(target, pem, { mode: 0o644 });
    return { path };
  } catch (error) {
    throw storageError(error, 'install the host certificate', path);
  }
}

/** Parsed and written again: nothing but certificates reaches the file. */
function parseChain(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(certificateBlock) ?? [];
  const rest = pem.replace(certificateBlock, '').trim();
  if (blocks.length === 0 || blocks.length > maximumChain || rest !== '') {
    throw bad(`not 1 to ${maximumChain} PEM certificates and nothing else`);
  }
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch (cause) {
    throw bad(reasonOf(cause), cause);
  }
}

function bad(reason: string, cause?: unknown): XosError {
  return new XosError('XOS_INPUT_BAD', { what: 'The host certificate', where: 'pem', reason }, { cause });
}

async function holdVo(top: HeldDirectory, { vo }: InstallHostCertificateRequest): Promise<HeldDirectory> {
  try {
    return await holdBeneath(top, vo);
  } catch (cause) {
    throw new XosError('XOS_NOT_FOUND', { what: 'directory of host keys of VO', name: vo }, { cause });
  }
}

async function readKey(directory: HeldDirectory, request: InstallHostCertificateRequest): Promise<KeyObject> {
  const name = `${request.role}.key`;
  try {
    await using file = await open(
      directory.entry(name),
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    );
    const stats = await file.stat();
    if (!stats.isFile() || stats.size > maximumKeyBytes)
      throw new Error('it is no regular file of at most 64 KiB');
    const content = await file.readFile();
    try {
      return createPrivateKey(content);
    } finally {
      content.fill(0);
    }
  } catch (cause) {
    const reason = reasonOf(cause);
    throw new XosError(
      'XOS_NOT_FOUND',
      { what: 'usable host key', name: `${request.vo}/${name}`, reason },
      { cause },
    );
  }
}
