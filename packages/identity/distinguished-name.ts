/** One attribute of a name; `type` is the short name (`O`, `OU`, `CN`, `DC`, `C`, ...) or a dotted OID. */
export interface NameAttribute {
  readonly type: string;
  readonly value: string;
}

/** An X.501 name, decoded once. */
export interface DistinguishedName {
  readonly der: Buffer;
  readonly attributes: readonly NameAttribute[];
  /** RFC 4514: most specific first, `CN=alice,OU=physics,O=XtreemOS`. */
  readonly rfc4514: string;
  /** OpenSSL's oneline form, most general first, `/O=XtreemOS/OU=physics/CN=alice`; signing policies use it. */
  readonly oneline: string;
  /** The last CN of the name, if it has one. */
  readonly commonName: string | undefined;
}
