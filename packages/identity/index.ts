/**
 * Keys, certificates, path validation, proxies, signed documents and SSH certificates. docs/certificate-profile.md says what the
 * certificates contain, docs/path-validation.md how they are judged. Everything that is refused throws XosError.
 */
export type {
  Certificate,
  Extension,
  GeneralName,
  KeyDescription,
  KeyUsage,
  NameConstraints,
  NameSubtree,
  ProxyCertInfo,
} from './certificate.ts';
export {
  certificatePem,
  maximumCertificateBytes,
  maximumChainLength,
  parseCertificate,
  parseCertificateChain,
} from './certificate.ts';
export type { IssuedCertificate, Issuer, Lifetime, UserCertificateRequest } from './certificate-issue.ts';
export {
  issueHostCertificate,
  issueIntermediateCertificate,
  issueRootCertificate,
  issueServiceCertificate,
  issueSessionCertificate,
  issueUserCertificate,
} from './certificate-issue.ts';
export type { CertificateRequest } from './certificate-request.ts';
export {
  certificateRequestPem,
  makeCertificateRequest,
  parseCertificateRequest,
} from './certificate-request.ts';
export type { Credential, CredentialDescription, CredentialOutline } from './credential.ts';
export {
  describeCredential,
  outlineCredential,
  readCredential,
  writeCredentialPem,
  writePkcs12,
} from './credential.ts';
export type { DistinguishedName, NameAttribute } from './distinguished-name.ts';
export { subjectHash } from './distinguished-name.ts';
export type { HomeVolume, JoinedVo } from './joined-vo.ts';
export { readJoinedVos } from './joined-vo.ts';
export type { ValidatedHost, ValidatedPath, ValidatedUser, ValidationOptions } from './path-validation.ts';
export { validatePath } from './path-validation.ts';
export { peerChain } from './peer-chain.ts';
export type { Challenge, ChallengeStore } from './possession-proof.ts';
export {
  makeChallenge,
  makeChallengeStore,
  parseChallenge,
  signChallenge,
  verifyChallenge,
} from './possession-proof.ts';
export type { KeyType, Passphrase } from './private-key.ts';
export { encryptPrivateKey, generateKey, plainPrivateKeyPem, readPrivateKey } from './private-key.ts';
export type { ProxyOptions } from './proxy-certificate.ts';
export { makeProxy } from './proxy-certificate.ts';
export type { RevocationList, RevocationReason, RevokedCertificate } from './revocation-list.ts';
export { crlPem, makeCrl, parseCrl } from './revocation-list.ts';
export { signBytes, verifyBytes } from './signature-algorithm.ts';
export type { DocumentHeader, SignedDocument } from './signed-document.ts';
export { maximumDocumentBytes, signDocument, verifyDocument } from './signed-document.ts';
export type { SigningPolicy } from './signing-policy.ts';
export {
  defaultSigningPolicy,
  defaultSubjectPatterns,
  parseNamespaces,
  parseSigningPolicy,
  renderSigningPolicy,
} from './signing-policy.ts';
export type { SshCertificate, SshUserCertificateRequest } from './ssh-certificate.ts';
export { issueSshUserCertificate, parseSshCertificate, verifySshUserCertificate } from './ssh-certificate.ts';
export type { SshPublicKey } from './ssh-public-key.ts';
export { parseSshPublicKey, sshPublicKeyLine } from './ssh-public-key.ts';
export type { TrustDirectories } from './trust-directory.ts';
export { openTrustDirectories } from './trust-directory.ts';
export { writeCrl, writeTrustAnchor } from './trust-directory-writer.ts';
export type { TrustAnchor, TrustStore, TrustStoreProblem } from './trust-store.ts';
export { makeTrustStore } from './trust-store.ts';
export { isCrlOfAnchor } from './verified-signatures.ts';
export type { AuthorityKind, HostBinding, HostRole, VoMembership, XosExtensions } from './xos-extension.ts';
export { authorityKinds, hostRoles } from './xos-extension.ts';
