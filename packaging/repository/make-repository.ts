/** Makes both repositories; packaging/repository/make calls it, and says what the options mean. */
import { existsSync, globSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { Key } from 'openpgp';
import { makeAptRepository, releaseDate } from './apt-repository.ts';
import { addressPlaceholder, aptSources, dnfRepository } from './client-files.ts';
import { makeDnfRepository } from './dnf-repository.ts';
import { keyring, keyringName, makeKeyringPackage } from './keyring-package.ts';
import { Publication } from './publication.ts';
import { makeKey, readPublicKeys, Signer } from './signing-key.ts';

interface Options {
  readonly packages: string;
  readonly out: string;
  readonly comps: string | undefined;
  readonly url: string;
  readonly prune: boolean;
  readonly fresh: boolean;
  readonly validDays: number | undefined;
  readonly signer: Signer;
  /** All that hosts are to trust, the signer's first. */
  readonly keys: readonly Key[];
  /** SOURCE_DATE_EPOCH */
  readonly date: Date;
}

async function main(words: string[]): Promise<void> {
  const options = await readOptions(words);
  const publication = await Publication.begin(options.out);
  try {
    await fill(options, publication);
  } catch (error) {
    await publication.abandon();
    throw error;
  }
  await publication.publish();
  console.log(`${options.out}: signed by ${options.signer.fingerprint}`);
}

async function fill(options: Options, publication: Publication): Promise<void> {
  const { signer, prune } = options;
  const { folder } = publication;
  const previous = (name: string): string | undefined => {
    const found =
      options.fresh || publication.previous === undefined ? undefined : path.join(publication.previous, name);
    return found !== undefined && existsSync(found) ? found : undefined;
  };
  const apt = previous('apt');
  // A signature is not older than its key (verifiers refuse that), nor an index than the one it replaces (apt ignores it).
  const times = [options.date, signer.created, apt === undefined ? undefined : await releaseDate(apt)];
  const date = new Date(Math.max(...times.map((time) => time?.getTime() ?? 0)));

  const debian = globSync(path.join(options.packages, 'deb/*.deb')).sort();
  const rpm = globSync(path.join(options.packages, 'rpm/*.rpm')).sort();
  if (debian.length + rpm.length === 0)
    throw new Error(`no packages in ${options.packages}/deb or ${options.packages}/rpm: run packaging/build`);
  if (debian.length > 0 || apt !== undefined) {
    const made = await makeKeyringPackage(options.keys, folder);
    await makeAptRepository({
      packages: [...debian, made],
      folder: path.join(folder, 'apt'),
      previous: apt,
      prune,
      signer,
      date,
      validDays: options.validDays,
    });
    await rm(made);
    await writeFile(path.join(folder, 'xtreemos.sources'), aptSources(options.url));
  }
  const dnf = previous('dnf');
  if (rpm.length > 0 || dnf !== undefined) {
    await mkdir(path.join(folder, 'dnf'));
    await makeDnfRepository({
      packages: rpm,
      comps: options.comps,
      folder: path.join(folder, 'dnf'),
      previous: dnf,
      prune,
      signer,
      date,
    });
    await writeFile(path.join(folder, 'xtreemos.repo'), dnfRepository(options.url));
  }
  await writeFile(path.join(folder, `${keyringName}.gpg`), keyring(options.keys));
  await writeFile(path.join(folder, `${keyringName}.asc`), options.keys.map((key) => key.armor()).join(''));
}

async function readOptions(words: string[]): Promise<Options> {
  const { values } = parseArgs({
    args: words,
    options: {
      packages: { type: 'string' },
      out: { type: 'string' },
      key: { type: 'string' },
      'passphrase-file': { type: 'string' },
      'also-trust': { type: 'string', multiple: true },
      comps: { type: 'string' },
      url: { type: 'string', default: addressPlaceholder },
      'valid-days': { type: 'string' },
      prune: { type: 'boolean', default: false },
      fresh: { type: 'boolean', default: false },
    },
  });
  const checkout = path.resolve(import.meta.dirname, '../..');
  const epoch = process.env['SOURCE_DATE_EPOCH'] ?? '';
  if (!/^\d{1,12}$/.test(epoch)) throw new Error('SOURCE_DATE_EPOCH is not set');
  const now = new Date();
  const file = values.key ?? (await developmentKey(path.join(checkout, 'build/signing'), now));
  const signer = await Signer.open(
    await readFile(file, 'utf8'),
    await passphraseOf(values['passphrase-file']),
    now,
  );
  const others = await Promise.all(
    (values['also-trust'] ?? []).map(async (name) => await readPublicKeys(await readFile(name))),
  );
  const comps = values.comps ?? path.join(checkout, 'packaging/rpm/comps.xml');
  return {
    packages: path.resolve(values.packages ?? path.join(checkout, 'build/packages')),
    out: path.resolve(values.out ?? path.join(checkout, 'build/repository')),
    comps: values.comps !== undefined || existsSync(comps) ? comps : undefined,
    url: addressOf(values.url),
    prune: values.prune,
    fresh: values.fresh,
    validDays: values['valid-days'] === undefined ? undefined : daysOf(values['valid-days']),
    signer,
    keys: [signer.publicKey, ...others.flat()],
    date: new Date(Number(epoch) * 1000),
  };
}

/** @returns the file of the key that signs where none was given: good for trying things out, on no account for others. */
async function developmentKey(folder: string, now: Date): Promise<string> {
  const file = path.join(folder, 'development-key.asc');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if (!existsSync(file)) {
    const key = await makeKey({
      name: 'XtreemOS development key, not for use by others',
      email: 'development@localhost.invalid',
      algorithm: 'rsa3072',
      validDays: 730,
      now,
    });
    await writeFile(file, key.privateKey, { mode: 0o600, flag: 'wx' });
  }
  console.log(`no --key was given: a development key signs (${file}), which hosts of others must not trust`);
  return file;
}

async function passphraseOf(file: string | undefined): Promise<string | undefined> {
  return file === undefined ? undefined : (await readFile(file, 'utf8')).replace(/\r?\n$/, '');
}

function daysOf(text: string): number {
  const days = Number(text);
  if (!Number.isInteger(days) || days < 1 || days > 3650)
    throw new Error(`--valid-days ${text}: not a whole number from 1 to 3650`);
  return days;
}

/** The address goes into files of one setting per line. */
function addressOf(text: string): string {
  if (text === addressPlaceholder) return text;
  if (!/^(https?|file):\/\/[\x21-\x7e]+$/.test(text))
    throw new Error(`--url ${text}: not an http, https or file address`);
  return text.replace(/\/+$/, '');
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(`packaging/repository/make: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
