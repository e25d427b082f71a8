/** Who waits on a mount that does not answer: signals, limits, the death of the server, changes behind the kernel's back. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { ServerState } from './fixtures/memory-server.ts';
import {
  type MountedServer,
  type PrivateNamespace,
  privateNamespace,
  serveMemory,
} from './fixtures/private-mount.ts';
import { buildSystemCalls, type SystemCalls } from './fixtures/system-calls.ts';

let calls: SystemCalls;
before(async () => {
  calls = await buildSystemCalls();
});
after(() => calls.remove());

type Options = Parameters<typeof serveMemory>[1];
type Body = (server: MountedServer, at: (name: string) => string, space: PrivateNamespace) => Promise<void>;

async function mounted(options: Options, body: Body): Promise<void> {
  const space = await privateNamespace();
  try {
    const server = await serveMemory(space, options);
    try {
      await body(server, (name) => path.join(space.outside, name), space);
    } finally {
      if (server.process.exitCode === null && server.process.signalCode === null) {
        server.process.kill('SIGKILL');
        await once(server.process, 'exit');
      }
    }
  } finally {
    await space.end();
  }
}

async function until(server: MountedServer, holds: (state: ServerState) => boolean): Promise<ServerState> {
  for (let round = 0; round < 200; round++) {
    const state = await server.state();
    if (holds(state)) return state;
    await delay(20);
  }
  assert.fail(`not within 4 s: ${JSON.stringify(await server.state())}`);
}

/** Fails unless the process ends soon: it must not be left unkillable. */
async function ends(child: ChildProcess): Promise<unknown> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode ?? child.signalCode;
  const [code, signal] = await once(child, 'exit', { signal: AbortSignal.timeout(5000) });
  return code ?? signal;
}

const quiet = { stdio: 'ignore' } as const;

test('signals whose handlers go on interrupt no system call', { timeout: 60_000 }, async () => {
  await mounted({}, async (server, at) => {
    for (const name of ['hang-read', 'hang-open']) await server.command({ do: 'make', name, text: 'x' });
    for (const [call, name] of [
      ['read', 'hang-read'],
      ['open', 'hang-open'],
      ['create', 'hang-create'],
    ] as const) {
      const running = calls.start('interrupted', call, at(name));
      await running.line();
      await until(server, ({ stalled }) => stalled === 1);
      await delay(250);
      await server.command({ do: 'let-go' });
      assert.equal(await running.line(), '1 ', call);
      await ends(running.process);
    }
    assert.equal((await server.state()).interrupted, 0);
  });
});

test('SIGKILL and SIGTERM free whoever waits', { timeout: 60_000 }, async () => {
  await mounted({}, async (server, at) => {
    for (const name of ['hang-read-SIGKILL', 'hang-read-SIGTERM', 'hang-open', 'hang-write'])
      await server.command({ do: 'make', name, text: 'x' });
    const waiting = (signal: string): readonly (readonly [string, ...string[]])[] => [
      ['cat', at(`hang-read-${signal}`)],
      ['cat', at('hang-open')],
      ['stat', at('hang-lookup')],
      ['mkdir', at('hang-mkdir')],
      ['dd', 'if=/dev/zero', `of=${at('hang-write')}`, 'count=1', 'conv=notrunc'],
    ];
    for (const signal of ['SIGKILL', 'SIGTERM'] as const)
      for (const [program, ...words] of waiting(signal)) {
        const child = spawn(program, words, quiet);
        await until(server, ({ stalled }) => stalled === 1);
        child.kill(signal);
        assert.equal(await ends(child), signal, `${program} ${words.join(' ')}`);
        // The kernel reads ahead for nobody in particular, and waits on.
        if (words[0]?.includes('hang-read') === true) await server.command({ do: 'let-go' });
        await until(server, ({ pending }) => pending === 0);
      }
    assert.deepEqual((await server.state()).errors, []);
  });
});

test('what was made for a caller who is gone is not held', { timeout: 60_000 }, async () => {
  await mounted({ timeoutNs: 0 }, async (server, at) => {
    await server.command({ do: 'make', name: 'hang-open', text: 'x' });
    const child = spawn('cat', [at('hang-open')], quiet);
    await until(server, ({ stalled }) => stalled === 1);
    child.kill('SIGKILL');
    await ends(child);
    const { openings } = await until(server, ({ pending }) => pending === 0);
    assert.equal(openings, 0);
  });
});

test('a lookup that hangs is answered in time, and its directory stays usable', {
  timeout: 60_000,
}, async () => {
  await mounted({ lookupTimeoutMs: 300, timeoutNs: 0 }, async (server, at) => {
    await server.command({ do: 'make', name: 'hang-lookup-deaf', text: 'x' });
    await assert.rejects(fs.stat(at('hang-lookup-deaf')), { code: 'ETIMEDOUT' });
    await fs.writeFile(at('other'), 'made');
    await server.command({ do: 'let-go' });
    await until(server, ({ pending }) => pending === 0);
    await fs.unlink(at('other'));
    assert.deepEqual((await server.state()).errors, []);
  });
});

test('what a killed process still has to say at its end is heard', { timeout: 60_000 }, async () => {
  await mounted({}, async (server, at) => {
    await server.command({ do: 'make', name: 'hang-flush', text: 'x' });
    const holder = calls.start('lock', at('hang-flush'), '0', '0');
    assert.equal(await holder.line(), 'locked');
    holder.process.kill('SIGKILL');
    await until(server, ({ stalled }) => stalled === 1);
    await delay(500);
    assert.equal((await server.state()).interrupted, 0);
    await server.command({ do: 'let-go' });
    assert.equal(await ends(holder.process), 'SIGKILL');
    assert.equal((await server.state()).interrupted, 0);
  });
});

test('a wait for a lock ends with a signal, and is begun anew where its handler asks for that', {
  timeout: 60_000,
}, async () => {
  await mounted({}, async (server, at) => {
    await server.command({ do: 'make', name: 'locked', text: 'x' });
    const holder = calls.start('lock', at('locked'), '0', '0');
    await holder.line();
    const waiter = calls.start('lock', at('locked'), '0', '0');
    await until(server, ({ pending }) => pending === 1);
    waiter.process.kill('SIGTERM');
    assert.equal(await ends(waiter.process), 'SIGTERM');
    holder.process.stdin.end();
    await ends(holder.process);
    assert.equal(await calls.run('try-lock', at('locked'), '0', '0'), 'free');
  });
});

test('kill -9 of the server frees everybody, also while a notification waits for a page', {
  timeout: 60_000,
}, async () => {
  await mounted({}, async (server, at, space) => {
    assert.equal(server.started.guarded, true);
    for (const name of ['hang-read', 'hang-open'])
      await server.command({ do: 'make', name, text: 'x'.repeat(10_000) });
    const waiting = [
      spawn('cat', [at('hang-read')], quiet),
      spawn('cat', [at('hang-open')], quiet),
      spawn('stat', [at('hang-lookup-deaf')], quiet),
    ];
    await until(server, ({ stalled }) => stalled === 3);
    // Behind the lookup, in the kernel.
    waiting.push(spawn('mkdir', [at('made')], quiet));
    // Waits in the kernel for the page that `cat` reads.
    await server.command({ do: 'invalidate-node', name: 'hang-read', later: true });
    await delay(200);
    server.process.kill('SIGKILL');
    assert.equal(await ends(server.process), 'SIGKILL');
    for (const child of waiting) assert.notEqual(await ends(child), 0, child.spawnargs.join(' '));
    await assert.rejects(fs.stat(path.join(space.outside, 'x')), { code: /ENOTCONN|ECONNABORTED/ });
  });
});

test('unmounting: refused while in use, forced it frees who waits', { timeout: 60_000 }, async () => {
  await mounted({}, async (server, at) => {
    await server.command({ do: 'make', name: 'hang-read', text: 'x' });
    const child = spawn('cat', [at('hang-read')], quiet);
    await until(server, ({ stalled }) => stalled === 1);
    await assert.rejects(server.command({ do: 'unmount' }), /EBUSY/);
    assert.equal(await server.command({ do: 'force' }), null);
    assert.notEqual(await ends(child), 0);
    const { destroyed, errors } = await server.ended();
    assert.deepEqual({ destroyed, errors }, { destroyed: 1, errors: [] });
    assert.equal(await ends(server.process), 0);
  });
});

test('changes behind the kernel are seen when it is told of them', { timeout: 60_000 }, async () => {
  await mounted({ timeoutNs: 1e12, dataInvalidation: 'explicit' }, async (server, at) => {
    await server.command({ do: 'make', name: 'file', text: 'old' });
    assert.equal(await fs.readFile(at('file'), 'utf8'), 'old');
    await server.command({ do: 'change', name: 'file', text: 'new' });
    assert.equal(await fs.readFile(at('file'), 'utf8'), 'old');
    await server.command({ do: 'invalidate-node', name: 'file' });
    assert.equal(await fs.readFile(at('file'), 'utf8'), 'new');

    await server.command({ do: 'store', name: 'file', text: 'S' });
    assert.equal(await fs.readFile(at('file'), 'utf8'), 'Sew');

    await server.command({ do: 'remove', name: 'file' });
    await fs.stat(at('file'));
    await server.command({ do: 'invalidate-entry', name: 'file' });
    await assert.rejects(fs.stat(at('file')), { code: 'ENOENT' });

    await server.command({ do: 'make', name: 'watched', text: 'x' });
    const handle = await fs.open(at('watched'));
    assert.equal((await handle.stat()).nlink, 1);
    await server.command({ do: 'delete-entry', name: 'watched' });
    assert.equal((await handle.stat()).nlink, 0);
    await handle.close();
    await server.command({ do: 'invalidate-node', name: 'nobody' });
    await server.command({ do: 'invalidate-entry', name: 'nobody' });
  });
});
