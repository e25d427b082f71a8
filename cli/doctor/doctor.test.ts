import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { VoServiceFixture } from '../testing/vo-service.ts';
import { xos } from '../testing/xos-process.ts';
import { allChecks } from './checks.ts';

interface DoctorJson {
  readonly checks: readonly {
    readonly name: string;
    readonly state: string;
    readonly findings: readonly { readonly state: string; readonly text: string; readonly action?: string }[];
    readonly tookMs: number;
  }[];
  readonly failures: number;
}

const filesBelow = (directory: string): readonly string[] =>
  readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort();

test('a host with nothing of ours fails nothing, and is left as it is', async () => {
  const root = mkdtempSync(join(tmpdir(), 'xos-doctor-'));
  try {
    const result = await xos(['--root', root, 'doctor', '--json=short']);
    assert.equal(result.exitCode, 0, result.stdout);
    const { checks, failures } = JSON.parse(result.stdout) as DoctorJson;
    assert.equal(failures, 0);
    assert.deepEqual(
      checks.map(({ name }) => name),
      allChecks.map(({ name }) => name),
    );
    assert.deepEqual(filesBelow(root), []);
  } finally {
    rmSync(root, { recursive: true });
  }
});

test('a node is examined against its real service; stopped, that is a failure within the time of one check', async () => {
  const service = await VoServiceFixture.start();
  try {
    await service.succeed(['vo', 'create', 'physics']);
    const token = join(service.directory, 'node.token');
    await service.succeed(['node', 'token', 'physics', '--out', token]);
    await service.succeed([
      'node',
      'join',
      '--token-file',
      token,
      '--hostname',
      'node1.example.org',
      '--yes',
    ]);
    const chosen = ['clock', 'service', 'trust', 'crl', 'certificates'];
    const well = await service.xos(['doctor', '--json=short', ...chosen]);
    assert.equal(well.exitCode, 0, well.stdout);
    const { checks } = JSON.parse(well.stdout) as DoctorJson;
    assert.deepEqual(new Set(checks.map(({ name }) => name)), new Set(chosen));
    for (const { name, state, findings } of checks) {
      // This machine's NTP, and how fast it is just now, are none of the test's business.
      const mayWarn = name === 'clock' || name === 'service';
      assert.ok(state === 'ok' || (mayWarn && state === 'warning'), `${name}: ${JSON.stringify(findings)}`);
    }
    assert.match(well.stdout, /answers in \d+ ms/);
    assert.match(well.stdout, /within a second of the service of physics/);

    const record = join(service.root, 'etc/xtreemos/vo.d/physics.conf');
    writeFileSync(
      record,
      readFileSync(record, 'utf8').replace(/^ServiceUrl=.*/m, 'ServiceUrl=https://127.0.0.1:1'),
    );
    const startedAt = performance.now();
    const cut = await service.xos(['doctor', 'service', 'dns']);
    assert.equal(cut.exitCode, 1, cut.stdout);
    assert.match(
      cut.stdout,
      /failure\s+service\s+physics: Could not reach the VO service[\s\S]*-> on 127\.0\.0\.1: systemctl status xos-vo/,
    );
    assert.ok(performance.now() - startedAt < 20_000);
  } finally {
    await service.stop();
  }
});

test('a check that does not exist is wrong usage', async () => {
  const result = await xos(['doctor', 'clok']);
  assert.equal(result.exitCode, 2);
  assert.match(result.stderr, /clok.*clock/);
});

test('every check stands in the man page, and no other', () => {
  const page = readFileSync(
    fileURLToPath(new URL('../../docs/man/xos-doctor.1.scd', import.meta.url)),
    'utf8',
  );
  const section = /# CHECKS\n([\s\S]*?)\n# OPTIONS/.exec(page)?.[1] ?? '';
  assert.deepEqual(
    [...section.matchAll(/^\*([a-z]+)\*$/gm)].map(([, name]) => name),
    allChecks.map(({ name }) => name),
  );
});

test('each check has a file of its own', () => {
  for (const { name } of allChecks) {
    assert.ok(existsSync(fileURLToPath(new URL(`./checks/${name}.ts`, import.meta.url))), name);
  }
});
