import { createPublicKey } from 'node:crypto';
import { type Credential, issueHostCertificate, parseCertificate, signDocument } from '@xtreemos/identity';
import { type MembershipEntry, type MembershipList, membershipDocumentType } from '@xtreemos/vo-client';
import type { Read } from './database.ts';
import { recordCertificate } from './issued-certificate.ts';
import { makeAuthorityKey } from './key-store.ts';
import { fqansOf, readRightsOfAll } from './member-record.ts';
import { splitAddresses } from './names.ts';
import { changeRegistry } from './registry-change.ts';
import type { VoContext } from './vo-context.ts';

export interface MembershipDocument {
  readonly version: number;
  /** As signDocument made it. */
  readonly bytes: Buffer;
}

/** Signed membership lists, made when the first node asks for a version and kept until the next. */
export class MembershipPublisher {
  readonly #context: VoContext;
  readonly #documents = new Map<string, Promise<MembershipDocument>>();
  readonly #signers = new Map<string, Promise<Credential>>();

  constructor(context: VoContext) {
    this.#context = context;
  }

  /** The list of the VO's current version; the caller made sure that the VO exists. */
  async current(vo: string): Promise<MembershipDocument> {
    const { membership_version: version } = await this.#context.database.read
      .selectFrom('vo')
      .select('membership_version')
      .where('id', '=', vo)
      .executeTakeFirstOrThrow();
    const known = this.#documents.get(vo);
    if (known !== undefined) {
      const document = await known;
      if (document.version >= version) return document;
      // Several nodes that were told of the same change wait for one signature.
      if (this.#documents.get(vo) !== known) return this.current(vo);
    }
    const made = this.#make(vo);
    this.#documents.set(vo, made);
    made.catch(() => this.#documents.delete(vo));
    return made;
  }

  forget(vo: string): void {
    this.#documents.delete(vo);
    this.#signers.delete(vo);
  }

  async #make(vo: string): Promise<MembershipDocument> {
    const { database, clock, settings } = this.#context;
    const signer = await this.#signer(vo);
    // One snapshot: the version must be that of the rows read with it.
    const list = await database.read.transaction().execute((read) => readMembership(read, vo, clock.nowMs()));
    const notAfter = new Date(clock.nowMs() + settings.configuration.Certificates.CrlLifetime);
    const bytes = signDocument(Buffer.from(JSON.stringify(list)), signer, {
      type: membershipDocumentType,
      vo,
      version: list.version,
      notAfter,
      now: new Date(clock.nowMs()),
    });
    return { version: list.version, bytes };
  }

  async #signer(vo: string): Promise<Credential> {
    const nowMs = this.#context.clock.nowMs();
    const known = this.#signers.get(vo);
    if (known !== undefined) {
      const { certificate } = await known;
      const lifetimeMs = certificate.notAfter.getTime() - certificate.notBefore.getTime();
      if (certificate.notAfter.getTime() - nowMs > lifetimeMs / 3) return known;
    }
    const made = makeSigner(this.#context, vo);
    this.#signers.set(vo, made);
    made.catch(() => this.#signers.delete(vo));
    return made;
  }
}

/** Role vops, for a key that lives in this process only. */
async function makeSigner(context: VoContext, vo: string): Promise<Credential> {
  const key = makeAuthorityKey();
  const issuer = await context.authorities.issuer('rca', vo);
  const [hostname = 'localhost'] = splitAddresses(context.settings.hostnames).dnsNames;
  const { HostLifetime } = context.settings.configuration.Certificates;
  return changeRegistry(context, 'service', async (change) => {
    const issued = issueHostCertificate({
      issuer,
      publicKey: createPublicKey(key),
      vo,
      role: 'vops',
      hostGuid: vopsGuid,
      hostname,
      now: new Date(change.nowMs),
      lifetimeSeconds: HostLifetime / 1000,
    });
    await recordCertificate(
      context,
      change,
      { vo, kind: 'host', subject: `vops.${vo}`, details: { role: 'vops' } },
      issued,
    );
    return { key, certificate: parseCertificate(issued.der), chain: [issuer.certificate] };
  });
}

/** The signer is no node: the nil UUID (RFC 9562 5.9) is nobody's. */
const vopsGuid = '00000000-0000-0000-0000-000000000000';

async function readMembership(read: Read, vo: string, nowMs: number): Promise<MembershipList> {
  const { membership_version: version } = await read
    .selectFrom('vo')
    .select('membership_version')
    .where('id', '=', vo)
    .executeTakeFirstOrThrow();
  const rows = await read
    .selectFrom('member')
    .select(['user', 'guid', 'expires_at'])
    .where('vo', '=', vo)
    .where('status', '=', 'active')
    .where((where) => where.or([where('expires_at', 'is', null), where('expires_at', '>', nowMs)]))
    .orderBy('user')
    .execute();
  const rights = await readRightsOfAll(read, vo);
  const members: readonly MembershipEntry[] = rows.map((row) => ({
    user: row.user,
    guid: row.guid,
    fqans: fqansOf(vo, rights.get(row.user) ?? { groups: [], roles: [] }),
    expiresAtMs: row.expires_at,
  }));
  const revoked = await read
    .selectFrom('certificate')
    .select('serial')
    .where('vo', '=', vo)
    .where('kind', '=', 'ssh')
    .where('revoked_at', 'is not', null)
    .where('not_after', '>', nowMs)
    .execute();
  return { vo, version, members, revokedSshSerials: revoked.map(({ serial }) => serial) };
}
