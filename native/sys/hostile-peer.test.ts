import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { openBeneath, receiveMessage, request, sendWithDescriptor, socketDescriptor } from './index.ts';

let directory: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'xos-hostile-'));
});
after(() => rmSync(directory, { recursive: true, force: true }));

test('whatever a server sends, a request ends as the framing says, and keeps nothing open', async () => {
  const path = join(directory, 'server');
  const zero = openSync('/dev/zero', 'r');
  let pieces: readonly { readonly bytes: Uint8Array; readonly descriptor: boolean }[] = [];
  const server = createServer({ pauseOnConnect: true }, (socket: Socket) => {
    socket.on('error', () => undefined);
    void receiveMessage(socketDescriptor(socket)).then(() => {
      try {
        for (const { bytes, descriptor } of pieces)
          sendWithDescriptor(socketDescriptor(socket), bytes, descriptor ? zero : undefined);
      } catch (error) {
        // The client may have seen enough.
        assert.equal((error as NodeJS.ErrnoException).code, 'EPIPE');
      }
      socket.destroy();
    });
  });
  server.listen(path);
  await once(server, 'listening');
  const open = readdirSync('/proc/self/fd').length;
  const maxReplyBytes = 200;
  const maxDescriptors = 3;
  const arbitraryPieces = fc.tuple(
    fc.oneof(fc.integer({ min: 0, max: 250 }), fc.constantFrom(0xffffffff, 0x80000000, 201, 200)),
    fc.uint8Array({ maxLength: 250 }),
    fc.array(fc.tuple(fc.integer({ min: 1, max: 60 }), fc.boolean()), { maxLength: 8 }),
    fc.boolean(),
  );
  await fc.assert(
    fc.asyncProperty(arbitraryPieces, async ([claimed, rest, cuts, honest]) => {
      const body = honest ? rest.subarray(0, Math.min(rest.length, maxReplyBytes)) : rest;
      const said = honest ? body.length : claimed;
      const header = Buffer.alloc(4);
      header.writeUInt32LE(said);
      let left = Buffer.concat([header, body]);
      const made: { bytes: Uint8Array; descriptor: boolean }[] = [];
      for (const [length, descriptor] of cuts) {
        if (left.length === 0) break;
        made.push({ bytes: left.subarray(0, length), descriptor });
        left = left.subarray(length);
      }
      if (left.length > 0) made.push({ bytes: left, descriptor: false });
      pieces = made;
      const passed = made.filter(({ descriptor }) => descriptor).length;
      const outcome = await request(path, Buffer.from('?'), {
        maxReplyBytes,
        maxDescriptors,
        timeoutMs: 2_000,
      }).catch((error: NodeJS.ErrnoException) => error);
      if (outcome instanceof Error) {
        assert.match(outcome.code ?? '', /^(EMSGSIZE|EPROTO|ECONNRESET|EPIPE)$/, outcome.message);
        assert.ok(said !== body.length || said > maxReplyBytes || passed > maxDescriptors, outcome.message);
      } else {
        for (const descriptor of outcome.descriptors) closeSync(descriptor);
        assert.ok(said <= maxReplyBytes);
        assert.deepEqual(new Uint8Array(outcome.bytes), new Uint8Array(body.subarray(0, said)));
        assert.ok(outcome.descriptors.length <= maxDescriptors);
      }
    }),
    { numRuns: 300 },
  );
  server.close();
  await once(server, 'close');
  assert.equal(readdirSync('/proc/self/fd').length, open - 1);
  closeSync(zero);
});

test('whatever path is asked for, nothing outside the directory opens', () => {
  const inside = join(directory, 'inside');
  mkdirSync(join(inside, 'a', 'b'), { recursive: true });
  writeFileSync(join(inside, 'file'), '');
  writeFileSync(join(directory, 'outside'), 'untouched');
  symlinkSync('../outside', join(inside, 'link'));
  symlinkSync('/', join(inside, 'a', 'root'));
  symlinkSync('b', join(inside, 'a', 'same'));
  const component = fc.constantFrom(
    'a',
    'b',
    '.',
    '..',
    'file',
    'link',
    'root',
    'same',
    'etc',
    'passwd',
    'outside',
    'new',
    '',
  );
  const path = fc.array(component, { maxLength: 8 }).map((components) => components.join('/'));
  const flags = fc.oneof(
    fc.constantFrom(
      0,
      constants.O_CREAT | constants.O_RDWR,
      constants.O_DIRECTORY,
      constants.O_TRUNC | constants.O_WRONLY,
    ),
    fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  );
  const open = readdirSync('/proc/self/fd').length;
  fc.assert(
    fc.property(path, flags, (asked, bits) => {
      let descriptor: number;
      try {
        descriptor = openBeneath(inside, asked, { flags: bits });
      } catch (error) {
        assert.match((error as NodeJS.ErrnoException).code ?? '', /^E[A-Z0-9]+$/);
        return;
      }
      const opened = readlinkSync(`/proc/self/fd/${descriptor}`);
      closeSync(descriptor);
      assert.ok(opened === inside || opened.startsWith(`${inside}/`), `${asked} opened ${opened}`);
    }),
    { numRuns: 2_000 },
  );
  assert.equal(readdirSync('/proc/self/fd').length, open);
});
