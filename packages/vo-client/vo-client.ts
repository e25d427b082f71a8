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
import type { ClientCredential, ServerTrust } from './connection.ts';
import type { NodeEvent } from './event-stream.ts';
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

export interface VoFilter {
  readonly status?: MemberStatus;
}

/**
 * Client of the VO service. Every method is one request and rejects with XosError: the service's own code where it
 * answered one, XOS_VO_UNREACHABLE (connect, timeout), XOS_VO_SERVER_UNTRUSTED (its certificate does not hold),
 * XOS_VO_BAD_ANSWER. Holds keep-alive connections until close().
 */
export declare class VoClient {
  constructor(options: VoClientOptions);
  close(): void;

  // Public: no sign-in, rate-limited.
  status(): Promise<ServiceStatus>;
  trust(domainOrVo: string): Promise<TrustBundle>;
  crls(vo: string): Promise<CrlBundle>;
  askToJoin(vo: string, request: JoinRequest): Promise<JoinRequestReceipt>;
  acceptInvitation(vo: string, acceptance: InvitationAcceptance): Promise<Member>;
  joinNode(vo: string, request: NodeJoinRequest): Promise<NodeJoinResult>;

  // Local administrator.
  createVo(creation: VoCreation): Promise<Vo>;
  destroyVo(vo: string): Promise<void>;
  listDomains(): Promise<readonly TrustDomain[]>;
  createDomain(name: string): Promise<TrustDomain>;
  /** Moves the root's key out of the service, encrypted under the passphrase (at least 12 bytes). */
  exportRoot(domain: string, passphrase: string): Promise<{ readonly pem: string }>;
  /** Puts an exported key back. */
  importRoot(domain: string, key: RootKey): Promise<TrustDomain>;
  /** Publishes a root CRL; the key is needed when the root is offline. */
  publishRootCrl(domain: string, key?: RootKey): Promise<void>;
  serviceAudit(query?: AuditQuery): Promise<readonly AuditEntry[]>;
  verifyAudit(): Promise<AuditVerification>;
  setPassword(vo: string, user: string, password: string): Promise<void>;

  // VO administrator (local administrator, or a certificate with FQAN /<vo>/Role=admin); reading also members of the VO where said.
  listVos(): Promise<readonly Vo[]>;
  showVo(vo: string): Promise<Vo>;
  listMembers(vo: string, filter?: VoFilter): Promise<readonly Member[]>;
  /** Also the member itself. */
  showMember(vo: string, user: string): Promise<Member>;
  invite(vo: string, request: InvitationRequest): Promise<Invitation>;
  approve(vo: string, user: string, approval?: MemberApproval): Promise<Member>;
  reject(vo: string, user: string): Promise<void>;
  changeMember(vo: string, user: string, change: MemberChange): Promise<Member>;
  /** Ends the membership for good and revokes every certificate of the member. */
  revokeMember(vo: string, user: string, request?: RevocationRequest): Promise<Member>;
  /** A new one-time token, e.g. for a lost password. */
  issueToken(vo: string, user: string): Promise<OneTimeToken>;
  listGroups(vo: string): Promise<readonly Group[]>;
  /** Parents are made when missing. */
  createGroup(vo: string, path: string, description?: string): Promise<Group>;
  /** Also destroys the groups below it. */
  destroyGroup(vo: string, path: string): Promise<void>;
  addToGroup(vo: string, path: string, user: string): Promise<Member>;
  removeFromGroup(vo: string, path: string, user: string): Promise<Member>;
  /** `group` '' is the VO itself: role admin there makes a VO administrator. The member must be in the group. */
  grantRole(vo: string, group: string, role: string, user: string): Promise<Member>;
  withdrawRole(vo: string, group: string, role: string, user: string): Promise<Member>;
  /** Also the member itself, its own. */
  listCertificates(vo: string, user?: string): Promise<readonly IssuedCertificateRecord[]>;
  /** Also the member itself, its own. X.509 serial in hexadecimal. */
  revokeCertificate(vo: string, serial: string, request?: RevocationRequest): Promise<void>;
  revokeSshCertificate(vo: string, serial: string, request?: RevocationRequest): Promise<void>;
  listNodes(vo: string): Promise<readonly NodeRecord[]>;
  /** The token's text, see formatNodeToken. */
  createNodeToken(vo: string, request?: NodeTokenRequest): Promise<OneTimeToken>;
  revokeNode(vo: string, hostname: string, request?: RevocationRequest): Promise<NodeRecord>;
  audit(vo: string, query?: AuditQuery): Promise<readonly AuditEntry[]>;

  // A person: user certificate as TLS client certificate, or password/token in the request.
  requestCertificate(vo: string, request: CertificateRequest): Promise<IssuedCertificate>;
  requestSshCertificate(vo: string, request: SshCertificateRequest): Promise<IssuedSshCertificate>;
  /** Own password, signed in by user certificate. */
  changePassword(vo: string, password: string): Promise<void>;

  // A node: host role accounts as TLS client certificate.
  requestSessionCertificate(vo: string, request: SessionCertificateRequest): Promise<IssuedCertificate>;
  renewHostCertificates(vo: string, hostname: string, request: HostRenewalRequest): Promise<HostCertificates>;
  leaveVo(vo: string, hostname: string): Promise<void>;
  /** The signed document's bytes, to be verified with verifyDocument; null when the node's version is still current. */
  membership(vo: string, knownVersion?: number): Promise<Buffer | null>;
  /**
   * The push connection. Ends by throwing XOS_VO_UNREACHABLE when the stream closes or falls silent for 30 s, quietly
   * when `signal` aborts; reconnecting with backoff is the caller's.
   */
  events(signal: AbortSignal): AsyncIterable<NodeEvent>;
}
