import type { KeyObject } from 'node:crypto';
import { createPublicKey } from 'node:crypto';
import { XosError } from '@xtreemos/base';
import {
  type Certificate,
  type Issuer,
  makeTrustStore,
  parseCertificate,
  parseSshPublicKey,
  readPrivateKey,
  type SshPublicKey,
  type TrustStore,
} from '@xtreemos/identity';
import type { RootKey } from '@xtreemos/vo-client';
import type { Read } from './database.ts';
import type { AuthorityRow } from './database-schema.ts';
import type { KeyStore } from './key-store.ts';

/** The SSH user certificate authority of a VO. */
export interface SshAuthority {
  readonly key: KeyObject;
  readonly publicKey: SshPublicKey;
}

/** Authorities with their keys, read once and kept; `forget` after the database changed. */
export class AuthorityStore {
  readonly keys: KeyStore;
  readonly #read: Read;
  readonly #issuers = new Map<string, Promise<Issuer>>();
  readonly #sshAuthorities = new Map<string, Promise<SshAuthority>>();
  #trust: Promise<TrustStore> | undefined;
  #roots: Promise<ReadonlyMap<string, string>> | undefined;

  constructor(read: Read, keys: KeyStore) {
    this.#read = read;
    this.keys = keys;
  }

  /** The CDA or RCA of a VO that exists. */
  issuer(kind: 'cda' | 'rca', vo: string): Promise<Issuer> {
    return this.#remember(this.#issuers, `${kind}/${vo}`, async () => ({
      certificate: await this.#certificate((row) => row.kind === kind && row.vo === vo, `${kind} of ${vo}`),
      key: await this.keys.load(`vo/${vo}/${kind}`),
    }));
  }

  /** What signs the service's own TLS certificates. */
  services(domain: string): Promise<Issuer> {
    return this.#remember(this.#issuers, `services/${domain}`, async () => ({
      certificate: await this.rootOrServices('services', domain),
      key: await this.keys.load(`domain/${domain}/services`),
    }));
  }

  rootOrServices(kind: 'root' | 'services', domain: string): Promise<Certificate> {
    return this.#certificate(
      (row) => row.kind === kind && row.domain === domain,
      `${kind} of domain ${domain}`,
    );
  }

  sshAuthority(vo: string): Promise<SshAuthority> {
    return this.#remember(this.#sshAuthorities, vo, async () => {
      const row = await this.#read
        .selectFrom('vo')
        .select('ssh_ca')
        .where('id', '=', vo)
        .executeTakeFirstOrThrow();
      return { key: await this.keys.load(`vo/${vo}/ssh-ca`), publicKey: parseSshPublicKey(row.ssh_ca) };
    });
  }

  /** Every authority whose certificates may sign in here. */
  trust(): Promise<TrustStore> {
    this.#trust ??= this.#rows().then((rows) =>
      makeTrustStore({ anchors: rows.map((row) => ({ certificate: parseCertificate(row.certificate) })) }),
    );
    return this.#trust;
  }

  /**
   * VO id to fingerprint of the root it hangs under. A root may be in other hands than the service's (exported, offline):
   * whoever holds it must not make an authority for another VO.
   */
  roots(): Promise<ReadonlyMap<string, string>> {
    if (this.#roots === undefined) {
      const roots = this.#rows().then(rootsOf);
      roots.catch(() => {
        if (this.#roots === roots) this.#roots = undefined;
      });
      this.#roots = roots;
    }
    return this.#roots;
  }

  forget(): void {
    this.#roots = undefined;
    this.#issuers.clear();
    this.#sshAuthorities.clear();
    this.#trust = undefined;
  }

  async #certificate(wanted: (row: AuthorityRow) => boolean, name: string): Promise<Certificate> {
    const row = (await this.#rows()).find(wanted);
    if (row === undefined) throw new XosError('XOS_NOT_FOUND', { what: 'authority', name });
    return parseCertificate(row.certificate);
  }

  #rows(): Promise<readonly AuthorityRow[]> {
    return this.#read.selectFrom('authority').selectAll().where('revoked_at', 'is', null).execute();
  }

  /** A failure is not remembered: the next call tries again. */
  #remember<Value>(
    cache: Map<string, Promise<Value>>,
    key: string,
    make: () => Promise<Value>,
  ): Promise<Value> {
    const known = cache.get(key);
    if (known !== undefined) return known;
    const made = make();
    cache.set(key, made);
    made.catch(() => cache.delete(key));
    return made;
  }
}

function rootsOf(rows: readonly AuthorityRow[]): ReadonlyMap<string, string> {
  const byDomain = new Map(
    rows.filter(({ kind }) => kind === 'root').map((row) => [row.domain, row.fingerprint] as const),
  );
  return new Map(
    rows.flatMap(({ vo, domain }) => {
      const root = byDomain.get(domain);
      return vo === null || root === undefined ? [] : [[vo, root] as const];
    }),
  );
}

/**
 * The root as issuer: its key from the store, or brought along for this call when it is offline.
 * Throws XOS_TRUST_DOMAIN_OFFLINE, XOS_CREDENTIAL_NO_KEY (a key of another root), XOS_CREDENTIAL_PASSPHRASE.
 */
export async function rootIssuer(
  store: AuthorityStore,
  domain: { readonly name: string; readonly root_offline: number },
  attempt: string,
  rootKey?: RootKey,
): Promise<Issuer> {
  const certificate = await store.rootOrServices('root', domain.name);
  if (rootKey !== undefined)
    return { certificate, key: await openRootKey(domain.name, certificate, rootKey) };
  if (domain.root_offline !== 0)
    throw new XosError('XOS_TRUST_DOMAIN_OFFLINE', { attempt, domain: domain.name });
  return { certificate, key: await store.keys.load(`domain/${domain.name}/root`) };
}

/** The exported key, opened and found to be that of the root. */
export async function openRootKey(domain: string, root: Certificate, rootKey: RootKey): Promise<KeyObject> {
  const key = await readPrivateKey(rootKey.pem, rootKey.passphrase);
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  if (!spki.equals(root.subjectPublicKeyInfo)) {
    throw new XosError('XOS_CREDENTIAL_NO_KEY', { name: `root of trust domain ${domain}` });
  }
  return key;
}
