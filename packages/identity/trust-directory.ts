import { createHash } from 'node:crypto';
import { constants, type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { reasonOf } from '@xtreemos/base';
import { type Certificate, maximumCertificateBytes, parseCertificate } from './certificate.ts';
import { subjectHash } from './distinguished-name.ts';
import { parseCrl, type RevocationList } from './revocation-list.ts';
import { parseNamespaces, parseSigningPolicy, type SigningPolicy } from './signing-policy.ts';
import { indexTrustStore, type TrustAnchor, type TrustStore, type TrustStoreProblem } from './trust-store.ts';

/**
 * A store over directories in IGTF layout, and directories that only give CRLs. `current` is the last one loaded;
 * `reload()` stats the directories, reads only files that changed and answers whether anything did.
 */
export interface TrustDirectories {
  readonly current: TrustStore;
  reload(): Promise<boolean>;
}

type Parsed =
  | { readonly kind: 'certificate'; readonly certificate: Certificate }
  | { readonly kind: 'crl'; readonly crl: RevocationList }
  | { readonly kind: 'signingPolicy' | 'namespaces'; readonly policy: SigningPolicy }
  | { readonly kind: 'problem'; readonly reason: string };

interface KnownFile {
  /** Device, inode, size and times: equal when the file was not touched. */
  readonly state: string;
  readonly parsed: Parsed;
}

interface Entry {
  readonly path: string;
  readonly hash: string;
  readonly suffix: string;
  readonly crlsOnly: boolean;
}

const fileName = /^([0-9a-f]{8})\.(r?\d|signing_policy|namespaces)$/;
const maximumEntries = 20_000;

/** Opens and loads. A directory that does not exist is a problem in the store, not an error. */
export async function openTrustDirectories(where: {
  readonly directories: readonly string[];
  readonly crlDirectories?: readonly string[];
}): Promise<TrustDirectories> {
  let known: ReadonlyMap<string, KnownFile> = new Map();
  let listingProblems = '';
  let current = indexTrustStore([], [], []);

  const load = async (): Promise<boolean> => {
    const problems: TrustStoreProblem[] = [];
    const entries = [
      ...(await listDirectories(where.directories, false, problems)),
      ...(await listDirectories(where.crlDirectories ?? [], true, problems)),
    ];
    const files = new Map<string, KnownFile>();
    let changed = false;
    for (const entry of entries) {
      const file = await readIfChanged(entry, known.get(entry.path));
      if (file === undefined) continue;
      changed ||= file !== known.get(entry.path);
      files.set(entry.path, file);
    }
    const listing = JSON.stringify(problems);
    if (!changed && files.size === known.size && listing === listingProblems) return false;
    known = files;
    listingProblems = listing;
    current = assemble(entries, files, problems);
    return true;
  };

  // One load at a time: a second caller waits for the first and then looks again.
  let running: Promise<unknown> = Promise.resolve();
  const reload = (): Promise<boolean> => {
    const next = running.then(load, load);
    running = next.catch(() => undefined);
    return next;
  };
  await reload();
  return {
    get current() {
      return current;
    },
    reload,
  };
}

async function listDirectories(
  directories: readonly string[],
  crlsOnly: boolean,
  problems: TrustStoreProblem[],
): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  for (const directory of directories) {
    let names: readonly string[];
    try {
      names = await readdir(directory);
    } catch (error) {
      problems.push({ file: directory, reason: reasonOf(error) });
      continue;
    }
    for (const name of names.toSorted()) {
      const [, hash, suffix] = fileName.exec(name) ?? [];
      if (hash === undefined || suffix === undefined || (crlsOnly && !suffix.startsWith('r'))) continue;
      entries.push({ path: join(directory, name), hash, suffix, crlsOnly });
    }
    if (entries.length > maximumEntries) {
      problems.push({
        file: directory,
        reason: `there are more than ${maximumEntries} files; the rest is not read`,
      });
      return entries.slice(0, maximumEntries);
    }
  }
  return entries;
}

/** The file as known when it is unchanged, read again otherwise; undefined when it is gone. */
async function readIfChanged(entry: Entry, known: KnownFile | undefined): Promise<KnownFile | undefined> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(entry.path, { bigint: true });
    const state = [dev, ino, size, mtimeNs, ctimeNs].join(' ');
    if (known?.state === state) return known;
    return { state, parsed: await readEntry(entry) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return danglingLink(entry, known);
    return keep(known, reasonOf(error));
  }
}

/** A CRL link whose target has not been fetched yet is ordinary; any other dangling name is told. */
function danglingLink(entry: Entry, known: KnownFile | undefined): KnownFile | undefined {
  return entry.suffix.startsWith('r') ? undefined : keep(known, 'the link leads nowhere');
}

function keep(known: KnownFile | undefined, reason: string): KnownFile {
  return known?.state === reason ? known : { state: reason, parsed: { kind: 'problem', reason } };
}

async function readEntry(entry: Entry): Promise<Parsed> {
  try {
    if (entry.suffix === 'signing_policy') {
      return {
        kind: 'signingPolicy',
        policy: parseSigningPolicy((await readBounded(entry.path, 65536)).toString()),
      };
    }
    if (entry.suffix === 'namespaces') {
      return {
        kind: 'namespaces',
        policy: parseNamespaces((await readBounded(entry.path, 65536)).toString()),
      };
    }
    if (entry.suffix.startsWith('r')) {
      const crl = parseCrl(await readBounded(entry.path, 48 * 1024 * 1024));
      return namedRight(entry, crl.issuer, { kind: 'crl', crl });
    }
    const certificate = parseCertificate(await readBounded(entry.path, maximumCertificateBytes * 3));
    return namedRight(entry, certificate.subject, { kind: 'certificate', certificate });
  } catch (error) {
    return { kind: 'problem', reason: reasonOf(error) };
  }
}

/** OpenSSL finds a file only under its hash, so a wrong name is told. Names by the hash of OpenSSL 0.9 are common beside it. */
function namedRight(entry: Entry, name: Parameters<typeof subjectHash>[0], parsed: Parsed): Parsed {
  const hash = subjectHash(name);
  const oldHash = createHash('md5').update(name.der).digest().readUInt32LE(0).toString(16).padStart(8, '0');
  if (entry.hash === hash || entry.hash === oldHash) return parsed;
  return { kind: 'problem', reason: `it is about ${name.rfc4514}, whose files are named ${hash}` };
}

async function readBounded(path: string, maximumBytes: number): Promise<Buffer> {
  // Without O_NONBLOCK a pipe in the directory would hold the daemon until somebody writes into it.
  const file: FileHandle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const status = await file.stat();
    if (!status.isFile()) throw new Error('it is no regular file');
    if (status.size > maximumBytes) throw new Error(`it has ${status.size} bytes, more than ${maximumBytes}`);
    return await file.readFile();
  } finally {
    await file.close();
  }
}

function assemble(
  entries: readonly Entry[],
  files: ReadonlyMap<string, KnownFile>,
  listing: readonly TrustStoreProblem[],
): TrustStore {
  const problems: TrustStoreProblem[] = [...listing];
  const anchors: TrustAnchor[] = [];
  const crls: RevocationList[] = [];
  const policyBeside = (path: string, kind: 'signingPolicy' | 'namespaces'): SigningPolicy | undefined => {
    const suffix = kind === 'namespaces' ? 'namespaces' : 'signing_policy';
    const parsed = files.get(path.replace(/\.\d$/, `.${suffix}`))?.parsed;
    return parsed?.kind === kind ? parsed.policy : undefined;
  };
  for (const { path } of entries) {
    const parsed = files.get(path)?.parsed;
    if (parsed?.kind === 'problem') problems.push({ file: path, reason: parsed.reason });
    if (parsed?.kind === 'crl') crls.push(parsed.crl);
    if (parsed?.kind !== 'certificate') continue;
    anchors.push({
      certificate: parsed.certificate,
      signingPolicy: policyBeside(path, 'signingPolicy'),
      namespaces: withSelf(policyBeside(path, 'namespaces'), parsed.certificate),
      source: path,
    });
  }
  return indexTrustStore(anchors, crls, problems);
}

/** SELF in a namespaces file is the CA that the file stands beside. */
function withSelf(policy: SigningPolicy | undefined, certificate: Certificate): SigningPolicy | undefined {
  if (policy === undefined) return undefined;
  const { oneline } = certificate.subject;
  return {
    rules: policy.rules.map((rule) => (rule.authority === 'SELF' ? { ...rule, authority: oneline } : rule)),
  };
}
