import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { listenDescriptors } from './index.ts';

test('variables meant for another process are left alone', () => {
  const environment = { LISTEN_PID: '1', LISTEN_FDS: '2' };
  assert.deepEqual(listenDescriptors(environment, 99), []);
  assert.deepEqual(environment, { LISTEN_PID: '1', LISTEN_FDS: '2' });
  assert.deepEqual(listenDescriptors({}, 99), []);
  assert.deepEqual(listenDescriptors({ LISTEN_PID: '099', LISTEN_FDS: '1' }, 99), []);
});

test('variables that make no sense are refused, and taken away all the same', () => {
  for (const count of ['-1', '1.5', 'x', '', '99999', '1e3'])
    assert.throws(() => listenDescriptors({ LISTEN_PID: '99', LISTEN_FDS: count }, 99), /LISTEN_FDS/);
  const environment = { LISTEN_PID: '99', LISTEN_FDS: '2', LISTEN_FDNAMES: 'a' };
  assert.throws(() => listenDescriptors(environment, 99), /1 names for 2 descriptors/);
  assert.deepEqual(environment, {});
  assert.deepEqual(listenDescriptors({ LISTEN_PID: '99', LISTEN_FDS: '0' }, 99), []);
  // This many are not open.
  assert.throws(() => listenDescriptors({ LISTEN_PID: '99', LISTEN_FDS: '1000' }, 99), { code: 'EBADF' });
});

test('a passed socket is listened on, under its name', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'xos-activation-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'made');
  const listening = join(directory, 'socket');
  const server = createServer();
  server.listen(path);
  await once(server, 'listening');
  const descriptor = (server as unknown as { _handle: { fd: number } })._handle.fd;
  const program = `
    import { createServer } from 'node:net';
    const { listenDescriptors } = await import(process.argv[1]);
    process.env.LISTEN_PID = String(process.pid);
    const [passed] = listenDescriptors();
    const server = createServer((socket) => { socket.end(passed.name + ' ' + (process.env.LISTEN_FDS ?? 'none')); server.close(); });
    server.listen({ fd: passed.descriptor }, () => process.stdout.write('ready'));`;
  const child = spawn(
    process.execPath,
    ['--input-type=module', '-e', program, new URL('./index.ts', import.meta.url).href],
    {
      stdio: ['ignore', 'pipe', 'inherit', descriptor],
      env: { ...process.env, LISTEN_FDS: '1', LISTEN_FDNAMES: 'admin' },
    },
  );
  t.after(() => child.kill('SIGKILL'));
  const exited = once(child, 'exit');
  assert.ok(child.stdout);
  await once(child.stdout, 'data');
  // From here on only the child accepts. Closing removes the name, unless it is another one by then.
  renameSync(path, listening);
  server.close();
  assert.equal(await text(connect(listening)), 'admin none');
  assert.deepEqual(await exited, [0, null]);
});
