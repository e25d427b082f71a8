import { WireError } from './signature.ts';
import type { DbusValue, Variant } from './value.ts';
import { WireReader } from './wire-reader.ts';
import { maximumMessageBytes, WireWriter } from './wire-writer.ts';

export const messageTypes = { call: 1, return: 2, error: 3, signal: 4 } as const;
export type MessageType = (typeof messageTypes)[keyof typeof messageTypes];

export const messageFlags = { noReplyExpected: 1, noAutoStart: 2, allowInteractiveAuthorization: 4 } as const;

/** One message of the D-Bus protocol; which fields it has depends on its type. */
export interface Message {
  readonly type: MessageType;
  readonly flags?: number;
  /** 1 to 2^32-1. */
  readonly serial: number;
  readonly path?: string;
  readonly interface?: string;
  readonly member?: string;
  readonly errorName?: string;
  readonly replySerial?: number;
  readonly destination?: string;
  /** Filled in by the bus. */
  readonly sender?: string;
  readonly signature?: string;
  readonly body?: readonly DbusValue[];
}

const headerFields = [
  [1, 'path', 'o'],
  [2, 'interface', 's'],
  [3, 'member', 's'],
  [4, 'errorName', 's'],
  [5, 'replySerial', 'u'],
  [6, 'destination', 's'],
  [7, 'sender', 's'],
  [8, 'signature', 'g'],
] as const;

const fixedHeaderBytes = 16;
const littleEndianMark = 0x6c;
const bigEndianMark = 0x42;
const protocolVersion = 1;

/** @throws WireError when the body does not fit its signature or a name is not valid. */
export function encodeMessage(message: Message): Buffer {
  const { signature = '', body = [] } = message;
  const writer = new WireWriter();
  writer.uint8(littleEndianMark);
  writer.uint8(message.type);
  writer.uint8(message.flags ?? 0);
  writer.uint8(protocolVersion);
  writer.uint32(0);
  writer.uint32(message.serial);
  const fields = headerFields.flatMap(([code, name, type]): [number, Variant][] => {
    const value = message[name];
    return value === undefined || value === '' ? [] : [[code, { signature: type, value }]];
  });
  writer.write('a(yv)', [fields]);
  writer.align(8);
  const bodyAt = writer.position;
  writer.write(signature, body);
  writer.patchUint32(4, writer.position - bodyAt);
  return writer.finish();
}

/** A complete message. @throws WireError */
export function decodeMessage(bytes: Buffer): Message {
  const littleEndian = isLittleEndian(bytes);
  const fixed = new WireReader(bytes, littleEndian, 1);
  const [type, flags, version, bodyLength, serial] = fixed.read('yyyuu') as [
    number,
    number,
    number,
    number,
    number,
  ];
  if (version !== protocolVersion) throw new WireError(`protocol version ${version}`);
  if (serial === 0) throw new WireError('serial is 0');
  const [fields] = fixed.read('a(yv)') as unknown as [readonly (readonly [number, Variant])[]];
  fixed.align(8);
  if (bytes.length - fixed.position !== bodyLength)
    throw new WireError('body length does not fit the message');
  const named: Record<string, DbusValue> = {};
  for (const [code, { signature, value }] of fields) {
    const field = headerFields.find((candidate) => candidate[0] === code);
    if (field === undefined) continue;
    if (signature !== field[2]) throw new WireError(`header field ${field[1]} has type ${signature}`);
    named[field[1]] = value;
  }
  const signature = typeof named['signature'] === 'string' ? named['signature'] : '';
  const body = fixed.read(signature);
  if (fixed.position !== bytes.length) throw new WireError('bytes follow the body');
  return { ...named, type: type as MessageType, flags, serial, signature, body };
}

/**
 * The length of the message that starts here; undefined while too little of it is there. @throws WireError when it is
 * longer than messages may be.
 */
export function messageLength(bytes: Buffer): number | undefined {
  if (bytes.length < fixedHeaderBytes) return undefined;
  const littleEndian = isLittleEndian(bytes);
  const bodyBytes = littleEndian ? bytes.readUInt32LE(4) : bytes.readUInt32BE(4);
  const fieldBytes = littleEndian ? bytes.readUInt32LE(12) : bytes.readUInt32BE(12);
  const total = fixedHeaderBytes + Math.ceil(fieldBytes / 8) * 8 + bodyBytes;
  if (total > maximumMessageBytes) throw new WireError(`message of ${total} bytes`);
  return total;
}

function isLittleEndian(bytes: Buffer): boolean {
  const mark = bytes[0];
  if (mark !== littleEndianMark && mark !== bigEndianMark) throw new WireError(`byte order mark ${mark}`);
  return mark === littleEndianMark;
}
