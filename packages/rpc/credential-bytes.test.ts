import assert from 'node:assert/strict';
import test from 'node:test';
import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { decodeRequest } from './credential-bytes.ts';
import { FileCredentialsSchema } from './generated/common_pb.js';
import { successHeader, successIdOf } from './header.ts';
import { objectCalls } from './object-calls.ts';

const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const u64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const text = fc.string({ unit: 'binary', maxLength: 300 });
const credentials = fc.record({
  xcap: fc.record({
    accessMode: u32,
    clientIdentity: text,
    expireTimeS: u64,
    expireTimeoutS: u32,
    fileId: text,
    replicateOnClose: fc.boolean(),
    serverSignature: text,
    truncateEpoch: u32,
    snapConfig: fc.constant(0),
    snapTimestamp: u64,
  }),
  xlocs: fc.record({
    readOnlyFileSize: u64,
    replicas: fc.array(
      fc.record({
        osdUuids: fc.array(text, { maxLength: 4 }),
        replicationFlags: u32,
        stripingPolicy: fc.record({ type: fc.constant(0), stripeSize: u32, width: u32 }),
      }),
      { maxLength: 3 },
    ),
    replicaUpdatePolicy: text,
    version: u32,
  }),
});
const place = {
  fileCredentials: credentials,
  fileId: text,
  objectNumber: u64,
  objectVersion: u64,
  offset: u32,
};
const objectData = fc.record(
  { checksum: u32, invalidChecksumOnOsd: fc.boolean(), zeroPadding: u32, crc32c: u32 },
  { requiredKeys: ['checksum', 'invalidChecksumOnOsd', 'zeroPadding'] },
);
const { read, write, sync, lockCheck } = objectCalls;

function plainly<Request extends DescMessage>(schema: Request, request: MessageInitShape<Request>): Buffer {
  return Buffer.from(toBinary(schema, create(schema, request)));
}

function agrees<Request extends DescMessage>(
  call: { readonly request: Request; readonly encode?: (request: MessageInitShape<Request>) => Uint8Array },
  request: fc.Arbitrary<MessageInitShape<Request>>,
): void {
  fc.assert(
    fc.property(request, (one) => {
      const expected = plainly(call.request, one);
      for (let round = 0; round < 2; round++) {
        if (call.encode !== undefined) assert.deepEqual(Buffer.from(call.encode(one)), expected);
        assert.deepEqual(decodeRequest(call.request, expected), fromBinary(call.request, expected));
      }
    }),
    { numRuns: 200 },
  );
}

test('reads, writes and syncs are encoded as protobuf encodes them, and decoded again', () => {
  agrees(read, fc.record({ ...place, length: u32 }));
  agrees(
    write,
    fc.record(
      { ...place, leaseTimeout: u64, objectData, durable: fc.boolean() },
      {
        requiredKeys: [
          'fileCredentials',
          'fileId',
          'objectNumber',
          'objectVersion',
          'offset',
          'leaseTimeout',
          'objectData',
        ],
      },
    ) as fc.Arbitrary<MessageInitShape<typeof write.request>>,
  );
  agrees(sync, fc.record({ fileCredentials: credentials, fileId: text.filter((id) => id !== '') }));
});

test('whatever bytes a stranger sends mean what they mean to protobuf', () => {
  const outcome = (work: () => unknown) => {
    try {
      return { message: work() };
    } catch (error) {
      return { error: (error as Error).name };
    }
  };
  const field = fc.tuple(credentials, fc.boolean()).map(([one, isWhole]) => {
    const bytes = plainly(FileCredentialsSchema, one);
    assert.ok(bytes.length < 2 ** 14);
    const length = bytes.length < 128 ? [bytes.length] : [(bytes.length & 0x7f) | 0x80, bytes.length >> 7];
    const whole = Buffer.concat([Buffer.from([0x0a, ...length]), bytes]);
    return isWhole ? whole : whole.subarray(0, Math.floor(whole.length / 2));
  });
  const pieces = fc.array(fc.oneof(field, fc.uint8Array({ maxLength: 30 }).map(Buffer.from)), {
    maxLength: 4,
  });
  fc.assert(
    fc.property(
      pieces,
      fc.constantFrom<DescMessage>(read.request, write.request, lockCheck.request),
      (parts, schema) => {
        const bytes = Buffer.concat(parts);
        assert.deepEqual(
          outcome(() => decodeRequest(schema, bytes)),
          outcome(() => fromBinary(schema, bytes)),
        );
      },
    ),
    { numRuns: 1000 },
  );
});

test('credentials of the same bytes are one message, which nobody can change', () => {
  const [request] = fc.sample(fc.record({ fileCredentials: credentials, fileId: text }), 1);
  assert.ok(request);
  const bytes = plainly(sync.request, request);
  const { fileCredentials } = decodeRequest(sync.request, bytes);
  assert.equal(decodeRequest(sync.request, Buffer.from(bytes)).fileCredentials, fileCredentials);
  assert.throws(() => Object.assign(fileCredentials?.xcap ?? {}, { accessMode: 1 }), TypeError);
});

test('the number of an answer is that of its header', () => {
  fc.assert(fc.property(u32, (id) => assert.equal(successIdOf(Buffer.from(successHeader(id))), id)));
  assert.equal(successIdOf(Buffer.from(successHeader(1)).subarray(1)), undefined);
});
