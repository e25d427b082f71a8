/** libFuzzer on the C parsers of libnss_xos and pam_xos: frames of the daemon, and the map file. Bounded; ASan and UBSan watch. */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { before, test } from 'node:test';
import { encodeMessage, GID_MIN, type Message, UID_MIN, writeNssMap } from '@xtreemos/module-protocol';

const nss = path.resolve(import.meta.dirname, '../../nss');
const seconds = 8;

before(() => {
  execFileSync('flock', ['Makefile', 'make', '-s', 'fuzz'], {
    cwd: nss,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
});

/** Runs a harness on seeds; resolves with how many inputs it tried, rejects with the report when one broke it. */
async function fuzz(harness: string, seeds: readonly Buffer[], maxBytes: number): Promise<number> {
  const folder = mkdtempSync(path.join(tmpdir(), 'xos-fuzz-'));
  try {
    const corpus = path.join(folder, 'corpus');
    mkdirSync(corpus);
    for (const [index, seed] of seeds.entries()) writeFileSync(path.join(corpus, `seed-${index}`), seed);
    const words = [
      corpus,
      `-max_total_time=${seconds}`,
      `-max_len=${maxBytes}`,
      '-rss_limit_mb=1024',
      '-timeout=5',
    ];
    const report = await new Promise<string>((resolve, reject) => {
      execFile(
        path.join(nss, 'build/fuzz', harness),
        [...words, `-artifact_prefix=${folder}/`],
        { timeout: 120_000, maxBuffer: 64 << 20 },
        (error, _stdout, stderr) =>
          error === null ? resolve(stderr) : reject(new Error(stderr.slice(-6000))),
      );
    });
    return Number(/Done (\d+) runs/.exec(report)?.[1]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const frames: readonly Message[] = [
  {
    type: 'passwdEntry',
    name: 'alice@physics',
    uid: UID_MIN,
    gid: UID_MIN,
    gecos: 'Alice',
    home: '/home',
    shell: '/bin/sh',
  },
  { type: 'groupEntry', name: 'atlas@physics', gid: GID_MIN, members: ['alice@physics', 'bob@physics'] },
  { type: 'groupList', gids: [GID_MIN, GID_MIN + 1] },
  { type: 'prompt', style: 1, text: 'Passphrase: ' },
  { type: 'working', milliseconds: 1000 },
  { type: 'result', pamCode: 0, message: 'Welcome.', handle: 'abc' },
  {
    type: 'session',
    sessionId: 's1',
    credential: Buffer.from('pem'),
    credentialTimeoutSeconds: 60,
    environment: ['XOS_VO=physics', 'X509_USER_PROXY=/run/x'],
    message: '',
  },
  { type: 'principalList', names: ['alice@physics.example'] },
];

test('frames of the daemon', { timeout: 180_000 }, async () => {
  const runs = await fuzz('frames', frames.map(encodeMessage), 4096);
  assert.ok(runs > 10_000, `only ${runs} inputs in ${seconds} s`);
});

test('the NSS map file', { timeout: 180_000 }, async () => {
  const map = writeNssMap({
    passwd: ['alice', 'bob'].map((user, index) => ({
      name: `${user}@physics`,
      uid: UID_MIN + index,
      gid: UID_MIN + index,
      gecos: user,
      home: `/home/physics/${user}`,
      shell: '/bin/bash',
      groups: [GID_MIN],
    })),
    groups: [{ name: 'members@physics', gid: GID_MIN, members: ['alice@physics', 'bob@physics'] }],
  });
  const runs = await fuzz('map', [map, writeNssMap({ passwd: [], groups: [] })], 2048);
  assert.ok(runs > 10_000, `only ${runs} inputs in ${seconds} s`);
});
