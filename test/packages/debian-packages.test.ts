/** The Debian packages as files: what is in which. test/hosts installs them. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { succeed } from '../sandbox/one-host-grid.ts';
import { type DebianPackage, debianPackages, ownArchitecture } from './debian-packages.ts';

const root = path.resolve(import.meta.dirname, '../..');
const own = debianPackages(await ownArchitecture());

function named(name: string): DebianPackage {
  const found = own.find((candidate) => candidate.name === name);
  assert.ok(found, `no package ${name} in build/packages/deb`);
  return found;
}

test('every package of debian/control is there, of one version and one source', async () => {
  const control = readFileSync(path.join(root, 'packaging/deb/debian/control'), 'utf8');
  const declared = [...control.matchAll(/^Package: (.+)$/gm)].map((match) => match[1]);
  assert.deepEqual(
    own.map((found) => found.name),
    declared.toSorted(),
  );
  assert.equal(new Set(own.map((found) => found.version)).size, 1);
  for (const found of own) {
    assert.equal(await found.field('Source'), 'xtreemos');
    assert.match(await found.field('Maintainer'), /^.+ <[^@ ]+@[^@ ]+>$/);
  }
});

test('no two packages have the same file; what they put into /etc are conffiles', async () => {
  const owners = new Map<string, string>();
  for (const found of own) {
    const conffiles = await succeed(['dpkg-deb', '--info', found.file, 'conffiles']).catch(() => '');
    for (const file of await found.files()) {
      assert.equal(owners.get(file), undefined, `${file}: ${owners.get(file)} and ${found.name}`);
      owners.set(file, found.name);
      if (file.startsWith('/etc/')) assert.ok(conffiles.split('\n').includes(file), `${file} is no conffile`);
    }
  }
  assert.equal(owners.get('/usr/bin/xos'), 'xtreemos-cli');
});

test('task packages hold what their names promise, through their dependencies', async () => {
  const reach = async (name: string, reached = new Set<string>()): Promise<ReadonlySet<string>> => {
    if (reached.has(name)) return reached;
    reached.add(name);
    const depends = await named(name).field('Depends');
    for (const dependency of depends.split(/[,|]/)) {
      const other = dependency.trim().split(' ')[0] ?? '';
      if (own.some((candidate) => candidate.name === other)) await reach(other, reached);
    }
    return reached;
  };
  const common = ['xtreemos-cli', 'xtreemos-native', 'xtreemos-runtime'];
  for (const [task, contents] of [
    ['xtreemos-client', common],
    ['xtreemos-head', [...common, 'xtreemos-vo']],
    ['xtreemos-fs-server', [...common, 'xtreemos-accounts']],
    ['xtreemos-resource', [...common, 'libnss-xtreemos', 'libpam-xtreemos', 'xtreemos-accounts']],
  ] as const) {
    assert.deepEqual([...(await reach(task))].sort(), [task, ...contents].sort());
  }
});

test('daemons, commands, modules and configuration files have manual pages', async () => {
  const files = (await Promise.all(own.map((found) => found.files()))).flat();
  const pages = new Set(files.flatMap((file) => /\/man\/man\d\/(.+)\.gz$/.exec(file)?.[1] ?? []));
  // Run by mount(8) and umount(8), which look for them by the type they are told and that of the mount.
  const daemons = files.flatMap((file) => /\/daemons\/(?!u?mount)(.+)\.js$/.exec(file)?.[1] ?? []);
  assert.deepEqual(daemons.toSorted(), ['accounts', 'dir', 'helper', 'mrc', 'osd', 'vo']);
  for (const helper of ['mount.xtreemfs', 'umount.xtreemfs', 'umount.fuse.xtreemfs']) {
    assert.ok(files.includes(`/usr/sbin/${helper}`), helper);
    assert.ok(pages.has(`${helper}.8`), helper);
  }
  for (const page of ['xos.1', 'pam_xos.8', 'libnss_xos.8', 'mapping.conf.5'])
    assert.ok(pages.has(page), page);
  for (const daemon of daemons) {
    assert.ok(pages.has(`xos-${daemon}.8`), daemon);
    assert.ok(pages.has(`xos-${daemon}.conf.5`), daemon);
    assert.ok(files.includes(`/usr/sbin/xos-${daemon}`), daemon);
  }
});

test('licences of what others wrote come with it', async (t) => {
  const folder = mkdtempSync(path.join(root, 'build/packages-test.'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const found of own) await found.extract(folder);
  const documentation = path.join(folder, 'usr/share/doc');
  const node = await succeed(['zcat', path.join(documentation, 'xtreemos-runtime/nodejs-license.txt.gz')]);
  for (const part of ['OpenSSL', 'V8', 'ICU', 'libuv', 'undici']) {
    assert.ok(node.includes(part), `Node.js's licence text does not speak of ${part}`);
  }
  const vo = await succeed(['zcat', path.join(documentation, 'xtreemos-vo/licenses.txt.gz')]);
  assert.match(vo, /^fastify \d[\d.]*: MIT$/m);
  assert.match(vo, /Permission is hereby granted/);
  const native = await succeed(['zcat', path.join(documentation, 'xtreemos-native/licenses.txt.gz')]);
  for (const text of ['The OpenLDAP Public License', 'LZ4 - Fast LZ compression', 'node-lmdb'])
    assert.ok(native.includes(text), text);
  for (const found of own) {
    const text = readFileSync(path.join(documentation, found.name, 'copyright'), 'utf8');
    assert.match(
      text,
      /^Format: https:\/\/www.debian.org\/doc\/packaging-manuals\/copyright-format\/1.0\/$/m,
    );
    assert.match(text, /THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS/);
  }
});
