export type { AuditEntry, AuditQuery, AuditVerification } from './audit-log.ts';
export type {
  CertificateRequest,
  IssuedCertificate,
  IssuedCertificateRecord,
  IssuedSshCertificate,
  RevocationReason,
  RevocationRequest,
  SessionCertificateRequest,
  SshCertificateRequest,
} from './certificate.ts';
export type { ClientCredential } from './connection.ts';
export { adminSocketUrl } from './connection.ts';
export type { NodeEvent } from './event-stream.ts';
export { heartbeatTimeoutMs } from './event-stream.ts';
export type {
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
export type { MembershipEntry, MembershipList } from './membership-list.ts';
export { membershipDocumentType, parseMembershipList } from './membership-list.ts';
export type {
  HostCertificates,
  HostRenewalRequest,
  HostRole,
  NodeJoinRequest,
  NodeJoinResult,
  NodeRecord,
  NodeTokenRequest,
} from './node.ts';
export { hostRoles } from './node.ts';
export type { NodeToken } from './node-token.ts';
export { formatNodeToken, parseNodeToken } from './node-token.ts';
export type { ServerTrust } from './server-trust.ts';
export type { CrlBundle, RootKey, TrustAnchor, TrustBundle, TrustDomain } from './trust.ts';
export type { MemberFilter, RootKeyExport, ServiceStatus, VoClientOptions } from './vo-client.ts';
export { VoClient } from './vo-client.ts';
export type { Group, Vo, VoCreation } from './vo-record.ts';
