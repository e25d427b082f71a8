export interface TrustAnchor {
  readonly kind: 'root' | 'cda' | 'rca' | 'services';
  /** PEM. */
  readonly certificate: string;
  /** Content of `<hash>.signing_policy`. */
  readonly signingPolicy: string;
  /** Content of `<hash>.namespaces`. */
  readonly namespaces: string;
  /** Hex SHA-256 of the DER. */
  readonly fingerprint: string;
}

/** All that a node or a person needs to judge certificates of a VO: for /etc/grid-security/certificates and TrustedUserCAKeys. */
export interface TrustBundle {
  readonly domain: string;
  /** Null when a trust domain without a VO was asked for. */
  readonly vo: string | null;
  /** Root first. */
  readonly anchors: readonly TrustAnchor[];
  /** SSH user certificate authorities, lines as in authorized_keys. */
  readonly sshUserCas: readonly string[];
  /** Hex SHA-256 of the root's DER. */
  readonly rootFingerprint: string;
}

export interface CrlBundle {
  readonly vo: string;
  /** Grows with every CRL published in this VO. */
  readonly version: number;
  /** PEM with the label `X509 CRL`. */
  readonly crls: readonly {
    readonly issuer: 'root' | 'cda' | 'rca' | 'services';
    readonly pem: string;
    readonly thisUpdateMs: number;
    readonly nextUpdateMs: number;
  }[];
}

export interface TrustDomain {
  readonly name: string;
  readonly rootFingerprint: string;
  /** True after `root export`: signing an intermediate needs the key brought along. */
  readonly rootOffline: boolean;
  readonly rootNotAfterMs: number;
  readonly vos: readonly string[];
}

/** An offline root's key brought back for one call; never stored. */
export interface RootKey {
  /** Encrypted PKCS#8 PEM as `root export` gave it. */
  readonly pem: string;
  readonly passphrase: string;
}
