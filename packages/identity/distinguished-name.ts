import { createHash } from 'node:crypto';
import { DerReader, decodeUtf8, tag } from './der-reader.ts';
import * as der from './der-writer.ts';
import { attributeShortNames } from './object-identifiers.ts';

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
  /**
   * OpenSSL's canonical encoding of each RDN in hex (strings as UTF-8, ASCII lower case, white space folded): names are
   * equal when these are (RFC 5280 section 7.1), and the subject hash is taken over them.
   */
  readonly canonicalRdns: readonly string[];
}

interface DecodedAttribute extends NameAttribute {
  readonly oid: string;
  readonly valueTag: number;
  readonly valueContent: Buffer;
  readonly valueDer: Buffer;
}

const maximumAttributes = 64;
const stringTags: ReadonlySet<number> = new Set([
  tag.utf8String,
  tag.printableString,
  tag.teletexString,
  tag.ia5String,
  tag.bmpString,
  0x1a,
]);

class DecodedName implements DistinguishedName {
  readonly der: Buffer;
  readonly #rdns: readonly (readonly DecodedAttribute[])[];
  #oneline: string | undefined;
  #rfc4514: string | undefined;
  #canonicalRdns: readonly string[] | undefined;

  constructor(nameDer: Buffer, rdns: readonly (readonly DecodedAttribute[])[]) {
    this.der = nameDer;
    this.#rdns = rdns;
  }

  get attributes(): readonly NameAttribute[] {
    return this.#rdns.flat().map(({ type, value }) => ({ type, value }));
  }

  get oneline(): string {
    this.#oneline ??= this.#rdns
      .map((rdn) => `/${rdn.map((attribute) => `${attribute.type}=${onelineValue(attribute)}`).join('+')}`)
      .join('');
    return this.#oneline;
  }

  get rfc4514(): string {
    this.#rfc4514 ??= this.#rdns
      .toReversed()
      .map((rdn) => rdn.map(rfc4514Attribute).join('+'))
      .join(',');
    return this.#rfc4514;
  }

  get commonName(): string | undefined {
    return this.#rdns.flat().findLast(({ type }) => type === 'CN')?.value;
  }

  get canonicalRdns(): readonly string[] {
    this.#canonicalRdns ??= this.#rdns.map((rdn) =>
      der
        .setOf(...rdn.map((attribute) => der.sequence(der.oid(attribute.oid), canonicalValue(attribute))))
        .toString('hex'),
    );
    return this.#canonicalRdns;
  }
}

/** Reads the Name that the cursor stands at. */
export function readName(reader: DerReader, field: string): DistinguishedName {
  const element = reader.element(tag.sequence, field);
  const sequence: DerReader = reader.inside(element);
  const rdns: DecodedAttribute[][] = [];
  let count = 0;
  while (!sequence.done) {
    const set = sequence.enter(tag.set, `${field} RDN`);
    const rdn: DecodedAttribute[] = [];
    do {
      const pair = set.sequence(`${field} attribute`);
      const oid = pair.oid(`${field} attribute type`);
      const value = pair.any(`${field} attribute value`);
      pair.finish(`${field} attribute`);
      if (++count > maximumAttributes)
        sequence.refuse(`${field} has more than ${maximumAttributes} attributes`);
      const text = decodeString(value.tag, value.content);
      if (text === undefined) sequence.refuse(`${field} attribute ${oid} is no string that can be decoded`);
      rdn.push({
        oid,
        type: attributeShortNames.get(oid) ?? oid,
        value: text,
        valueTag: value.tag,
        valueContent: value.content,
        valueDer: value.der,
      });
    } while (!set.done);
    rdns.push(rdn);
  }
  return new DecodedName(element.der, rdns);
}

/** Reads a Name that is all of `nameDer`. */
export function parseName(nameDer: Buffer, what: string): DistinguishedName {
  const reader = new DerReader(nameDer, what);
  const name = readName(reader, 'name');
  reader.finish('name');
  return name;
}

function decodeString(valueTag: number, content: Buffer): string | undefined {
  switch (valueTag) {
    case tag.utf8String:
      return decodeUtf8(content);
    case tag.printableString:
    case tag.ia5String:
    case 0x1a: // VisibleString
      return content.every((byte) => byte < 0x80) ? content.toString('latin1') : undefined;
    case tag.teletexString:
      return content.toString('latin1');
    case tag.bmpString:
      return content.length % 2 === 0 ? Buffer.from(content).swap16().toString('utf16le') : undefined;
    default:
      return undefined;
  }
}

/** X509_NAME_oneline(3) of OpenSSL 3: bytes outside printable ASCII as \xHH, `/` and `+` behind a backslash. */
function onelineValue(attribute: DecodedAttribute): string {
  let text = '';
  for (const byte of attribute.valueContent) {
    if (byte < 0x20 || byte > 0x7e) text += `\\x${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    else
      text += byte === 0x2f || byte === 0x2b ? `\\${String.fromCharCode(byte)}` : String.fromCharCode(byte);
  }
  return text;
}

function rfc4514Attribute(attribute: DecodedAttribute): string {
  if (/^\d/.test(attribute.type)) return `${attribute.type}=#${attribute.valueDer.toString('hex')}`;
  const escaped = attribute.value
    .replace(/[\\,+"<>;]/g, '\\$&')
    // RFC 4514 section 2.4: the rest may be escaped in hexadecimal, byte by byte of its UTF-8.
    .replace(/\p{Cc}/gu, (control) => Buffer.from(control).toString('hex').replace(/../g, '\\$&'))
    .replace(/^[ #]/, '\\$&')
    .replace(/ $/, '\\ ');
  return `${attribute.type}=${escaped}`;
}

/** asn1_string_canon of OpenSSL's x_name.c, as X509_NAME_hash uses it. */
function canonicalValue(attribute: DecodedAttribute): Buffer {
  if (!stringTags.has(attribute.valueTag)) return attribute.valueDer;
  const folded = attribute.value
    .replace(/^[ \t\n\v\f\r]+|[ \t\n\v\f\r]+$/g, '')
    .replace(/[ \t\n\v\f\r]+/g, ' ')
    .replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  return der.utf8String(folded);
}

export function namesEqual(one: DistinguishedName, other: DistinguishedName): boolean {
  return one.der.equals(other.der) || nameKey(one) === nameKey(other);
}

/** Equal for equal names: a key for maps. */
export function nameKey(name: DistinguishedName): string {
  return name.canonicalRdns.join('');
}

/** OpenSSL's subject hash (X509_NAME_hash), 8 hex digits: the name of an anchor's files. */
export function subjectHash(name: DistinguishedName): string {
  const digest = createHash('sha1')
    .update(Buffer.from(nameKey(name), 'hex'))
    .digest();
  return digest.readUInt32LE(0).toString(16).padStart(8, '0');
}

const attributeOids = new Map([...attributeShortNames].map(([oid, name]) => [name, oid]));

/** One RDN of one attribute: UTF8String, except where the type is defined as another (C, DC, emailAddress). */
export function encodeRdn(type: string, value: string): Buffer {
  const string =
    type === 'C' || type === 'serialNumber'
      ? der.printableString(value)
      : type === 'DC' || type === 'emailAddress'
        ? der.ia5String(value)
        : der.utf8String(value);
  return der.setOf(der.sequence(der.oid(attributeOids.get(type) ?? type), string));
}

/** A Name from attributes, most general first. */
export function encodeName(attributes: readonly (readonly [type: string, value: string])[]): Buffer {
  return der.sequence(...attributes.map(([type, value]) => encodeRdn(type, value)));
}
