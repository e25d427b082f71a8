/** The arm64 packages, cross-built and run by QEMU's user emulation: programs start, addons load, modules find all symbols. */
import assert from 'node:assert/strict';
import { copyFileSync, globSync, mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { type CommandResult, command, succeed } from '../sandbox/one-host-grid.ts';
import { debianPackages } from './debian-packages.ts';

const checkout = path.resolve(import.meta.dirname, '../..');
/** Like an arm64 host's, as far as our files need it. */
let root = '';

before(async () => {
  root = mkdtempSync(path.join(checkout, 'build/packages-test.'));
  const libraries = await succeed([path.join(checkout, 'packaging/sysroot'), 'arm64'], {
    timeoutMs: 300_000,
  });
  await succeed(['cp', '-a', `${libraries.trim()}/.`, root]);
  for (const found of debianPackages('arm64')) await found.extract(root);
  copyFileSync('/usr/bin/qemu-aarch64-static', path.join(root, 'qemu'));
});
after(() => {
  if (root !== '') rmSync(root, { recursive: true, force: true });
});

/** Runs a program in the root. QEMU goes in by name: nothing is registered with this machine's kernel. */
function run(words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CommandResult> {
  const set = Object.entries(env).flatMap(([name, value]) => ['-E', `${name}=${value}`]);
  return command(['chroot', root, '/qemu', ...set, ...words], { timeoutMs: 180_000 });
}

async function runNode(script: string): Promise<string> {
  const { status, stdout, stderr } = await run(['/usr/lib/xtreemos/bin/node', '--eval', script]);
  assert.equal(status, 0, stderr);
  return stdout.trim();
}

test('the runtime is Node.js for arm64, of the version that the tests run on', async () => {
  assert.equal(await runNode('console.log(process.arch, process.version)'), `arm64 ${process.version}`);
});

test('the command starts and says the version of its package', async () => {
  const { stdout, stderr } = await run(['/usr/lib/xtreemos/bin/node', '/usr/bin/xos', 'version']);
  const cli = debianPackages('arm64').find((found) => found.name === 'xtreemos-cli');
  assert.equal(stdout.trim(), `xos ${cli?.version} (node ${process.versions.node})`, stderr);
});

test('addons load and do their work', async () => {
  const found = globSync(path.join(root, 'usr/lib/xtreemos/native/*.node')).map((file) =>
    path.basename(file),
  );
  const expected = ['fuse', 'keyring', 'lmdb', 'nss', 'pam', 'sys'];
  assert.deepEqual(
    found.sort(),
    expected.map((name) => `${name}.node`),
  );
  const exported = JSON.parse(
    await runNode(`
      const { createRequire } = require('node:module');
      const load = createRequire('/usr/lib/xtreemos/');
      const names = ['fuse', 'keyring', 'nss', 'pam', 'sys'];
      console.log(JSON.stringify(names.map((name) => Object.keys(load('/usr/lib/xtreemos/native/' + name + '.node')).length)));
    `),
  ) as readonly number[];
  for (const count of exported) assert.ok(count > 0, `${exported}`);
});

test('modules and programs find all their libraries and symbols', async () => {
  const files = [
    'usr/lib/aarch64-linux-gnu/libnss_xos.so.2',
    'usr/lib/aarch64-linux-gnu/security/pam_xos.so',
    'usr/lib/xtreemos/bin/xos-launch',
    'usr/lib/xtreemos/bin/xos-request-key',
    'usr/lib/xtreemos/native/xos-fuse-guard',
    'usr/lib/xtreemos/bin/xos-ssh-principals',
  ];
  for (const file of files) {
    const { status, stdout, stderr } = await run(['/lib/ld-linux-aarch64.so.1', `/${file}`], {
      LD_TRACE_LOADED_OBJECTS: '1',
      LD_BIND_NOW: '1',
      LD_WARN: '1',
    });
    assert.equal(status, 0, `${file}: ${stdout}${stderr}`);
    assert.match(stdout, /libc\.so\.6 => \/lib\/aarch64-linux-gnu\/libc\.so\.6/, file);
    assert.doesNotMatch(`${stdout}${stderr}`, /not found|undefined symbol/, file);
  }
});

test('each package names the architecture and the libraries it needs', async () => {
  for (const found of debianPackages('arm64').filter(({ architecture }) => architecture === 'arm64')) {
    assert.equal(await found.field('Architecture'), 'arm64');
    assert.match(await found.field('Depends'), /\blibc6 \(>= 2\.\d+\)/, found.name);
  }
  const native = debianPackages('arm64').find(({ name }) => name === 'xtreemos-native');
  assert.match((await native?.field('Depends')) ?? '', /\blibpam0g \(>= /);
});
