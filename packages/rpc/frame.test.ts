import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { FrameReader, frameStart, requestLimits } from './frame.ts';
import { RpcError } from './rpc-error.ts';

const small = { headerBytes: 100, messageBytes: 100, dataBytes: 100 };

function bytesOf(frame: { header: Uint8Array; message: Uint8Array; data: Uint8Array }): Buffer {
  return Buffer.concat([frameStart(frame.header, frame.message, frame.data.length), frame.data]);
}

const part = (minLength: number) => fc.uint8Array({ minLength, maxLength: 100 });
const frames = fc.array(fc.record({ header: part(1), message: part(0), data: part(0) }), { maxLength: 8 });

test('the marker is three lengths in 32 bits, big-endian', () => {
  const start = frameStart(Buffer.from('hd'), Buffer.from('msg'), 0x01020304);
  assert.equal(start.toString('hex'), `0000000200000003010203046864${Buffer.from('msg').toString('hex')}`);
});

test('frames come out as they went in, however the stream is cut', () => {
  fc.assert(
    fc.property(frames, fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1 }), (sent, cuts) => {
      const stream = Buffer.concat(sent.map(bytesOf));
      const reader = new FrameReader(small);
      const received = [];
      for (let at = 0, index = 0; at < stream.length; index++) {
        const end = at + (cuts[index % cuts.length] ?? 1);
        received.push(...reader.push(stream.subarray(at, end)));
        at = end;
      }
      const plain = (frame: { header: Uint8Array; message: Uint8Array; data: Uint8Array }) =>
        [frame.header, frame.message, frame.data].map((bytes) => Buffer.from(bytes).toString('hex'));
      assert.deepEqual(received.map(plain), sent.map(plain));
      assert.equal(reader.isInside, false);
    }),
    { numRuns: 300 },
  );
});

test('frames come out whole when chunks are used again and large data are received where they stay', () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 60_000 }), { minLength: 1, maxLength: 6 });
  const cuts = fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 1 });
  fc.assert(
    fc.property(sizes, cuts, fc.integer(), (dataSizes, lengths, seed) => {
      const sent = dataSizes.map((size, index) => ({
        header: Buffer.from([index + 1]),
        message: Buffer.alloc(index, 'm'),
        data: Buffer.from(Uint8Array.from({ length: size }, (_, at) => at * 31 + seed + index)),
      }));
      const stream = Buffer.concat(sent.map(bytesOf));
      const memory: Buffer[] = [];
      const takeMemory = (bytes: number) => memory[memory.push(Buffer.alloc(bytes)) - 1] ?? Buffer.alloc(0);
      const reader = new FrameReader(requestLimits, { reusesChunks: true, takeMemory });
      const shared = Buffer.alloc(40_000);
      const received = [];
      for (let at = 0, index = 0; at < stream.length; index++) {
        const { room } = reader;
        const target = room ?? shared;
        const part = stream.subarray(at, at + Math.min(lengths[index % lengths.length] ?? 1, target.length));
        target.set(part);
        if (room === undefined) received.push(...reader.push(shared.subarray(0, part.length)));
        else received.push(...[reader.received(part.length)].filter((frame) => frame !== undefined));
        shared.fill(0xee);
        at += part.length;
      }
      const plain = (frame: { header: Uint8Array; message: Uint8Array; data: Uint8Array }) =>
        [frame.header, frame.message, frame.data].map((bytes) => Buffer.from(bytes).toString('hex'));
      assert.deepEqual(received.map(plain), sent.map(plain));
      const large = received.map(({ data }) => data).filter(({ length }) => length >= 16 * 1024);
      assert.deepEqual(large, memory, 'large data are memory that was asked for, and all of it');
    }),
    { numRuns: 100 },
  );
});

test('a large data section that is announced takes little memory before it comes', () => {
  const taken: number[] = [];
  const takeMemory = (bytes: number) => {
    taken.push(bytes);
    return Buffer.alloc(bytes);
  };
  const reader = new FrameReader(requestLimits, { takeMemory });
  const data = Buffer.alloc(requestLimits.dataBytes, 'abc');
  reader.push(frameStart(Buffer.from('h'), Buffer.from('m'), data.length));
  assert.ok((taken[0] ?? 0) <= 2 * 2 ** 20);
  const [frame] = reader.push(data);
  assert.ok(frame !== undefined && data.equals(frame.data));
});

test('whatever the bytes, the reader gives frames within the limits or refuses, and holds no more than it was sent', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 }), (chunks) => {
      const reader = new FrameReader(small);
      try {
        for (const chunk of chunks) {
          for (const { header, message, data } of reader.push(chunk)) {
            assert.ok(header.length > 0 && header.length <= 100);
            assert.ok(message.length <= 100 && data.length <= 100);
          }
        }
      } catch (error) {
        assert.ok(error instanceof RpcError && error.kind === 'frame', String(error));
      }
    }),
    { numRuns: 1000 },
  );
});

test('lengths beyond the limits are refused as soon as they are read, 4 GiB as well', () => {
  for (const [at, part_] of [
    [0, 'header'],
    [4, 'message'],
    [8, 'data'],
  ] as const) {
    const marker = Buffer.from('000000010000000000000000', 'hex');
    marker.writeUInt32BE(0xffffffff, at);
    const refusal = new RegExp(`a ${part_} of 4294967295 bytes is announced`);
    assert.throws(() => new FrameReader(requestLimits).push(marker), refusal);
    const reader = new FrameReader(requestLimits);
    assert.deepEqual(reader.push(marker.subarray(0, 11)), []);
    assert.throws(() => reader.push(marker.subarray(11)), refusal);
  }
});

test('a frame without a header is refused', () => {
  assert.throws(() => new FrameReader(small).push(Buffer.alloc(12)), /without a header/);
});
