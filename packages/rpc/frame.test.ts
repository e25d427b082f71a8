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

/** Memory of its own, as that of a socket's read. */
function chunkOf(bytes: Uint8Array): Buffer {
  const chunk = Buffer.allocUnsafeSlow(bytes.length);
  chunk.set(bytes);
  return chunk;
}

const isFreed = ({ buffer }: Uint8Array) => (buffer as ArrayBuffer).detached;

test('frames come out whole when chunks that were copied are freed', () => {
  const sizes = fc.oneof(fc.integer({ min: 0, max: 3000 }), fc.integer({ min: 0, max: 60_000 }));
  const frame = fc.record({ message: sizes, data: sizes });
  const cuts = fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1 });
  fc.assert(
    fc.property(fc.array(frame, { minLength: 1, maxLength: 8 }), cuts, (kinds, lengths) => {
      const sent = kinds.map(({ message, data }, index) => ({
        header: Buffer.from([index + 1]),
        message: Buffer.from(Uint8Array.from({ length: message }, (_, at) => at * 7 + index)),
        data: Buffer.from(Uint8Array.from({ length: data }, (_, at) => at * 31 + index)),
      }));
      const stream = Buffer.concat(sent.map(bytesOf));
      const reader = new FrameReader(requestLimits, { freesChunks: true });
      const received = [];
      for (let at = 0, index = 0; at < stream.length; index++) {
        const end = at + (lengths[index % lengths.length] ?? 1);
        received.push(...reader.push(chunkOf(stream.subarray(at, end))));
        at = end;
      }
      assert.deepEqual(
        received.map(({ header, message, data }) => [header, message, data].map((part) => Buffer.from(part))),
        sent.map(({ header, message, data }) => [header, message, data]),
      );
    }),
    { numRuns: 150 },
  );
});

test('a chunk is freed when it was copied and is nobody else’s, else not', () => {
  const header = Buffer.from('h');
  const data = Buffer.alloc(100_000, 'abc');
  const large = Buffer.concat([frameStart(header, header, data.length), data]);
  const viewedFrame = frameStart(header, Buffer.alloc(20_000, 'm'), 0);
  const [first, second] = [chunkOf(large.subarray(0, 60_000)), chunkOf(large.subarray(60_000))];
  const reader = new FrameReader(requestLimits, { freesChunks: true });
  assert.deepEqual(reader.push(first), []);
  const [frame] = reader.push(second);
  assert.ok(frame !== undefined && data.equals(frame.data));
  assert.deepEqual([first, second].map(isFreed), [true, true]);

  const viewed = chunkOf(viewedFrame);
  assert.equal(reader.push(viewed).length, 1);
  assert.equal(isFreed(viewed), false, 'a frame looks at it');

  const both = chunkOf(Buffer.concat([large.subarray(60_000), viewedFrame]));
  reader.push(large.subarray(0, 60_000));
  assert.equal(isFreed(large), false, 'a part of larger memory');
  assert.equal(reader.push(both).length, 2);
  assert.equal(isFreed(both), false, 'the second frame looks at it');

  const plain = new FrameReader(requestLimits);
  const kept = chunkOf(large.subarray(0, 60_000));
  plain.push(kept);
  assert.equal(isFreed(kept), false, 'not asked for');
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
