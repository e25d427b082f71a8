import { createPublicKey, generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Certificate,
  certificatePem,
  crlPem,
  type HostBinding,
  type Issuer,
  issueHostCertificate,
  issueIntermediateCertificate,
  issueRootCertificate,
  issueSessionCertificate,
  issueSshUserCertificate,
  issueUserCertificate,
  makeCrl,
  parseCertificate,
  parseCertificateRequest,
  plainPrivateKeyPem,
  type RevokedCertificate,
  signDocument,
  sshPublicKeyLine,
  writeCredentialPem,
  writeCrl,
  writePkcs12,
  writeTrustAnchor,
} from '@xtreemos/identity';
import {
  type CrlBundle,
  type MembershipEntry,
  membershipDocumentType,
  type NodeEvent,
  type SessionCertificateRequest,
} from '@xtreemos/vo-client';
import type { VoService } from './vo-directory.ts';

const DAY_SECONDS = 86_400;

function newKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

/** A VO with its authorities, members and a service that answers in this process. For tests. */
export class FakeVo {
  readonly id: string;
  readonly now: Date;
  readonly root: Issuer;
  readonly cda: Issuer;
  readonly rca: Issuer;
  readonly host: HostBinding;
  readonly sshAuthority = newKey();
  readonly revoked: RevokedCertificate[] = [];
  readonly revokedSshSerials: string[] = [];
  readonly passwords = new Map<string, string>();
  members: MembershipEntry[] = [];
  version = 1;
  crlNumber = 1;
  /** Every call fails while it is set, and the event stream ends. */
  down = false;
  /** Session certificates cannot be had while it is set. */
  refusesSessions = false;
  /** Volume of homes, if `install` is to name one. */
  homeVolume: string | undefined;
  /** DER of lists that it hands out behind its own. */
  forgedCrls: readonly Buffer[] = [];
  #wake: (() => void)[] = [];
  readonly #events: NodeEvent[] = [];

  constructor(id: string, now: Date) {
    this.id = id;
    this.now = now;
    const rootKey = newKey();
    const lifetimeSeconds = 365 * DAY_SECONDS;
    const rootCertificate = parseCertificate(
      issueRootCertificate({ key: rootKey, domain: id, now, lifetimeSeconds }).der,
    );
    this.root = { key: rootKey, certificate: rootCertificate };
    const intermediate = (kind: 'CDA' | 'RCA'): Issuer => {
      const key = newKey();
      const { der } = issueIntermediateCertificate({
        issuer: this.root,
        publicKey: createPublicKey(key),
        kind,
        vos: [id],
        now,
        lifetimeSeconds,
      });
      return { key, certificate: parseCertificate(der) };
    };
    this.cda = intermediate('CDA');
    this.rca = intermediate('RCA');
    this.host = { hostGuid: randomUUID(), hostname: 'node1.example' };
  }

  get alias(): string {
    return this.id.split('.')[0] ?? this.id;
  }

  addMember(user: string, changes: Partial<MembershipEntry> = {}): MembershipEntry {
    const entry = { user, guid: randomUUID(), fqans: [`/${this.id}`], expiresAtMs: null, ...changes };
    this.members = [...this.members.filter((member) => member.user !== user), entry];
    this.version += 1;
    return entry;
  }

  removeMember(user: string): void {
    this.members = this.members.filter((member) => member.user !== user);
    this.version += 1;
  }

  revoke(certificate: Certificate): void {
    this.revoked.push({ serial: certificate.serial, revokedAt: this.now, reason: 'keyCompromise' });
    this.crlNumber += 1;
  }

  /** Puts anchors, CRLs, the host certificate and vo.d into `directory`. */
  async install(directory: string): Promise<void> {
    const trust = join(directory, 'trust');
    const host = join(directory, 'host', this.id);
    for (const path of [trust, host, join(directory, 'vo.d')]) mkdirSync(path, { recursive: true });
    for (const { certificate } of [this.root, this.cda, this.rca]) await writeTrustAnchor(trust, certificate);
    for (const { der } of this.#crls()) await writeCrl(trust, der);
    const key = newKey();
    const { der } = issueHostCertificate({
      issuer: this.rca,
      publicKey: createPublicKey(key),
      vo: this.id,
      role: 'accounts',
      ...this.host,
      now: this.now,
      lifetimeSeconds: 30 * DAY_SECONDS,
    });
    writeFileSync(join(host, 'accounts.key'), plainPrivateKeyPem(key));
    writeFileSync(join(host, 'accounts.pem'), certificatePem({ der }, this.rca.certificate));
    writeFileSync(
      join(directory, 'vo.d', `${this.id}.conf`),
      `[VO]\nId=${this.id}\nServiceUrl=https://vo.example:7443\nCaFingerprint=${this.root.certificate.fingerprint}\n${
        this.homeVolume === undefined ? '' : `HomeVolume=${this.homeVolume}\nDirectory=dir.example\n`
      }`,
    );
  }

  /** A credential of a member; `by` another VO gives a stranger's. */
  async credential(
    user: string,
    options: { passphrase?: string; lifetimeSeconds?: number; guid?: string; pkcs12?: boolean } = {},
  ): Promise<{ file: Buffer; certificate: Certificate; key: KeyObject }> {
    const member = this.members.find((entry) => entry.user === user);
    const fqans = member?.fqans ?? [`/${this.id}`];
    const key = newKey();
    const certificate = parseCertificate(
      issueUserCertificate({
        issuer: this.cda,
        publicKey: createPublicKey(key),
        guid: options.guid ?? member?.guid ?? randomUUID(),
        user,
        memberships: [{ vo: this.id, fqans, primaryFqan: fqans[0] ?? `/${this.id}` }],
        now: this.now,
        lifetimeSeconds: options.lifetimeSeconds ?? DAY_SECONDS,
      }).der,
    );
    const held = { key, certificate, chain: [this.cda.certificate] };
    const passphrase = options.passphrase ?? 'correct horse';
    const file =
      options.pkcs12 === true
        ? await writePkcs12(held, passphrase, { iterations: 1000 })
        : Buffer.from(
            await writeCredentialPem(held, passphrase === '' ? {} : { passphrase, iterations: 1000 }),
          );
    return { file, certificate, key };
  }

  sshCertificate(user: string, serial: bigint, validMs = 3_600_000): { line: string; blob: Buffer } {
    const { publicKey } = generateKeyPairSync('ed25519');
    return issueSshUserCertificate({
      authorityKey: this.sshAuthority,
      publicKey,
      serial,
      keyId: user,
      principals: [`${user}@${this.id}`],
      validAfter: new Date(this.now.getTime() - 60_000),
      validBefore: new Date(this.now.getTime() + validMs),
    });
  }

  membershipDocument(
    changes: { version?: number; notAfter?: Date; vo?: string; key?: KeyObject } = {},
  ): Buffer {
    const version = changes.version ?? this.version;
    const vo = changes.vo ?? this.id;
    const key = newKey();
    const certificate = parseCertificate(
      issueHostCertificate({
        issuer: this.rca,
        publicKey: createPublicKey(key),
        vo: this.id,
        role: 'vops',
        hostGuid: randomUUID(),
        hostname: 'vo.example',
        now: this.now,
        lifetimeSeconds: DAY_SECONDS,
      }).der,
    );
    const list = { vo, version, members: this.members, revokedSshSerials: this.revokedSshSerials };
    return signDocument(
      Buffer.from(JSON.stringify(list)),
      { key: changes.key ?? key, certificate, chain: [this.rca.certificate] },
      {
        type: membershipDocumentType,
        vo,
        version,
        notAfter: changes.notAfter ?? new Date(this.now.getTime() + DAY_SECONDS * 1000),
        now: this.now,
      },
    );
  }

  /** Tells the connected host. */
  push(event: NodeEvent): void {
    this.#events.push(event);
    for (const wake of this.#wake.splice(0)) wake();
  }

  disconnect(): void {
    this.down = true;
    for (const wake of this.#wake.splice(0)) wake();
  }

  /** The service as one host sees it. */
  service(): VoService {
    const refuseIfDown = () => {
      if (this.down) throw new Error('connection refused');
    };
    return {
      close: () => undefined,
      events: (signal) => this.#eventsUntil(signal, refuseIfDown),
      membership: async (_vo, knownVersion) => {
        refuseIfDown();
        return knownVersion === this.version ? null : this.membershipDocument();
      },
      crls: async () => {
        refuseIfDown();
        return this.#crlBundle();
      },
      trust: async () => {
        refuseIfDown();
        return {
          domain: this.id,
          vo: this.id,
          anchors: [],
          sshUserCas: [sshPublicKeyLine(this.sshAuthority, this.id)],
          rootFingerprint: this.root.certificate.fingerprint,
        };
      },
      requestSessionCertificate: async (_vo, request) => {
        refuseIfDown();
        return this.#issueSession(request);
      },
      renewHostCertificates: async () => {
        throw new Error('not offered by this fake');
      },
    };
  }

  async *#eventsUntil(signal: AbortSignal, refuseIfDown: () => void): AsyncGenerator<NodeEvent> {
    refuseIfDown();
    yield { type: 'hello', vo: this.id, membershipVersion: this.version, crlVersion: this.crlNumber };
    while (!signal.aborted) {
      if (this.down) throw new Error('connection reset');
      const event = this.#events.shift();
      if (event !== undefined) {
        yield event;
        continue;
      }
      await new Promise<void>((resolve) => {
        this.#wake.push(resolve);
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  #issueSession(request: SessionCertificateRequest) {
    if (this.refusesSessions) throw new Error('the CDA is away');
    const user = request.user ?? this.members[0]?.user ?? '';
    if (request.sshCertificate === undefined && this.passwords.get(user) !== request.password) {
      throw new Error('sign-in failed');
    }
    const member = this.members.find((entry) => entry.user === user);
    if (member === undefined) throw new Error('no member');
    const issued = issueSessionCertificate({
      issuer: this.cda,
      publicKey: parseCertificateRequest(request.csr).publicKey,
      guid: member.guid,
      user,
      memberships: [{ vo: this.id, fqans: member.fqans, primaryFqan: member.fqans[0] ?? '' }],
      host: this.host,
      now: this.now,
      lifetimeSeconds: request.lifetimeSeconds ?? 3600,
    });
    return {
      user,
      guid: member.guid,
      certificate: certificatePem({ der: issued.der }),
      chain: certificatePem(this.cda.certificate),
      serial: issued.serial,
      fqans: member.fqans,
      notBeforeMs: issued.notBefore.getTime(),
      notAfterMs: issued.notAfter.getTime(),
    };
  }

  #crls(): { issuer: 'root' | 'cda' | 'rca'; der: Buffer }[] {
    const nextUpdate = new Date(this.now.getTime() + DAY_SECONDS * 1000);
    const list = (issuer: Issuer, revoked: RevokedCertificate[]) =>
      makeCrl({ issuer, number: this.crlNumber, revoked, thisUpdate: this.now, nextUpdate });
    return [
      { issuer: 'root', der: list(this.root, []) },
      { issuer: 'cda', der: list(this.cda, this.revoked) },
      { issuer: 'rca', der: list(this.rca, []) },
    ];
  }

  #crlBundle(): CrlBundle {
    return {
      vo: this.id,
      version: this.crlNumber,
      crls: [...this.#crls(), ...this.forgedCrls.map((der) => ({ issuer: 'cda' as const, der }))].map(
        ({ issuer, der }) => ({
          issuer,
          pem: crlPem(der),
          thisUpdateMs: this.now.getTime(),
          nextUpdateMs: this.now.getTime() + DAY_SECONDS * 1000,
        }),
      ),
    };
  }
}
