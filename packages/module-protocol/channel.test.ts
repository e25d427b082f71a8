import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { encodeMessage } from './generated/codec.ts';

const frame = encodeMessage({ type: 'working', milliseconds: 1 });

test('a module that stands still while it sends has its whole time to wait afterwards; a peer that is silent has not', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'xos-channel-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const program = join(folder, 'channel-probe');
  const source = join(import.meta.dirname, 'c/channel-probe.c');
  await promisify(execFile)('cc', ['-O1', '-Wall', '-Wextra', '-Werror', '-o', program, source]);
  const path = join(folder, 'socket');
  let answerMs = 0;
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => void sleep(answerMs).then(() => socket.end(frame)));
  }).listen(path);
  context.after(() => server.close());
  await once(server, 'listening');
  const ask = async (stillMs: number, deadlineMs: number, afterMs: number) => {
    answerMs = afterMs;
    const [status] = await once(spawn(program, [path, `${stillMs}`, `${deadlineMs}`]), 'close');
    return status;
  };
  assert.equal(await ask(0, 5000, 0), 0);
  assert.equal(await ask(1500, 1000, 1700), 0);
  assert.equal(await ask(0, 300, 5000), constants.errno.ETIMEDOUT);
});
