import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { bindDatagram, receiveDatagram } from '@xtreemos/native-sys';

const fixture = join(import.meta.dirname, 'service-fixture.ts');

describe('a service', { timeout: 240_000 }, () => {
  let directory: string;
  let notifications: number;
  const children: ChildProcess[] = [];

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'xos-service-'));
    notifications = bindDatagram(join(directory, 'notify'));
  });
  afterEach(async () => {
    for (const child of children.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    closeSync(notifications);
    rmSync(directory, { recursive: true });
  });

  const socketPath = () => join(directory, 'run/main.sock');
  const configure = (lines = '') => {
    const file = join(directory, 'fixture.conf');
    writeFileSync(file, `[Fixture]\nSocket=${socketPath()}\n${lines}\n`);
    return file;
  };
  const start = (args: readonly string[], environment: NodeJS.ProcessEnv = {}) => {
    const child = spawn(process.execPath, [fixture, ...args], {
      env: { PATH: process.env['PATH'], NOTIFY_SOCKET: join(directory, 'notify'), ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    children.push(child);
    const output = { text: '' };
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        output.text += text;
      });
    }
    const ended = once(child, 'close').then(([code]) => code as number | null);
    return { child, output, ended };
  };
  const notified = async (expected: RegExp): Promise<string> => {
    const deadline = Date.now() + 20_000;
    while (Date.now() < deadline) {
      const text = (await receiveDatagram(notifications, { timeoutMs: 20_000 })).bytes.toString();
      if (expected.test(text)) return text;
    }
    return assert.fail(`no notification like ${expected}`);
  };
  const ask = async (path = socketPath()): Promise<string> => {
    const socket = connect(path);
    let text = '';
    for await (const chunk of socket) text += chunk;
    return text;
  };

  it('says when it runs, serves, and ends with 0 at SIGTERM, its socket gone', async () => {
    const { child, output, ended } = start(['--config', configure()]);
    await notified(/^READY=1\n/);
    assert.equal(statSync(socketPath()).mode & 0o777, 0o666);
    assert.equal(await ask(), 'hello off 77\n');
    child.kill('SIGTERM');
    await notified(/^STOPPING=1/);
    assert.equal(await ended, 0);
    assert.deepEqual(readdirSync(join(directory, 'run')), []);
    assert.match(output.text, /<6>xos-fixture: Somebody connected greeting=hello \[fixture\.connected\]/);
  });

  it('shows its version, checks a configuration, and refuses bad ones with one line and 2', async () => {
    const run = async (...args: string[]) => {
      const { output, ended } = start(args);
      return [await ended, output.text];
    };
    assert.deepEqual(await run('--version'), [0, 'xos-fixture 1.2.3\n']);
    assert.equal((await run('--help'))[0], 0);
    const good = configure('Unknown=1');
    const [showCode, shown] = await run('--config', good, '--show-config');
    assert.equal(showCode, 0);
    assert.match(String(shown), /# .*fixture\.conf:2\nSocket=\/.*\n# default\nGreeting=hello\n/);
    assert.match(String(shown), /\[Service\]\n# default\nLogLevel=info\n/);
    const [code, text] = await run('--config', good, '--check-config');
    assert.equal(code, 0);
    assert.match(String(text), /fixture\.conf:3: unknown key Unknown=/);
    const bad = configure('StopTime=long\nHealthy=perhaps');
    for (const args of [
      ['--config', bad],
      ['--config', bad, '--check-config'],
    ]) {
      const [badCode, line] = await run(...args);
      assert.equal(badCode, 2);
      assert.match(
        String(line),
        /^xos-fixture: Configuration refused: .*:3: \[Fixture\] StopTime=long: .*:4: .*\n$/,
      );
    }
    assert.deepEqual(await run('--config', configure('Greeting=rude')), [
      2,
      'xos-fixture: Configuration refused: rude greetings are not allowed\n',
    ]);
    assert.equal((await run('--frobnicate'))[0], 2);
    assert.deepEqual(await run('--config', configure('Fail=start')), [
      6,
      'xos-fixture: Could not reach the moon at orbit: far\n',
    ]);
  });

  it('tells the service manager why it did not start', async () => {
    const { ended } = start(['--config', configure('Greeting=rude')]);
    assert.equal(await notified(/./), 'STATUS=Configuration refused: rude greetings are not allowed');
    assert.equal(await ended, 2);
  });

  it('takes a new configuration at SIGHUP, and keeps the old one when the new one is bad', async () => {
    const { child, output } = start(['--config', configure()]);
    await notified(/^READY=1\n/);
    configure('Greeting=bonjour');
    child.kill('SIGHUP');
    assert.match(await notified(/^RELOADING=1/), /MONOTONIC_USEC=\d+/);
    await notified(/^READY=1/);
    assert.match(await ask(), /^bonjour/);
    configure('Greeting=rude');
    child.kill('SIGHUP');
    await notified(/^READY=1\nSTATUS=Running; the last reload was refused: .*rude/);
    assert.match(await ask(), /^bonjour/);
    assert.match(output.text, /Reload refused, the old configuration stays: .*rude greetings/);
  });

  it('waits for what runs, but not for ever', async () => {
    const { child, output, ended } = start(['--config', configure('StopTime=1h')]);
    await notified(/^READY=1\n/);
    child.kill('SIGTERM');
    assert.equal(await ended, 0);
    assert.match(output.text, /the deadline passed\n.*abandoned/);
  });

  it('ends with 1 and a log entry at an error nobody handled', async () => {
    for (const fail of ['throw', 'reject']) {
      const { output, ended } = start(['--config', configure(`Fail=${fail}`)]);
      await notified(/^READY=1\n/);
      await ask();
      assert.equal(await ended, 1);
      assert.match(
        output.text,
        /<2>xos-fixture: Unexpected error.*(thrown in a callback|rejected in passing).*errorStack=/,
      );
      assert.equal(existsSync(socketPath()), false);
    }
  });

  it('keeps the watchdog content while it is healthy, and only then', async () => {
    const file = configure();
    const { child } = start(['--config', file], { WATCHDOG_USEC: '100000' });
    await notified(/^WATCHDOG=1$/);
    await notified(/^WATCHDOG=1$/);
    configure('Healthy=no');
    child.kill('SIGHUP');
    await notified(/^RELOADING=1/);
    await notified(/^READY=1/);
    await assert.rejects(
      (async () => {
        for (;;)
          assert.equal(
            (await receiveDatagram(notifications, { timeoutMs: 400 })).bytes.toString(),
            'WATCHDOG=1',
          );
      })(),
      { code: 'ETIMEDOUT' },
    );
  });

  it('replaces a stale socket, refuses one that is served and anything that is no socket', async () => {
    const file = configure();
    const first = start(['--config', file]);
    await notified(/^READY=1\n/);
    const second = start(['--config', file]);
    assert.equal(await second.ended, 7);
    assert.match(second.output.text, /A process that serves .*main\.sock exists already/);
    first.child.kill('SIGKILL');
    await first.ended;
    assert.ok(existsSync(socketPath()));
    const third = start(['--config', file]);
    await notified(/^READY=1\n/);
    assert.match(await ask(), /^hello/);
    third.child.kill('SIGTERM');
    assert.equal(await third.ended, 0);
    writeFileSync(socketPath(), 'precious');
    const fourth = start(['--config', file]);
    assert.equal(await fourth.ended, 1);
    assert.match(fourth.output.text, /something that is no socket is there already/);
    assert.ok(existsSync(socketPath()));
  });

  it('serves the socket that the service manager opened, and leaves it in place', async () => {
    const path = join(directory, 'activated.sock');
    const listen = [
      `--listen=${path}`,
      '--fdname=main',
      `--setenv=NOTIFY_SOCKET=${join(directory, 'notify')}`,
    ];
    const child = spawn(
      'systemd-socket-activate',
      [...listen, process.execPath, fixture, '--config', configure()],
      {
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
    children.push(child);
    // It says on stderr that it listens, and becomes the daemon at the first connection.
    await once(child.stderr, 'data');
    child.stderr.resume();
    const ended = once(child, 'exit');
    assert.match(await ask(path), /^hello off 77/);
    await notified(/^READY=1\n/);
    assert.equal(existsSync(socketPath()), false);
    child.kill('SIGTERM');
    assert.deepEqual(await ended, [0, null]);
    assert.ok(existsSync(path));
  });

  it('offers its metrics as OpenMetrics text on a socket', async () => {
    const metricsPath = join(directory, 'run/metrics.sock');
    start(['--config', configure(`[Service]\nMetricsSocket=${metricsPath}\n`)]);
    await notified(/^READY=1\n/);
    await ask();
    const get = async (path: string) => {
      const [response] = await once(request({ socketPath: metricsPath, path }).end(), 'response');
      let text = '';
      for await (const chunk of response) text += chunk;
      return { status: response.statusCode, type: response.headers['content-type'], text };
    };
    const { status, type, text } = await get('/metrics');
    assert.equal(status, 200);
    assert.match(type, /^application\/openmetrics-text/);
    assert.match(text, /^xos_fixture_connections_total 1$/m);
    assert.match(text, /^process_resident_memory_bytes \d/m);
    assert.match(text, /# EOF\n$/);
    assert.equal((await get('/')).status, 404);
  });
});
