import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FakeKernel, frame } from './fixtures/fake-kernel.ts';
import { createMemoryFileSystem } from './fixtures/memory-file-system.ts';
import { opcode } from './protocol.ts';

const unanswered: readonly number[] = [
  opcode.forget,
  opcode.batchForget,
  opcode.interrupt,
  opcode.notifyReply,
  opcode.init,
];
const word = fc.oneof(
  fc.constantFrom(0, 1, 2, 3, 40, 255, 256, 4096, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff),
  fc.nat(0xffff_ffff),
);
const body = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc
    .tuple(fc.array(word, { maxLength: 24 }), fc.uint8Array({ maxLength: 300 }))
    .map(([numbers, rest]) => Buffer.concat([Buffer.from(Uint32Array.from(numbers).buffer), rest])),
);
const request = fc.record({
  code: fc.oneof(fc.integer({ min: 0, max: 60 }), word),
  node: fc.oneof(fc.integer({ min: 0, max: 8 }), fc.constantFrom(2 ** 53 - 1, 2 ** 60)),
  body,
  /** Bytes of the header that are something else. */
  damage: fc.option(fc.record({ at: fc.integer({ min: 36, max: 39 }), value: fc.nat(255) }), { freq: 4 }),
});

test('whatever is asked, each request gets one answer and nothing breaks', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(request, { maxLength: 40 }), async (requests) => {
      const reports: unknown[] = [];
      const kernel = new FakeKernel({
        operations: createMemoryFileSystem(),
        onError: (error) => reports.push(error),
      });
      await kernel.initialize();
      const initial = kernel.replies.length;
      const sent: number[] = [];
      requests.forEach(({ code, node, body: bytes, damage }, index) => {
        const unique = 1000 + index * 2;
        const message = frame(code, unique, node, Buffer.from(bytes));
        if (damage !== null) message[damage.at] = damage.value;
        kernel.raw(message);
        // An extension longer than the request: there is no body to speak of.
        const extension = message.readUInt16LE(36) * 8;
        if (extension <= bytes.length && !unanswered.includes(code)) sent.push(unique);
      });
      await new Promise(setImmediate);
      kernel.end(-19);
      await kernel.loop.ended;
      const answers = kernel.replies.slice(initial).filter(({ unique }) => sent.includes(unique));
      // A lock that waits is given up by the end of the mount and has nobody to answer.
      const waiting = requests.filter(({ code }) => code === opcode.setlkw).length;
      assert.ok(answers.length <= sent.length && answers.length >= sent.length - waiting);
      assert.equal(new Set(answers.map(({ unique }) => unique)).size, answers.length);
      assert.deepEqual(reports, []);
    }),
    { numRuns: 500 },
  );
});

test('bytes without any form are dropped or refused', async () => {
  const kernel = new FakeKernel({ operations: createMemoryFileSystem() });
  await kernel.initialize();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, framed) => {
      const message = Buffer.from(bytes);
      if (framed && message.length >= 4) message.writeUInt32LE(message.length, 0);
      kernel.raw(message);
    }),
    { numRuns: 2000 },
  );
  assert.equal(kernel.closed, false);
});
