import { isXosError, reasonOf, XosError } from '@xtreemos/base';
import type { AuditEntry, AuditQuery, AuditVerification } from './audit-log.ts';
import type {
  CertificateRequest,
  IssuedCertificate,
  IssuedCertificateRecord,
  IssuedSshCertificate,
  RevocationRequest,
  SessionCertificateRequest,
  SshCertificateRequest,
} from './certificate.ts';
import { type Answer, type Call, type ClientCredential, Connection, unreachable } from './connection.ts';
import { heartbeatTimeoutMs, type NodeEvent, parseEvents } from './event-stream.ts';
import type {
  Invitation,
  InvitationAcceptance,
  InvitationRequest,
  JoinRequest,
  JoinRequestReceipt,
  Member,
  MemberApproval,
  MemberChange,
  MemberStatus,
  OneTimeToken,
} from './member.ts';
import type {
  HostCertificates,
  HostRenewalRequest,
  NodeJoinRequest,
  NodeJoinResult,
  NodeRecord,
  NodeTokenRequest,
} from './node.ts';
import type { ServerTrust } from './server-trust.ts';
import type { CrlBundle, RootKey, TrustBundle, TrustDomain } from './trust.ts';
import type { Group, Vo, VoCreation } from './vo-record.ts';

export interface VoClientOptions {
  /** `https://host:7443`, or `unix:/run/xtreemos/vo/admin.sock` for the local administrator. */
  readonly url: string;
  /** Required for https. */
  readonly trust?: ServerTrust;
  readonly credential?: ClientCredential;
  /** For a whole call, default 15 s. */
  readonly timeoutMs?: number;
  readonly nowMs?: () => number;
}

export interface ServiceStatus {
  readonly service: 'xos-vo';
  readonly version: string;
  readonly timeMs: number;
  readonly defaultDomain: string;
}

export interface MemberFilter {
  readonly status?: MemberStatus;
}

const pageSize = 1000;

/**
 * Client of the VO service. Every method is one request (lists: one per 1000 rows) and rejects with XosError: the
 * service's own code where it answered one, XOS_UNREACHABLE or XOS_TIMEOUT where it did not, XOS_CHAIN_* when its
 * certificate does not hold. Holds keep-alive connections until close().
 */
export class VoClient {
  readonly #url: string;
  readonly #connection: Connection;

  constructor(options: VoClientOptions) {
    this.#url = options.url;
    this.#connection = new Connection({
      url: options.url,
      ...(options.trust === undefined ? {} : { trust: options.trust }),
      ...(options.credential === undefined ? {} : { credential: options.credential }),
      timeoutMs: options.timeoutMs ?? 15_000,
      nowMs: options.nowMs ?? Date.now,
    });
  }

  close(): void {
    this.#connection.close();
  }

  // Public: no sign-in, rate-limited.

  status(): Promise<ServiceStatus> {
    return this.#json('GET', '/v1/status', 'say its status');
  }

  /** The anchors of a VO or of a trust domain. */
  trust(domainOrVo: string): Promise<TrustBundle> {
    return this.#json('GET', path`/v1/trust/${domainOrVo}`, `give the trust anchors of ${domainOrVo}`);
  }

  crls(vo: string): Promise<CrlBundle> {
    return this.#json('GET', path`/v1/vos/${vo}/crls`, `give the CRLs of ${vo}`);
  }

  askToJoin(vo: string, request: JoinRequest): Promise<JoinRequestReceipt> {
    return this.#json('POST', path`/v1/vos/${vo}/join-requests`, `take a request to join ${vo}`, request);
  }

  acceptInvitation(vo: string, acceptance: InvitationAcceptance): Promise<Member> {
    return this.#json(
      'POST',
      path`/v1/vos/${vo}/invitations/accept`,
      `accept the invitation to ${vo}`,
      acceptance,
    );
  }

  joinNode(vo: string, request: NodeJoinRequest): Promise<NodeJoinResult> {
    return this.#json('POST', path`/v1/vos/${vo}/nodes`, `let ${request.hostname} join ${vo}`, request);
  }

  // Local administrator.

  createVo(creation: VoCreation): Promise<Vo> {
    return this.#json('POST', '/v1/vos', `create VO ${creation.id}`, creation);
  }

  async destroyVo(vo: string): Promise<void> {
    await this.#json('DELETE', path`/v1/vos/${vo}`, `destroy VO ${vo}`);
  }

  listDomains(): Promise<readonly TrustDomain[]> {
    return this.#json('GET', '/v1/domains', 'list trust domains');
  }

  createDomain(name: string): Promise<TrustDomain> {
    return this.#json('POST', '/v1/domains', `create trust domain ${name}`, { name });
  }

  /**
   * The root's key, encrypted under the passphrase (at least 12 bytes). The service keeps its own until
   * `takeRootOffline`: store the PEM durably in between.
   */
  exportRoot(domain: string, passphrase: string): Promise<RootKeyExport> {
    return this.#json('POST', path`/v1/domains/${domain}/root/export`, `export the root of ${domain}`, {
      passphrase,
    });
  }

  /** Removes the service's copy of the root's key, once the exported one was shown to open. */
  takeRootOffline(domain: string, key: RootKey): Promise<TrustDomain> {
    return this.#json(
      'POST',
      path`/v1/domains/${domain}/root/offline`,
      `take the root of ${domain} offline`,
      key,
    );
  }

  /** Puts an exported key back. */
  importRoot(domain: string, key: RootKey): Promise<TrustDomain> {
    return this.#json('POST', path`/v1/domains/${domain}/root/import`, `import the root of ${domain}`, key);
  }

  /** Publishes a root CRL; the key is needed when the root is offline. */
  async publishRootCrl(domain: string, key?: RootKey): Promise<void> {
    await this.#json('POST', path`/v1/domains/${domain}/crl`, `publish the root CRL of ${domain}`, {
      rootKey: key,
    });
  }

  serviceAudit(query: AuditQuery = {}): Promise<readonly AuditEntry[]> {
    return this.#json('GET', `/v1/audit${queryText(query)}`, 'give the audit log');
  }

  verifyAudit(): Promise<AuditVerification> {
    return this.#json('GET', '/v1/audit/verification', 'verify the audit log');
  }

  async setPassword(vo: string, user: string, password: string): Promise<void> {
    await this.#json('PUT', path`/v1/vos/${vo}/members/${user}/password`, `set the password of ${user}`, {
      password,
    });
  }

  // VO administrator: the local administrator, or a certificate with FQAN /<vo>/Role=admin.

  /** Those that the caller may see. */
  listVos(): Promise<readonly Vo[]> {
    return this.#json('GET', '/v1/vos', 'list VOs');
  }

  /** Also any member and node of the VO. */
  showVo(vo: string): Promise<Vo> {
    return this.#json('GET', path`/v1/vos/${vo}`, `show VO ${vo}`);
  }

  async listMembers(vo: string, filter: MemberFilter = {}): Promise<readonly Member[]> {
    const members: Member[] = [];
    for (;;) {
      const after = members.at(-1)?.user;
      const query = queryText({ ...filter, limit: pageSize, ...(after === undefined ? {} : { after }) });
      const page = await this.#json<readonly Member[]>(
        'GET',
        path`/v1/vos/${vo}/members` + query,
        `list the members of ${vo}`,
      );
      members.push(...page);
      if (page.length < pageSize) return members;
    }
  }

  /** Also the member itself. */
  showMember(vo: string, user: string): Promise<Member> {
    return this.#json('GET', path`/v1/vos/${vo}/members/${user}`, `show member ${user}`);
  }

  invite(vo: string, request: InvitationRequest): Promise<Invitation> {
    return this.#json('POST', path`/v1/vos/${vo}/members`, `invite ${request.user}`, request);
  }

  approve(vo: string, user: string, approval: MemberApproval = {}): Promise<Member> {
    return this.#json('POST', path`/v1/vos/${vo}/members/${user}/approve`, `approve ${user}`, approval);
  }

  /** Turns an unanswered request to join, or an invitation not yet accepted, away; the name becomes free again. */
  async reject(vo: string, user: string): Promise<void> {
    await this.#json('POST', path`/v1/vos/${vo}/members/${user}/reject`, `reject ${user}`, {});
  }

  changeMember(vo: string, user: string, change: MemberChange): Promise<Member> {
    return this.#json('PATCH', path`/v1/vos/${vo}/members/${user}`, `change member ${user}`, change);
  }

  /** Ends the membership for good and revokes every certificate of the member. */
  revokeMember(vo: string, user: string, request: RevocationRequest = {}): Promise<Member> {
    return this.#json('POST', path`/v1/vos/${vo}/members/${user}/revoke`, `revoke ${user}`, request);
  }

  /** A new one-time token, e.g. for a lost password. */
  issueToken(vo: string, user: string): Promise<OneTimeToken> {
    return this.#json('POST', path`/v1/vos/${vo}/members/${user}/tokens`, `issue a token for ${user}`, {});
  }

  listGroups(vo: string): Promise<readonly Group[]> {
    return this.#json('GET', path`/v1/vos/${vo}/groups`, `list the groups of ${vo}`);
  }

  /** Parents are made when missing. */
  createGroup(vo: string, group: string, description = ''): Promise<Group> {
    return this.#json('PUT', path`/v1/vos/${vo}/groups/${group}`, `create group ${group}`, { description });
  }

  /** Also destroys the groups below it. */
  async destroyGroup(vo: string, group: string): Promise<void> {
    await this.#json('DELETE', path`/v1/vos/${vo}/groups/${group}`, `destroy group ${group}`);
  }

  /** Into the group and those above it. */
  addToGroup(vo: string, group: string, user: string): Promise<Member> {
    return this.#json(
      'PUT',
      path`/v1/vos/${vo}/members/${user}/groups/${group}`,
      `add ${user} to ${group}`,
      {},
    );
  }

  /** Out of the group and those below it, with the roles held there. */
  removeFromGroup(vo: string, group: string, user: string): Promise<Member> {
    return this.#json(
      'DELETE',
      path`/v1/vos/${vo}/members/${user}/groups/${group}`,
      `remove ${user} from ${group}`,
    );
  }

  /** `group` '' is the VO itself: role admin there makes a VO administrator. The member must be in the group. */
  grantRole(vo: string, group: string, role: string, user: string): Promise<Member> {
    return this.#json(
      'PUT',
      path`/v1/vos/${vo}/members/${user}/roles/${role}` + queryText({ group }),
      `grant ${user} the role ${role}`,
      {},
    );
  }

  withdrawRole(vo: string, group: string, role: string, user: string): Promise<Member> {
    return this.#json(
      'DELETE',
      path`/v1/vos/${vo}/members/${user}/roles/${role}` + queryText({ group }),
      `withdraw the role ${role} from ${user}`,
    );
  }

  /** Those still valid, newest first. Also the member itself, its own. */
  listCertificates(vo: string, user?: string): Promise<readonly IssuedCertificateRecord[]> {
    const query = user === undefined ? '' : queryText({ user });
    return this.#json(
      'GET',
      path`/v1/vos/${vo}/certificates` + query,
      `list the certificates of ${user ?? vo}`,
    );
  }

  /** Also the member itself, its own. X.509 serial in hexadecimal. */
  async revokeCertificate(vo: string, serial: string, request: RevocationRequest = {}): Promise<void> {
    await this.#json(
      'POST',
      path`/v1/vos/${vo}/certificates/${serial}/revoke`,
      `revoke certificate ${serial}`,
      request,
    );
  }

  /** Decimal serial. */
  async revokeSshCertificate(vo: string, serial: string, request: RevocationRequest = {}): Promise<void> {
    await this.#json(
      'POST',
      path`/v1/vos/${vo}/ssh-certificates/${serial}/revoke`,
      `revoke SSH certificate ${serial}`,
      request,
    );
  }

  listNodes(vo: string): Promise<readonly NodeRecord[]> {
    return this.#json('GET', path`/v1/vos/${vo}/nodes`, `list the nodes of ${vo}`);
  }

  /** `token` is the text that formatNodeToken makes: hand it to the node's administrator. */
  createNodeToken(vo: string, request: NodeTokenRequest = {}): Promise<OneTimeToken> {
    return this.#json('POST', path`/v1/vos/${vo}/node-tokens`, `make a node token for ${vo}`, request);
  }

  revokeNode(vo: string, hostname: string, request: RevocationRequest = {}): Promise<NodeRecord> {
    return this.#json(
      'POST',
      path`/v1/vos/${vo}/nodes/${hostname}/revoke`,
      `revoke node ${hostname}`,
      request,
    );
  }

  audit(vo: string, query: AuditQuery = {}): Promise<readonly AuditEntry[]> {
    return this.#json('GET', path`/v1/vos/${vo}/audit` + queryText(query), `give the audit log of ${vo}`);
  }

  // A person: user certificate as TLS client certificate, or password or token in the request.

  requestCertificate(vo: string, request: CertificateRequest): Promise<IssuedCertificate> {
    return this.#json('POST', path`/v1/vos/${vo}/certificates`, `issue a certificate of ${vo}`, request);
  }

  requestSshCertificate(vo: string, request: SshCertificateRequest): Promise<IssuedSshCertificate> {
    return this.#json(
      'POST',
      path`/v1/vos/${vo}/ssh-certificates`,
      `issue an SSH certificate of ${vo}`,
      request,
    );
  }

  // A node: host role accounts as TLS client certificate.

  requestSessionCertificate(vo: string, request: SessionCertificateRequest): Promise<IssuedCertificate> {
    return this.#json(
      'POST',
      path`/v1/vos/${vo}/session-certificates`,
      `issue a session certificate of ${vo}`,
      request,
    );
  }

  renewHostCertificates(
    vo: string,
    hostname: string,
    request: HostRenewalRequest,
  ): Promise<HostCertificates> {
    return this.#json(
      'POST',
      path`/v1/vos/${vo}/nodes/${hostname}/certificates`,
      `renew the certificates of ${hostname}`,
      request,
    );
  }

  async leaveVo(vo: string, hostname: string): Promise<void> {
    await this.#json('POST', path`/v1/vos/${vo}/nodes/${hostname}/leave`, `let ${hostname} leave ${vo}`, {});
  }

  /** The signed document's bytes, to be verified with verifyDocument; null when `knownVersion` is still current. */
  async membership(vo: string, knownVersion?: number): Promise<Buffer | null> {
    const answer = await this.#call({
      method: 'GET',
      path: path`/v1/vos/${vo}/membership`,
      attempt: `give the membership list of ${vo}`,
      ...(knownVersion === undefined ? {} : { headers: { 'if-none-match': `"${knownVersion}"` } }),
    });
    return answer.status === 304 ? null : answer.body;
  }

  /**
   * The push connection. Throws XOS_UNREACHABLE when the stream closes or falls silent for 30 s, ends quietly after
   * `gone` and when `signal` aborts; reconnecting with backoff is the caller's.
   */
  async *events(signal: AbortSignal): AsyncGenerator<NodeEvent> {
    if (signal.aborted) return;
    const silence = new AbortController();
    const end = AbortSignal.any([signal, silence.signal]);
    const watch = setTimeout(() => silence.abort(), heartbeatTimeoutMs);
    const call: Call = { method: 'GET', path: '/v1/node/events', attempt: 'push events' };
    try {
      for await (const event of parseEvents(await this.#connection.stream(call, end))) {
        watch.refresh();
        yield event;
        if (event.type === 'gone') return;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (silence.signal.aborted) throw unreachable(this.#url, 'no heartbeat for 30 s', error);
      throw isXosError(error) ? error : unreachable(this.#url, reasonOf(error), error);
    } finally {
      clearTimeout(watch);
    }
    throw unreachable(this.#url, 'the service closed the event connection');
  }

  #call(call: Call): Promise<Answer> {
    return this.#connection.call(call);
  }

  async #json<Result>(
    method: Call['method'],
    requestPath: string,
    attempt: string,
    body?: unknown,
  ): Promise<Result> {
    const answer = await this.#call({
      method,
      path: requestPath,
      attempt,
      ...(body === undefined ? {} : { body }),
    });
    if (answer.status === 204) return undefined as Result;
    try {
      return JSON.parse(answer.body.toString('utf8')) as Result;
    } catch (error) {
      const reason = 'its answer is not JSON';
      throw new XosError('XOS_PROTOCOL', { peer: 'The VO service', attempt, reason }, { cause: error });
    }
  }
}

/** What `root export` hands out; with its passphrase it is a RootKey. */
export interface RootKeyExport {
  /** Encrypted PKCS#8 PEM. */
  readonly pem: string;
}

/** A path whose parts are percent-encoded: a group's `/` does not become a path of its own. */
function path(texts: TemplateStringsArray, ...parts: readonly string[]): string {
  return texts.map((text, index) => text + encodeURIComponent(parts[index] ?? '')).join('');
}

function queryText(query: Readonly<Record<string, string | number>> | AuditQuery): string {
  const parameters = Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]);
  const text = new URLSearchParams(parameters).toString();
  return text === '' ? '' : `?${text}`;
}
