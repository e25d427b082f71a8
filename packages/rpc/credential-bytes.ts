/**
 * Credentials of a file go with every call on its content, the same each time, and are most of its bytes. They are encoded once where
 * they are sent, and decoded once where they are received; what differs from call to call is little.
 */
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { type FileCredentials, FileCredentialsSchema } from './generated/common_pb.js';
import type { SyncRequestSchema } from './generated/object-io_pb.js';
import type { readRequestSchema, writeRequestSchema } from './generated/objects_pb.js';

type CredentialsInit = MessageInitShape<typeof FileCredentialsSchema>;

const encoded = new WeakMap<CredentialsInit, Buffer>();

/** As field 1 of a request. What was encoded once must not change. */
function credentialField(credentials: CredentialsInit | undefined): Buffer {
  if (credentials === undefined) return Buffer.alloc(0);
  const known = encoded.get(credentials);
  if (known !== undefined) return known;
  const bytes = toBinary(FileCredentialsSchema, create(FileCredentialsSchema, credentials));
  const field = Buffer.alloc(bytes.length + 6);
  const start = varint(field, field.writeUInt8(0x0a), bytes.length);
  field.set(bytes, start);
  const whole = field.subarray(0, start + bytes.length);
  encoded.set(credentials, whole);
  return whole;
}

function varint(target: Buffer, at: number, value: number): number {
  let rest = value;
  let position = at;
  for (; rest > 0x7f; rest >>>= 7) position = target.writeUInt8((rest & 0x7f) | 0x80, position);
  return target.writeUInt8(rest, position);
}

/** Fields 1 and 2 of every call on a file, with room behind them. */
function begin(
  credentials: CredentialsInit | undefined,
  fileId: string,
  roomBytes: number,
): { readonly bytes: Buffer; readonly at: number } {
  const field = credentialField(credentials);
  const idBytes = Buffer.byteLength(fileId);
  const bytes = Buffer.allocUnsafe(field.length + 6 + idBytes + roomBytes);
  bytes.set(field);
  const at = varint(bytes, bytes.writeUInt8(0x12, field.length), idBytes);
  return { bytes, at: at + bytes.write(fileId, at) };
}

/** What requests to read and to write begin with. */
function beginObject(
  {
    fileCredentials,
    fileId = '',
    objectNumber = 0n,
    objectVersion = 0n,
    offset = 0,
  }: MessageInitShape<typeof readRequestSchema> | MessageInitShape<typeof writeRequestSchema>,
  roomBytes: number,
): { readonly bytes: Buffer; readonly at: number } {
  const { bytes, at: start } = begin(fileCredentials, fileId, roomBytes);
  let at = bytes.writeUInt8(0x19, start);
  at = bytes.writeBigUInt64LE(objectNumber, at);
  at = bytes.writeUInt8(0x21, at);
  at = bytes.writeBigUInt64LE(objectVersion, at);
  at = bytes.writeUInt8(0x2d, at);
  at = bytes.writeUInt32LE(offset, at);
  return { bytes, at };
}

/** As `toBinary` for a request that has all its fields. */
export function encodeSync(request: MessageInitShape<typeof SyncRequestSchema>): Uint8Array {
  const { bytes, at } = begin(request.fileCredentials, request.fileId ?? '', 0);
  return bytes.subarray(0, at);
}

/** As `toBinary` for a request that has all its fields. */
export function encodeRead(request: MessageInitShape<typeof readRequestSchema>): Uint8Array {
  const { length = 0 } = request;
  const begun = beginObject(request, 28);
  const { bytes } = begun;
  let { at } = begun;
  at = bytes.writeUInt8(0x35, at);
  at = bytes.writeUInt32LE(length, at);
  return bytes.subarray(0, at);
}

/** As `toBinary` for a request that has all its required fields. */
export function encodeWrite(request: MessageInitShape<typeof writeRequestSchema>): Uint8Array {
  const { leaseTimeout = 0n, durable } = request;
  const { checksum = 0, invalidChecksumOnOsd = false, zeroPadding = 0, crc32c } = request.objectData ?? {};
  const begun = beginObject(request, 64);
  const { bytes } = begun;
  let { at } = begun;
  at = bytes.writeUInt8(0x31, at);
  at = bytes.writeBigUInt64LE(leaseTimeout, at);
  at = bytes.writeUInt8(0x3a, at);
  at = bytes.writeUInt8(crc32c === undefined ? 12 : 18, at);
  at = bytes.writeUInt8(0x0d, at);
  at = bytes.writeUInt32LE(checksum, at);
  at = bytes.writeUInt8(0x10, at);
  at = bytes.writeUInt8(invalidChecksumOnOsd ? 1 : 0, at);
  at = bytes.writeUInt8(0x1d, at);
  at = bytes.writeUInt32LE(zeroPadding, at);
  if (crc32c !== undefined) {
    at = bytes.writeUInt16BE(0xad06, at);
    at = bytes.writeUInt32LE(crc32c, at);
  }
  if (durable !== undefined) {
    at = bytes.writeUInt16BE(0xa006, at);
    at = bytes.writeUInt8(durable ? 1 : 0, at);
  }
  return bytes.subarray(0, at);
}

/** Credentials by their bytes, oldest first. */
const decoded = new Map<string, FileCredentials>();
const mostDecoded = 1024;
const mostBytes = 8192;

/** As `fromBinary`. Credentials of a file are one frozen message for all calls that show the same bytes. */
export function decodeRequest<Request extends DescMessage>(
  schema: Request,
  bytes: Uint8Array,
): MessageShape<Request> {
  return withKnownCredentials(schema, bytes) ?? fromBinary(schema, bytes);
}

/** @returns undefined for a request that has no credentials first, or strange ones */
function withKnownCredentials<Request extends DescMessage>(
  schema: Request,
  bytes: Uint8Array,
): MessageShape<Request> | undefined {
  const [first] = schema.fields;
  if (bytes[0] !== 0x0a || first?.message !== FileCredentialsSchema || first.number !== 1) return undefined;
  let length = 0;
  let at = 1;
  for (let shift = 0; shift < 21; shift += 7) {
    const byte = bytes[at++] ?? 0;
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  const end = at + length;
  if (length > mostBytes || end > bytes.length || (bytes[at - 1] ?? 0) >= 0x80) return undefined;
  try {
    const fileCredentials = credentialsOf(bytes.subarray(at, end));
    const message = fromBinary(schema, bytes.subarray(end));
    // A field that comes twice is merged.
    if (Object.hasOwn(message, first.localName)) return undefined;
    // Its name is not the same in all messages.
    return Object.assign(message, { [first.localName]: fileCredentials });
  } catch {
    // Protobuf says what is wrong, or takes what overruns its place.
    return undefined;
  }
}

function credentialsOf(bytes: Uint8Array): FileCredentials {
  const key = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  const known = decoded.get(key);
  if (known !== undefined) return known;
  const credentials = fromBinary(FileCredentialsSchema, bytes);
  if (credentials.xcap !== undefined) Object.freeze(credentials.xcap);
  if (decoded.size >= mostDecoded) for (const oldest of decoded.keys()) if (decoded.delete(oldest)) break;
  decoded.set(key, Object.freeze(credentials));
  return credentials;
}
