import assert from 'node:assert/strict';
import { fstatSync, openSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { test } from 'node:test';
import { isXosError, XosError } from '@xtreemos/base';
import { seals } from '@xtreemos/native-sys';
import { createHelperClient, type HelperTransport } from './helper-client.ts';
import { decodeMessage, encodeMessage, maximumMessageBytes } from './helper-message.ts';

const uid = 2_030_043_212;

/** A helper that answers each request by what `answer` makes of it. */
function clientOf(
  answer: (request: Readonly<Record<string, unknown>>, descriptors: readonly number[]) => unknown,
) {
  const transport: HelperTransport = async ({ message, descriptors }) => ({
    message: encodeMessage(answer(decodeMessage(message), descriptors)),
    descriptors: [],
  });
  return createHelperClient({ transport });
}

function descriptorCount(): Promise<number> {
  return readdir('/proc/self/fd').then((names) => names.length);
}

test('content travels as a sealed memfd, closed afterwards', async () => {
  const before = await descriptorCount();
  const client = clientOf((request, [descriptor = -1]) => {
    assert.deepEqual(request, { type: 'write-session', uid, gid: uid, sessionId: 's1' });
    assert.equal(seals(descriptor).size, 4);
    assert.equal(readFileSync(`/proc/self/fd/${descriptor}`, 'utf8'), 'PEM');
    return { reply: { directory: '/d', proxyPath: '/d/proxy.pem' } };
  });
  const reply = await client.writeSession({ uid, gid: uid, sessionId: 's1' }, Buffer.from('PEM'));
  assert.equal(reply.proxyPath, '/d/proxy.pem');
  const failing = clientOf(() => {
    throw new Error('connection lost');
  });
  await assert.rejects(failing.publishMap(Buffer.from('map')), /connection lost/);
  assert.equal(await descriptorCount(), before);
});

test("an error of the helper's is thrown with its code and details", async () => {
  const refusal = new XosError('XOS_CREDENTIAL_AMBIGUOUS', {
    who: 'alice',
    choices: ['/a/alice.p12', '/b/alice.p12'],
  });
  await assert.rejects(clientOf(() => refusal.toBody()).openCredentialFile('alice'), (error) => {
    assert.ok(isXosError(error, 'XOS_CREDENTIAL_AMBIGUOUS'));
    assert.deepEqual(error.details, refusal.details);
    return true;
  });
});

test('an answer that is neither reply nor error, or lacks its descriptor, is a protocol error', async () => {
  for (const answer of [{}, { reply: null }, { reply: 1 }, []]) {
    await assert.rejects(clientOf(() => answer).listCredentialFiles(), (error) => isXosError(error));
  }
  const withoutDescriptor = clientOf(() => ({ reply: { path: '/a', sizeBytes: 1 } }));
  await assert.rejects(withoutDescriptor.openCredentialFile('a'), (error) =>
    isXosError(error, 'XOS_PROTOCOL'),
  );
});

test('descriptors that nobody asked for are closed', async () => {
  let sent = -1;
  const client = createHelperClient({
    transport: async () => {
      sent = openSync('/dev/null', 'r');
      return { message: encodeMessage({ reply: { removed: true } }), descriptors: [sent] };
    },
  });
  await client.removeSession({ uid, sessionId: 's1' });
  assert.throws(() => fstatSync(sent), { code: 'EBADF' });
  await assert.rejects(
    createHelperClient({
      transport: async () => {
        sent = openSync('/dev/null', 'r');
        return { message: Buffer.from('garbage'), descriptors: [sent] };
      },
    }).openCredentialFile('a'),
    (error) => isXosError(error, 'XOS_INPUT_BAD'),
  );
  assert.throws(() => fstatSync(sent), { code: 'EBADF' });
});

test('no helper is XOS_UNREACHABLE, a request that is too large never leaves', async () => {
  const client = createHelperClient({ socketPath: '/nonexistent/helper.sock' });
  await assert.rejects(client.endAccount(uid), (error) => isXosError(error, 'XOS_UNREACHABLE'));
  const pem = 'x'.repeat(maximumMessageBytes);
  await assert.rejects(client.installHostCertificate({ vo: 'a', role: 'osd', pem }), (error) =>
    isXosError(error, 'XOS_INPUT_TOO_LARGE'),
  );
});

test('messages are JSON objects in UTF-8 and nothing else', () => {
  assert.deepEqual(decodeMessage(encodeMessage({ a: 'ä' })), { a: 'ä' });
  const bad = ['', 'x', '1', '[]', 'null', '{"a":1}x'].map((text) => Buffer.from(text));
  for (const bytes of [
    ...bad,
    Buffer.from([0x7b, 0xc3, 0x7d]),
    Buffer.alloc(maximumMessageBytes + 1, 0x20),
  ]) {
    assert.throws(
      () => decodeMessage(bytes),
      (error) => isXosError(error, 'XOS_INPUT_BAD'),
    );
  }
});
