import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { type Clock, reasonOf, XosError } from '@xtreemos/base';
import { parseCertificateChain, signDocument, verifyDocument } from '@xtreemos/identity';
import type { PeerTrust, TlsIdentity } from '@xtreemos/rpc';

/**
 * The key in an MRC's service data at the DIR under which it states the public key of its XCaps: base64 of a signed document
 * (docs/xtreemfs-protocol.md). The DIR only carries it: it can hold a statement back, and can make none up.
 */
export const capabilityKeyField = 'xtreemos_capability_key';

const documentType = 'xtreemfs.capability-key';
/** In plain text, where everybody is believed, the key stands there as it is. */
const plainPrefix = 'plain:';
/** As long as a CRL: an MRC that is gone stops counting by itself. */
const lifetimeMs = 24 * 3_600_000;
const mostTextLength = 64 * 1024;

/** What of `HostSecurity` is needed here. */
export interface StatementSecurity {
  readonly vo: string;
  readonly trust: PeerTrust;
  readonly identity: TlsIdentity;
}

/** The key of an MRC's XCaps, as the MRC's host states it. */
export interface CapabilityKey {
  readonly mrcUuid: string;
  readonly key: KeyObject;
  /** The MRC's host, by its certificate; undefined in plain text. */
  readonly hostname: string | undefined;
  readonly hostGuid: string | undefined;
  /** Grows with each statement of an MRC. */
  readonly version: number;
  /** Milliseconds since 1970 from which on it does not count any more. */
  readonly notAfterMs: number;
}

/**
 * An MRC's statement, for its service data: its host's certificate with role `mrc` signs the UUID and the public key.
 * @param security undefined: plain text
 */
export function stateCapabilityKey(
  publicKey: KeyObject,
  mrcUuid: string,
  security: StatementSecurity | undefined,
  nowMs: number,
): string {
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  if (security === undefined) return `${plainPrefix}${spki.toString('base64')}`;
  const [certificate, ...chain] = parseCertificateChain(security.identity.chainPem);
  if (certificate === undefined)
    throw new XosError('XOS_CREDENTIAL_UNREADABLE', {
      name: 'mrc.pem',
      reason: 'it holds no certificate',
    });
  const payload = Buffer.from(JSON.stringify({ mrc: mrcUuid, key: spki.toString('base64') }));
  const credential = { key: createPrivateKey(security.identity.keyPem), certificate, chain };
  const document = signDocument(payload, credential, {
    type: documentType,
    vo: security.vo,
    version: Math.floor(nowMs),
    now: new Date(nowMs),
    notAfter: new Date(nowMs + lifetimeMs),
  });
  return document.toString('base64');
}

/**
 * What an MRC adds to its service data at each heartbeat: its statement, made anew in good time, and when its host's
 * certificate was renewed.
 */
export function createCapabilityKeyNotice(options: {
  readonly publicKey: KeyObject;
  readonly mrcUuid: string;
  readonly security: StatementSecurity | undefined;
  readonly clock: Clock;
}): () => Readonly<Record<string, string>> {
  const { publicKey, mrcUuid, security, clock } = options;
  let text: string | undefined;
  let madeMs = 0;
  let chainPem: string | undefined;
  return () => {
    const nowMs = clock.nowMs();
    const isDue = Math.abs(nowMs - madeMs) > lifetimeMs / 4 || chainPem !== security?.identity.chainPem;
    if (text === undefined || isDue) {
      text = stateCapabilityKey(publicKey, mrcUuid, security, nowMs);
      madeMs = nowMs;
      chainPem = security?.identity.chainPem;
    }
    return { [capabilityKeyField]: text };
  };
}

/**
 * Judges a statement that came by way of the DIR: signed by a host of the VO with role `mrc`, now valid and not revoked, about the
 * MRC that it was found at.
 * @param security undefined: plain text, and then nothing else
 * @throws XosError XOS_DOCUMENT_INVALID, or the path's
 */
export function judgeCapabilityKey(
  text: string,
  mrcUuid: string,
  security: Pick<StatementSecurity, 'vo' | 'trust'> | undefined,
): CapabilityKey {
  const refuse = (reason: string): never => {
    const vo = security?.vo ?? 'plain text';
    throw new XosError('XOS_DOCUMENT_INVALID', { what: documentType, vo, reason });
  };
  if (text.length > mostTextLength) refuse(`it has ${text.length} characters, more than ${mostTextLength}`);
  if (security === undefined) {
    if (!text.startsWith(plainPrefix)) refuse('it is signed, and this server speaks plain text');
    const key = readKey(text.slice(plainPrefix.length), refuse);
    const forEver = { version: 0, notAfterMs: Number.POSITIVE_INFINITY };
    return { mrcUuid, key, hostname: undefined, hostGuid: undefined, ...forEver };
  }
  const { vo, trust } = security;
  const { header, payload, signer } = verifyDocument(Buffer.from(text, 'base64'), {
    type: documentType,
    vo,
    role: 'mrc',
    store: trust.store(),
    voRoots: trust.voRoots(),
    now: new Date(trust.nowMs()),
  });
  const { mrc, key } = readPayload(payload, refuse);
  if (mrc !== mrcUuid) refuse(`it is about MRC ${JSON.stringify(mrc)}, found at ${mrcUuid}`);
  const { hostname, hostGuid } = signer.host ?? {};
  const notAfterMs = Math.min(header.notAfter.getTime(), signer.notAfter.getTime());
  return { mrcUuid, key: readKey(key, refuse), hostname, hostGuid, version: header.version, notAfterMs };
}

function readPayload(
  payload: Buffer,
  refuse: (reason: string) => never,
): { readonly mrc: string; readonly key: string } {
  let value: unknown;
  try {
    value = JSON.parse(payload.toString('utf8'));
  } catch {
    return refuse('its payload is no JSON');
  }
  if (typeof value !== 'object' || value === null) return refuse('its payload is no object');
  const { mrc, key } = value as { readonly mrc?: unknown; readonly key?: unknown };
  if (typeof mrc !== 'string' || typeof key !== 'string') return refuse('its payload lacks mrc or key');
  return { mrc, key };
}

function readKey(base64: string, refuse: (reason: string) => never): KeyObject {
  try {
    const key = createPublicKey({ key: Buffer.from(base64, 'base64'), format: 'der', type: 'spki' });
    if (key.asymmetricKeyType !== 'ed25519') throw new Error(`it is of type ${key.asymmetricKeyType}`);
    return key;
  } catch (error) {
    return refuse(`its key is not usable: ${reasonOf(error)}`);
  }
}
