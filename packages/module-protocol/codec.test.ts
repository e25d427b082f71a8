import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decodeMessage,
  encodeMessage,
  FRAME_MAX_BYTES,
  FrameReader,
  type Message,
  ProtocolError,
} from './index.ts';
import { type FieldSchema, messages } from './schema.ts';

const text = (max: number) =>
  fc
    .string({ unit: 'binary', maxLength: Math.floor(Math.min(max, 200) / 4) })
    .map((value) => value.replaceAll('\0', ''));

function fieldValue(field: FieldSchema): fc.Arbitrary<unknown> {
  switch (field.kind) {
    case 'u32':
      return fc.nat(0xffffffff);
    case 'i32':
      return fc.integer();
    case 'text':
      return text(field.max);
    case 'bytes':
      return fc.uint8Array({ maxLength: Math.min(field.max, 300) }).map((bytes) => Buffer.from(bytes));
    case 'texts':
      return fc.array(text(field.max), { maxLength: Math.min(field.count, 20) });
    case 'u32s':
      return fc.array(fc.nat(0xffffffff), { maxLength: Math.min(field.count, 20) });
  }
}

const anyMessage = fc.oneof(
  ...messages.map((schema) =>
    fc
      .record(Object.fromEntries(schema.fields.map((field) => [field.name, fieldValue(field)])))
      .map((fields) => ({ type: schema.name, ...fields }) as unknown as Message),
  ),
);

test('every message survives the wire, however it is cut into chunks', () => {
  fc.assert(
    fc.property(
      fc.array(anyMessage, { maxLength: 4 }),
      fc.integer({ min: 1, max: 500 }),
      (sent, chunkBytes) => {
        const stream = Buffer.concat(sent.map(encodeMessage));
        const reader = new FrameReader();
        const got: Message[] = [];
        for (let at = 0; at < stream.length; at += chunkBytes) {
          got.push(...reader.push(Buffer.from(stream.subarray(at, at + chunkBytes))));
        }
        assert.deepEqual(JSON.stringify(got), JSON.stringify(sent));
        assert.equal(reader.idle, true);
      },
    ),
  );
});

test('arbitrary payloads are a message or a ProtocolError, and what decodes encodes to the same bytes', () => {
  const types = messages.map((message) => message.type);
  fc.assert(
    fc.property(fc.constantFrom(...types), fc.uint8Array({ maxLength: 60 }), (type, bytes) => {
      const payload = Buffer.from(bytes);
      let message: Message;
      try {
        message = decodeMessage(type, payload);
      } catch (error) {
        assert.ok(error instanceof ProtocolError);
        return;
      }
      assert.deepEqual(encodeMessage(message).subarray(8), payload);
    }),
    { numRuns: 3000 },
  );
});

test('a changed byte of a frame never surfaces as anything but a message or a ProtocolError', () => {
  fc.assert(
    fc.property(anyMessage, fc.nat(), fc.nat(255), (message, where, byte) => {
      const frame = encodeMessage(message);
      frame.writeUInt8(byte, where % frame.length);
      try {
        new FrameReader().push(frame);
      } catch (error) {
        assert.ok(error instanceof ProtocolError);
      }
    }),
    { numRuns: 3000 },
  );
});

test('limits are kept when encoding: lengths, counts, NUL, lone surrogates, frame size', () => {
  const refuse = (message: Message, why: RegExp) =>
    assert.throws(
      () => encodeMessage(message),
      (error) => error instanceof ProtocolError && why.test(error.message),
    );
  refuse({ type: 'getPasswdByName', name: 'a'.repeat(33) }, /getPasswdByName.name has 33 bytes, at most 32/);
  refuse({ type: 'getPasswdByName', name: 'a\0b' }, /NUL/);
  refuse({ type: 'prompt', style: 1, text: '\ud800' }, /Unicode/);
  refuse({ type: 'getPasswdByUid', uid: -1 }, /not an unsigned/);
  refuse({ type: 'sessionKey', sessionId: 's', keySerial: 2 ** 31 }, /not a signed/);
  refuse({ type: 'groupList', gids: new Array(8193).fill(1) }, /8193 entries/);
  refuse(
    {
      type: 'session',
      sessionId: 's',
      credential: Buffer.alloc(32_001),
      credentialTimeoutSeconds: 1,
      environment: [],
      message: '',
    },
    /32001 bytes/,
  );
  refuse(
    {
      type: 'session',
      sessionId: 's',
      credential: Buffer.alloc(32_000),
      credentialTimeoutSeconds: 1,
      environment: new Array(9).fill('X'.repeat(4000)),
      message: '',
    },
    /exceeds the frame limit/,
  );
});

test('the reader refuses a wrong protocol and a huge frame before their bodies arrive', () => {
  const header = Buffer.from([0x01, 0x58, 0x01, 0x01, 0, 0, 0, 0]);
  header.writeUInt32LE(FRAME_MAX_BYTES - 7, 4);
  assert.throws(() => new FrameReader().push(header), /exceeds the limit/);
  assert.throws(() => new FrameReader().push(Buffer.from('GET / HTTP/1.1')), /not our protocol/);
});

test('a secret can be wiped where it was received', () => {
  const frame = encodeMessage({ type: 'response', text: Buffer.from('sesame') });
  const [message] = new FrameReader().push(frame);
  assert.ok(message?.type === 'response');
  message.text.fill(0);
  assert.equal(frame.includes('sesame'), false);
});
