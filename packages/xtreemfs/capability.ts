import { createHash, type KeyObject, sign, verify } from 'node:crypto';
import { parseFileId } from './file-id.ts';

/**
 * What an XCap says: the fields of XtreemFS's message, of which generated types hold more. The MRC signs it at open, OSDs
 * check it at each call (docs/xtreemfs-protocol.md).
 */
export interface Capability {
  /** open(2) flags; the access mode is the lowest two bits. */
  readonly accessMode: number;
  readonly clientIdentity: string;
  /** Seconds since 1970, by the MRC's clock. */
  readonly expireTimeS: bigint;
  /** How long it was issued for, in seconds. */
  readonly expireTimeoutS: number;
  readonly fileId: string;
  readonly replicateOnClose: boolean;
  readonly serverSignature: string;
  readonly truncateEpoch: number;
  readonly snapConfig: number;
  readonly snapTimestamp: bigint;
  readonly voucherSize?: bigint;
  readonly expireTimeMs?: bigint;
}

const encoder = new TextEncoder();
/** Told apart from everything else that such a key might sign; with the version of the form. */
const purpose = encoder.encode('xtreemos.fs XCap 1\0');

/**
 * The bytes that the signature covers: every field but itself, numbers in 8 bytes big-endian, text behind its length. What
 * tracing adds to an XCap is not covered: nothing here obeys it.
 * @throws RangeError for numbers outside an unsigned 64-bit field
 */
export function capabilityBytes(capability: Capability): Uint8Array {
  const client = encoder.encode(capability.clientIdentity);
  const file = encoder.encode(capability.fileId);
  const numbers = [
    BigInt(capability.accessMode),
    capability.expireTimeS,
    BigInt(capability.expireTimeoutS),
    capability.replicateOnClose ? 1n : 0n,
    BigInt(capability.truncateEpoch),
    BigInt(capability.snapConfig),
    capability.snapTimestamp,
    capability.voucherSize ?? 0n,
    capability.expireTimeMs ?? 0n,
    BigInt(client.length),
    BigInt(file.length),
  ];
  const bytes = Buffer.alloc(purpose.length + numbers.length * 8 + client.length + file.length);
  bytes.set(purpose);
  let at = purpose.length;
  for (const number of numbers) at = bytes.writeBigUInt64BE(number, at);
  bytes.set(client, at);
  bytes.set(file, at + client.length);
  return bytes;
}

/** @returns the signature as the field `server_signature` holds it: base64url of Ed25519. */
export function signCapability(capability: Capability, privateKey: KeyObject): string {
  return sign(null, capabilityBytes(capability), privateKey).toString('base64url');
}

/** Ed25519 signatures have 64 bytes: 86 letters of base64url. */
const signaturePattern = /^[\w-]{86}$/;

/** The public keys of the MRCs whose XCaps count. Asked at each signature that is not known yet. */
export type TrustedKeys = () => readonly KeyObject[];

export interface CapabilityVerifier {
  /** Whether one of the trusted keys signed it. Says nothing about its expiry, file or mode. */
  isGenuine(capability: Capability): boolean;
  /** After trusted keys changed. */
  forget(): void;
}

/**
 * Verifies and remembers: a client sends the same XCap with every call, a signature takes 0.1 ms. A known XCap is found by
 * the bytes that were signed together with the signature, so an altered one is never found; a frozen one that is shown again, by itself.
 * @param capacity XCaps remembered; the oldest are forgotten first
 */
export function createCapabilityVerifier(keys: TrustedKeys, capacity = 4096): CapabilityVerifier {
  const genuine = new Map<string, true>();
  let shown = new WeakSet<Capability>();

  const verifier: CapabilityVerifier = {
    isGenuine(capability) {
      if (shown.has(capability)) return true;
      const isGenuine = verified(capability);
      if (isGenuine && Object.isFrozen(capability)) shown.add(capability);
      return isGenuine;
    },
    forget() {
      genuine.clear();
      shown = new WeakSet();
    },
  };

  function verified(capability: Capability): boolean {
    if (!signaturePattern.test(capability.serverSignature)) return false;
    const bytes = Buffer.from(capabilityBytes(capability));
    const identity = `${capability.serverSignature}${bytes.toString('latin1')}`;
    if (genuine.has(identity)) return true;
    const signature = Buffer.from(capability.serverSignature, 'base64url');
    if (!keys().some((key) => verify(null, bytes, key, signature))) return false;
    if (genuine.size >= capacity) {
      const [oldest] = genuine.keys();
      if (oldest !== undefined) genuine.delete(oldest);
    }
    genuine.set(identity, true);
    return true;
  }
  return verifier;
}

/** The bit of an access mode with which XtreemFS's MRC lets objects be deleted (040000000); clients never get it for anything else. */
export const deleteAccess = 0o40000000;

/**
 * Ours, of files in strict volumes: an OSD takes writes with it only after it has done the truncation that the XCap's epoch is of, and
 * truncations one after the other (docs/decisions/strict-volumes.md).
 */
export const orderedAccess = 0o100000000;

/**
 * Whether an XCap's mode (open(2): O_RDONLY 0, O_WRONLY 1, O_RDWR 2) gives an access. Deleting needs its own bit: who may
 * write may not reset a file's truncate epoch.
 */
export function capabilityAllows(capability: Capability, access: 'read' | 'write' | 'delete'): boolean {
  const mode = capability.accessMode & 3;
  if (access === 'delete') return (capability.accessMode & deleteAccess) !== 0;
  return access === 'read' ? mode === 0 || mode === 2 : mode === 1 || mode === 2;
}

/** What stands for many files in an XCap that lets all of them be deleted; no file has such an id. */
export function idOfFiles(fileIds: readonly string[]): string {
  const hash = createHash('sha256');
  for (const fileId of fileIds) hash.update(`${fileId}\0`);
  return `files:${hash.digest('base64url')}`;
}

const spacePrefix = 'space:';

/** What stands for a file in an XCap with which OSDs are asked for the file's space alone; no file has such an id. */
export function idOfSpace(fileId: string): string {
  return `${spacePrefix}${fileId}`;
}

/** @returns undefined for an id that `idOfSpace` did not make */
export function fileOfSpace(id: string): string | undefined {
  if (!id.startsWith(spacePrefix)) return undefined;
  const fileId = id.slice(spacePrefix.length);
  return parseFileId(fileId) === undefined ? undefined : fileId;
}
