import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createMetrics, createServiceSockets } from '@xtreemos/base';
import type { StatusRecord } from './status-html.ts';
import { serveStatusPages } from './status-page.ts';

interface Answer {
  readonly code: number | undefined;
  readonly type: string | undefined;
  readonly body: string;
}

async function served(context: TestContext, status: StatusRecord) {
  const folder = mkdtempSync(join(tmpdir(), 'xos-status-'));
  const socketPath = join(folder, 'status.sock');
  const metrics = createMetrics();
  metrics.gauge({ name: 'xos_test_answer', help: 'x', collect: () => 42 });
  const pages = await serveStatusPages({
    settings: { Socket: socketPath, Listen: [] },
    title: 'OSD of <node1>',
    status: () => status,
    metrics,
    sockets: createServiceSockets([]),
  });
  context.after(() => {
    pages.close();
    rmSync(folder, { recursive: true });
  });
  const get = (path: string, options: { readonly method?: string; readonly host?: string } = {}) =>
    new Promise<Answer>((resolve, reject) => {
      const { method = 'GET', host = 'localhost' } = options;
      request({ socketPath, path, method, headers: { host } }, (response) => {
        let body = '';
        response
          .setEncoding('utf8')
          .on('data', (text: string) => {
            body += text;
          })
          .on('end', () =>
            resolve({ code: response.statusCode, type: response.headers['content-type'], body }),
          );
      })
        .on('error', reject)
        .end();
    });
  return { get, socketPath };
}

test('a server shows itself to people, programs and monitoring', async (context) => {
  const status = {
    uuid: 'osd-1',
    freeBytes: 1 << 30,
    store: { openFiles: 3 },
    mrcs: [{ uuid: 'mrc-1', host: 'n2.example<script>' }],
    nobody: [],
  };
  const { get, socketPath } = await served(context, status);
  assert.equal(statSync(socketPath).mode & 0o777, 0o660);
  assert.deepEqual(JSON.parse((await get('/status.json')).body), status);
  const page = await get('/');
  assert.equal(page.type, 'text/html; charset=utf-8');
  assert.match(page.body, /<h1>OSD of &lt;node1&gt;<\/h1>/);
  assert.match(page.body, /<th>free bytes<\/th><td>1 GiB<\/td>/);
  assert.match(page.body, /<td>n2\.example&lt;script&gt;<\/td>/);
  assert.doesNotMatch(page.body, /<script/);
  assert.match((await get('/metrics')).body, /xos_test_answer 42/);
});

test('it changes nothing, and no page of the web can look at it', async (context) => {
  const { get } = await served(context, {});
  assert.equal((await get('/nothing')).code, 404);
  assert.equal((await get('/', { method: 'POST' })).code, 405);
  assert.equal((await get('/', { host: 'evil.example:8080' })).code, 421);
  assert.equal((await get('/', { host: '127.0.0.1:8080' })).code, 200);
  assert.equal((await get('/', { method: 'HEAD' })).body, '');
});

test('it is not served to other hosts', async () => {
  for (const address of ['', '0.0.0.0', '192.0.2.1', 'node1.example'])
    await assert.rejects(
      serveStatusPages({
        settings: { Socket: undefined, Listen: [{ address, port: 0 }] },
        title: 'x',
        status: () => ({}),
        metrics: createMetrics(),
        sockets: createServiceSockets([]),
      }),
      { code: 'XOS_CONFIGURATION_BAD' },
    );
});
