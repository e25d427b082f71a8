import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { PseudoTerminal } from '../testing/pseudo-terminal.ts';
import { VoServiceFixture } from '../testing/vo-service.ts';
import { xosCommand } from '../testing/xos-process.ts';

const vo = 'physics.example.org';
const hostname = 'node1.example.org';
let service: VoServiceFixture;
let tokens = 0;

before(async () => {
  service = await VoServiceFixture.start();
  await service.succeed(['vo', 'create', vo]);
});
after(() => service.stop());

/** The paths of a host below `--root`. */
function hostAt(root: string) {
  return {
    root,
    certificates: join(root, 'etc/grid-security/certificates'),
    keys: join(root, 'etc/xtreemos/host'),
    voDirectory: join(root, 'etc/xtreemos/vo.d'),
    sshAuthorities: join(root, 'etc/xtreemos/ssh/user_ca.pub'),
    crls: join(root, 'var/lib/xtreemos/accounts/crls'),
  };
}

/** A host of its own, with the daemon's user and group. */
function newHost(name: string): ReturnType<typeof hostAt> {
  const root = join(service.directory, name);
  mkdirSync(join(root, 'etc'), { recursive: true });
  writeFileSync(
    join(root, 'etc/passwd'),
    'root:x:0:0::/root:/bin/sh\nxos-accounts:x:992:991::/:/bin/false\n',
  );
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nxos-accounts:x:991:\n');
  return hostAt(root);
}

async function tokenFor(...options: readonly string[]): Promise<string> {
  tokens += 1;
  const file = join(service.directory, `node-${tokens}.token`);
  await service.succeed(['node', 'token', vo, '--out', file, ...options]);
  return file;
}

/** `--root` of the fixture comes first on its command lines; the last one counts. */
function joining(
  root: string,
  name: string,
  tokenFile: string,
  ...options: readonly string[]
): readonly string[] {
  return ['--root', root, 'node', 'join', '--token-file', tokenFile, '--hostname', name, '--yes', ...options];
}

function allFiles(directory: string): readonly string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length))
    .sort();
}

const mode = (file: string): string => (statSync(file).mode & 0o777).toString(8);

test('a token goes to a file of mode 0600, not to the terminal', async () => {
  const file = join(service.directory, 'shown.token');
  const result = await service.xos(['node', 'token', vo, '--out', file]);
  assert.equal(result.exitCode, 0, result.stderr);
  assert.equal(mode(file), '600');
  assert.match(readFileSync(file, 'utf8'), /^xos-node-1\.\S+\n$/);
  assert.doesNotMatch(result.stdout + result.stderr, /xos-node-1\./);
});

test('joining installs trust anchors, keys, certificates, SSH authorities and vo.d with their modes', async () => {
  const host = newHost('joined');
  const result = await service.xos(joining(host.root, hostname, await tokenFor()));
  assert.equal(result.exitCode, 0, result.stderr);

  const key = join(host.keys, vo, 'accounts.key');
  assert.equal(mode(key), '640');
  assert.equal(statSync(key).uid, process.getuid?.());
  assert.equal(statSync(key).gid, 991);
  assert.equal(mode(join(host.keys, vo, 'accounts.pem')), '644');
  const record = readFileSync(join(host.voDirectory, `${vo}.conf`), 'utf8');
  assert.match(
    record,
    /^\[VO\]\nId=physics\.example\.org\nAlias=physics\nServiceUrl=https:\/\/localhost:\d+\nCaFingerprint=[0-9a-f]{64}$/m,
  );
  assert.match(
    readFileSync(host.sshAuthorities, 'utf8'),
    /^# VO physics\.example\.org\nssh-ed25519 \S+ physics\.example\.org\n$/,
  );

  for (const file of readdirSync(host.certificates).filter((name) => name.endsWith('.0'))) {
    const hash = file.slice(0, 8);
    const path = join(host.certificates, file);
    assert.equal(
      execFileSync('openssl', ['x509', '-in', path, '-noout', '-hash'], { encoding: 'utf8' }).trim(),
      hash,
    );
    for (const beside of ['signing_policy', 'namespaces'])
      assert.ok(existsSync(join(host.certificates, `${hash}.${beside}`)));
    assert.match(
      readlinkSync(join(host.certificates, `${hash}.r0`)),
      new RegExp(`accounts/crls/${hash}\\.r0$`),
    );
    assert.equal(statSync(join(host.crls, `${hash}.r0`)).uid, 992);
  }
  // What was installed is what openssl needs to accept the host certificate.
  const verified = execFileSync(
    'openssl',
    [
      'verify',
      '-CApath',
      host.certificates,
      '-crl_check_all',
      '-untrusted',
      join(host.keys, vo, 'accounts.pem'),
      join(host.keys, vo, 'accounts.pem'),
    ],
    { encoding: 'utf8' },
  );
  assert.match(verified, /: OK/);
  const status = await service.xos(['--root', host.root, '--json=short', 'node', 'status']);
  assert.equal(status.exitCode, 0);
  const { vos } = JSON.parse(status.stdout) as {
    vos: { vo: string; certificates: { role: string; hostname: string }[] }[];
  };
  assert.deepEqual(
    vos.map((state) => [state.vo, state.certificates[0]?.role, state.certificates[0]?.hostname]),
    [[vo, 'accounts', hostname]],
  );
});

test('joining again where all is in place changes nothing and leaves the token unused', async () => {
  const host = newHost('again');
  await service.succeed(joining(host.root, 'node2.example.org', await tokenFor()));
  const key = readFileSync(join(host.keys, vo, 'accounts.key'));
  const tokenFile = await tokenFor();
  const again = JSON.parse(
    await service.succeed(['--json=short', ...joining(host.root, 'node2.example.org', tokenFile)]),
  ) as { alreadyJoined: boolean };
  assert.equal(again.alreadyJoined, true);
  assert.deepEqual(readFileSync(join(host.keys, vo, 'accounts.key')), key);
  await service.succeed(joining(newHost('again-2').root, 'node3.example.org', tokenFile));
});

test('leaving removes what joining installed, keeps what was there before, and tells the service', async () => {
  const host = newHost('leaving');
  mkdirSync(host.certificates, { recursive: true });
  writeFileSync(join(host.certificates, 'deadbeef.signing_policy'), 'of another federation\n');
  mkdirSync(join(host.root, 'etc/xtreemos/ssh'), { recursive: true });
  const foreign =
    'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIETJQeGY184UKwuI6RRGk2I+16GKs0Y44AS89fAVAch7 of the site\n';
  writeFileSync(host.sshAuthorities, foreign);
  await service.succeed(joining(host.root, 'node4.example.org', await tokenFor()));
  assert.ok(readFileSync(host.sshAuthorities, 'utf8').startsWith(foreign));
  await service.succeed(['--root', host.root, 'node', 'leave', 'physics', '--yes']);
  assert.deepEqual(allFiles(host.root), [
    '/etc/grid-security/certificates/deadbeef.signing_policy',
    '/etc/group',
    '/etc/passwd',
    '/etc/xtreemos/ssh/user_ca.pub',
  ]);
  assert.equal(readFileSync(host.sshAuthorities, 'utf8'), foreign);
  const { nodes } = await service.json<{ nodes: { hostname: string; status: string }[] }>([
    'vo',
    'nodes',
    vo,
  ]);
  assert.equal(nodes.find((node) => node.hostname === 'node4.example.org')?.status, 'left');
  assert.equal((await service.xos(['--root', host.root, 'node', 'leave', vo, '--yes'])).exitCode, 3);
});

test('two VOs of one trust domain share its root: leaving one keeps it for the other', async () => {
  const host = newHost('two');
  await service.succeed(['vo', 'create', 'chemistry.example.org']);
  const second = join(service.directory, 'chemistry.token');
  await service.succeed(['node', 'token', 'chemistry.example.org', '--out', second]);
  await service.succeed(joining(host.root, 'node5.example.org', await tokenFor()));
  const before = allFiles(host.certificates);
  await service.succeed(joining(host.root, 'node5.example.org', second));
  assert.ok(allFiles(host.certificates).length > before.length);
  await service.succeed(['--root', host.root, 'node', 'leave', 'chemistry', '--yes']);
  assert.deepEqual(allFiles(host.certificates), before);
});

test('an alias that another VO has is refused before the token is used', async () => {
  const host = newHost('alias');
  const other = join(service.directory, 'other.token');
  await service.succeed(['vo', 'create', 'physics.example.com']);
  await service.succeed(['node', 'token', 'physics.example.com', '--out', other]);
  await service.succeed(joining(host.root, 'node6.example.org', await tokenFor()));
  const refused = await service.xos(joining(host.root, 'node6.example.org', other));
  assert.equal(refused.exitCode, 7);
  assert.match(refused.stderr, /alias physics .*--alias/);
  await service.succeed(joining(host.root, 'node6.example.org', other, '--alias', 'physics-com'));
});

test('a token that was cut short, mistyped, used or has expired is refused and says which', async () => {
  const host = newHost('tokens');
  const file = await tokenFor();
  const token = readFileSync(file, 'utf8').trim();
  for (const [text, reason] of [
    [token.slice(0, -3), /checksum|cut short/],
    [token.replace('.', '.x'), /checksum/],
    ['hello', /does not start with/],
    [`${token}${'x'.repeat(4000)}`, /longer than/],
  ] as const) {
    const result = await service.xos(joining(host.root, hostname, service.secretFile('bad.token', text)));
    assert.equal(result.exitCode, 4, text);
    assert.match(result.stderr, reason);
  }
  await service.succeed(joining(newHost('tokens-2').root, 'node7.example.org', file));
  const used = await service.xos(joining(host.root, 'node8.example.org', file));
  assert.equal(used.exitCode, 4);
  const empty = await service.xos(joining(host.root, hostname, service.secretFile('empty.token', '')));
  assert.equal(empty.exitCode, 2);
  assert.deepEqual(allFiles(host.root), ['/etc/group', '/etc/passwd'], 'nothing was installed');
});

test('where a file cannot be installed, nothing is, and the node is out of the VO again', async () => {
  const host = newHost('undone');
  // vo.d is written last: a directory in the place of its file fails after all others were put in place.
  mkdirSync(join(host.voDirectory, `${vo}.conf`, 'occupied'), { recursive: true });
  writeFileSync(join(host.voDirectory, `${vo}.conf`, 'occupied', 'file'), '');
  const formerly = allFiles(host.root);
  const result = await service.xos(joining(host.root, 'node9.example.org', await tokenFor()));
  assert.notEqual(result.exitCode, 0);
  assert.deepEqual(allFiles(host.root), formerly);
  const { nodes } = await service.json<{ nodes: { hostname: string; status: string }[] }>([
    'vo',
    'nodes',
    vo,
  ]);
  assert.notEqual(nodes.find((node) => node.hostname === 'node9.example.org')?.status, 'active');
});

test('a host that cannot take the files shows before the token is used', async () => {
  const host = newHost('read-only');
  mkdirSync(join(host.root, 'etc/grid-security'), { recursive: true });
  writeFileSync(join(host.root, 'etc/grid-security/certificates'), 'no directory');
  const tokenFile = await tokenFor();
  const result = await service.xos(joining(host.root, 'node10.example.org', tokenFile));
  assert.equal(result.exitCode, 1, result.stderr);
  rmSync(join(host.root, 'etc/grid-security/certificates'));
  await service.succeed(joining(host.root, 'node10.example.org', tokenFile));
});

test('a host certificate that ran out or vanished is a problem with its remedy, exit code 1', async () => {
  const host = newHost('broken');
  await service.succeed(joining(host.root, 'node11.example.org', await tokenFor()));
  rmSync(join(host.keys, vo, 'accounts.key'));
  const result = await service.xos(['--root', host.root, 'node', 'status']);
  assert.equal(result.exitCode, 1);
  assert.match(
    result.stdout,
    /problem: physics\.example\.org: the key of role accounts is missing; join again/,
  );
});

test('the person sees VO, service and fingerprint, and no is no', async () => {
  const host = newHost('asked');
  const tokenFile = await tokenFor();
  const words = [
    ...xosCommand,
    '--root',
    host.root,
    'node',
    'join',
    '--token-file',
    tokenFile,
    '--hostname',
    'node12.example.org',
  ];
  const terminal = new PseudoTerminal(`${words.join(' ')}; echo "code=$?"`);
  await terminal.waitFor('Join? [y/N]');
  assert.match(terminal.screen, /VO: +physics\.example\.org \(here: physics\)/);
  assert.match(terminal.screen, /Root SHA-256: [0-9a-f]{64}/);
  terminal.type('n\r');
  assert.match(await terminal.end(), /it was not confirmed\. Nothing was changed[\s\S]*code=1/);
  assert.deepEqual(allFiles(host.root), ['/etc/group', '/etc/passwd']);
});

test('a token bound to another host is refused', async () => {
  const host = newHost('bound');
  const result = await service.xos(
    joining(host.root, 'node13.example.org', await tokenFor('--host', 'other.example.org')),
  );
  assert.equal(result.exitCode, 4, result.stderr);
  assert.deepEqual(allFiles(host.root), ['/etc/group', '/etc/passwd']);
});
