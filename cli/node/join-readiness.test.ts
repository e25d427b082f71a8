import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { formatNodeToken, parseNodeToken } from '@xtreemos/vo-client';
import { loadHostPaths } from '../host-paths.ts';
import type { Invocation } from '../invocation.ts';
import { VoServiceFixture } from '../testing/vo-service.ts';
import { refuseUnreadyService } from './join-readiness.ts';

let service: VoServiceFixture;

before(async () => {
  service = await VoServiceFixture.start();
  await service.succeed(['vo', 'create', 'physics.example.org']);
});
after(() => service.stop());

/** The root of a host with the daemon's user and group. */
function newHost(name: string): string {
  const root = join(service.directory, name);
  mkdirSync(join(root, 'etc'), { recursive: true });
  writeFileSync(join(root, 'etc/passwd'), 'xos-accounts:x:992:991::/:/bin/false\n');
  writeFileSync(join(root, 'etc/group'), 'xos-accounts:x:991:\n');
  return root;
}

async function tokenFor(name: string): Promise<string> {
  const file = join(service.directory, name);
  await service.succeed(['node', 'token', 'physics.example.org', '--out', file]);
  return file;
}

function joining(root: string, name: string, tokenFile: string): readonly string[] {
  return ['--root', root, 'node', 'join', '--token-file', tokenFile, '--hostname', name, '--yes'];
}

test('without the packages, or under a name that every host has, joining is refused before the token is used', async () => {
  const root = newHost('bare');
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\n');
  const tokenFile = await tokenFor('first.token');
  const bare = await service.xos(joining(root, 'node14.example.org', tokenFile));
  assert.equal(bare.exitCode, 7);
  assert.match(bare.stderr, /xtreemos-accounts is not installed.*apt install xtreemos-resource/);
  const nameless = await service.xos(joining(newHost('nameless'), 'localhost', tokenFile));
  assert.equal(nameless.exitCode, 2);
  assert.match(nameless.stderr, /calls itself localhost; .*hostnamectl/);
  const joined = await service.succeed(joining(newHost('named'), 'node14.example.org', tokenFile));
  assert.match(
    joined,
    /Next:\n {2}examine this host: +xos doctor[\s\S]*getent passwd USER@physics[\s\S]*xos vo invite/,
  );
});

test('a service that cannot be reached, or a clock that is off, is told before the token is used', async () => {
  const tokenFile = await tokenFor('second.token');
  const token = parseNodeToken(readFileSync(tokenFile, 'utf8').trim());
  const gone = service.secretFile('gone.token', formatNodeToken({ ...token, url: 'https://127.0.0.1:1' }));
  const unreachable = await service.xos(joining(newHost('gone'), 'node15.example.org', gone));
  assert.equal(unreachable.exitCode, 6, unreachable.stderr);
  assert.match(unreachable.stderr, /token is still good; .*systemctl status xos-vo/);

  const skewed = {
    paths: loadHostPaths(newHost('skewed'), {}).paths,
    slowly: <T>(_what: string, work: (tell: () => void) => Promise<T>) => work(() => undefined),
  } as Partial<Invocation> as Invocation;
  const at = (offsetMs: number) => ({ ...skewed, nowMs: () => Date.now() + offsetMs });
  await refuseUnreadyService(at(60_000), token);
  for (const [offsetMs, expected] of [
    [
      -20 * 60_000,
      /clock is .*(?:20 min|19 min \d+ s) behind the VO service|certificate of the VO service is not valid yet/,
    ],
    [20 * 60_000, /clock is (?:20 min|19 min \d+ s).* ahead of the VO service.*timedatectl set-ntp true/],
    [400 * 86_400_000 * 10, /certificate of the VO service has expired.*token is still good/],
  ] as const) {
    await assert.rejects(refuseUnreadyService(at(offsetMs), token), expected);
  }
});
