/** What packaging/repository/make promises who publishes: the same bytes, nothing half, nothing lost, keys that stay secret. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  globSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { checkout } from '../hosts/ground.ts';
import { command } from '../sandbox/one-host-grid.ts';
import { makeProbePackages } from './probe-packages.ts';
import { makeSigningKey, publish, runMake } from './publishing.ts';

let folder: string;
const at = (...names: string[]): string => path.join(folder, ...names);
/** Of all signatures: the keys are older. */
let epoch: number;

before(async () => {
  mkdirSync(path.join(checkout, 'build'), { recursive: true });
  folder = mkdtempSync(path.join(checkout, 'build/repository-test-'));
  await makeProbePackages(at('first'), '1.0');
  await makeProbePackages(at('second'), '2.0');
  await makeSigningKey(at('key'));
  epoch = Math.floor(Date.now() / 1000) + 60;
});
after(() => rmSync(folder, { recursive: true }));

/** Name and sum of every file of a published repository. */
function sums(out: string): string[] {
  return globSync('**', { cwd: path.join(path.dirname(out), readlinkSync(out)), withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .map((file) => {
      const sum = createHash('sha256').update(readFileSync(file)).digest('hex');
      return `${file.replace(/^.*\.generation-[^/]+\//, '')} ${sum}`;
    })
    .sort();
}

const generations = (out: string): string[] =>
  readdirSync(path.dirname(out)).filter((name) => name.startsWith(`${path.basename(out)}.generation-`));

test('the same packages, key and time give the same bytes, wherever and however often', async () => {
  for (const out of ['same', 'same', 'same-elsewhere'])
    await publish({ packages: at('first'), out: at(out), key: at('key'), epoch });
  assert.deepEqual(sums(at('same')), sums(at('same-elsewhere')));
  // With what was published before looked at, and not.
  await publish({ packages: at('second'), out: at('same'), key: at('key'), epoch });
  assert.notDeepEqual(sums(at('same')), sums(at('same-elsewhere')));
  await publish({ packages: at('first'), out: at('same'), key: at('key'), epoch }, '--fresh');
  assert.deepEqual(sums(at('same')), sums(at('same-elsewhere')));
});

test('published packages stay until they are pruned, indexes of the generation before stay once', async () => {
  const published = { packages: at('first'), out: at('served'), key: at('key'), epoch };
  await publish(published);
  const indexes = (): string[] =>
    globSync(at('served/apt/dists/**/by-hash/SHA256/*')).map((file) => path.basename(file));
  const primaries = (): string[] =>
    globSync(at('served/dnf/repodata/*-primary.xml.gz')).map((file) => path.basename(file));
  const [firstIndexes, firstPrimaries] = [indexes(), primaries()];

  await publish({ ...published, packages: at('second'), epoch: epoch + 60 });
  const names = (): string[] =>
    globSync([at('served/apt/pool/**/*.deb'), at('served/dnf/packages/*.rpm')])
      .map((file) => path.basename(file))
      .sort();
  assert.deepEqual(
    names().filter((name) => !name.startsWith('xtreemos-archive-keyring')),
    ['1.0', '2.0']
      .flatMap((version) => [
        `xos-probe-${version}-1.noarch.rpm`,
        `xos-probe-common_${version}_all.deb`,
        `xos-probe_${version}_amd64.deb`,
        `xos-probe_${version}_arm64.deb`,
      ])
      .sort(),
  );
  const index = readFileSync(at('served/apt/dists/stable/main/binary-arm64/Packages'), 'utf8');
  assert.deepEqual(
    [...index.matchAll(/^Version: (\d\.\d)$/gm)].map(([, version]) => version),
    ['1.0', '2.0', '1.0', '2.0'],
  );
  assert.doesNotMatch(index, /^Architecture: amd64$/m);
  for (const name of firstIndexes) assert.ok(indexes().includes(name), name);
  for (const name of firstPrimaries) assert.ok(primaries().includes(name), name);
  assert.equal(generations(at('served')).length, 1);

  await publish({ ...published, packages: at('second'), epoch: epoch + 120 }, '--prune');
  assert.ok(
    names().every((name) => !name.includes('1.0')),
    names().join(' '),
  );
  assert.ok(firstIndexes.every((name) => !indexes().includes(name)));
});

test('an index is never older than the one it replaces', async () => {
  const published = { packages: at('first'), out: at('dated'), key: at('key') };
  const date = (): string =>
    /^Date: .*$/m.exec(readFileSync(at('dated/apt/dists/stable/Release'), 'utf8'))?.[0] ?? '';
  await publish({ ...published, epoch });
  assert.equal(date(), `Date: ${new Date(epoch * 1000).toUTCString()}`);
  await publish({ ...published, epoch: epoch - 30 });
  assert.equal(date(), `Date: ${new Date(epoch * 1000).toUTCString()}`);
});

test('another file under a published name is refused, and what is served stays as it is', async () => {
  const published = { packages: at('first'), out: at('kept'), key: at('key'), epoch };
  await publish(published);
  const before = sums(at('kept'));
  for (const [format, name] of [
    ['deb', 'xos-probe_1.0_amd64.deb'],
    ['rpm', 'xos-probe-1.0-1.noarch.rpm'],
  ] as const) {
    await makeProbePackages(at(`other-${format}`), '1.0', 'other content');
    mkdirSync(at(`changed-${format}`, format), { recursive: true });
    cpSync(at(`other-${format}`, format, name), at(`changed-${format}`, format, name));
    const result = await runMake({ ...published, packages: at(`changed-${format}`) });
    assert.equal(result.status, 1);
    assert.match(result.stderr, new RegExp(`${name}: another file was published under this name`));
    assert.deepEqual(sums(at('kept')), before);
    assert.equal(generations(at('kept')).length, 1);
  }
});

test('a run that is killed leaves what is served, and its remains go with the next', async () => {
  const published = { packages: at('first'), out: at('killed'), key: at('key'), epoch };
  await publish(published);
  const before = sums(at('killed'));
  const unfinished = at('killed.generation-killed');
  mkdirSync(path.join(unfinished, 'apt'), { recursive: true });
  await publish(published);
  assert.deepEqual(sums(at('killed')), before);
  assert.equal(existsSync(unfinished), false);
  assert.ok(lstatSync(at('killed')).isSymbolicLink());

  mkdirSync(at('foreign'));
  const result = await runMake({ ...published, out: at('foreign') });
  assert.equal(result.status, 1);
  assert.match(result.stderr, /is not what this command publishes/);
});

test('a key with a passphrase signs with it alone, and no key file is open to others', async () => {
  const key = (...words: string[]) =>
    command([path.join(checkout, 'packaging/repository/key'), '--email', 'a@xtreemos.example', ...words]);
  writeFileSync(at('passphrase'), 'correct horse battery staple\n', { mode: 0o600 });
  writeFileSync(at('wrong'), 'incorrect horse\n', { mode: 0o600 });
  const made = await key('--out', at('locked'), '--passphrase-file', at('passphrase'));
  assert.equal(made.status, 0, made.stderr);
  for (const name of ['locked', 'locked.revocation'])
    assert.equal(statSync(at(name)).mode & 0o777, 0o600, name);
  assert.match(readFileSync(at('locked.public'), 'utf8'), /^-----BEGIN PGP PUBLIC KEY BLOCK-----/);

  const published = { packages: at('first'), out: at('locked-out'), key: at('locked'), epoch };
  assert.match((await runMake(published)).stderr, /the signing key has a passphrase/);
  assert.notEqual((await runMake(published, '--passphrase-file', at('wrong'))).status, 0);
  assert.equal(existsSync(at('locked-out')), false);
  await publish(published, '--passphrase-file', at('passphrase'));

  const again = await key('--out', at('locked'), '--without-passphrase');
  assert.notEqual(again.status, 0, 'a key was overwritten');
  assert.match((await key('--out', at('unasked'))).stderr, /no terminal to ask for a passphrase/);
});

test('keys that hosts are to trust as well are in every keyring, and give the package a newer version', async () => {
  await makeSigningKey(at('next'));
  const published = { packages: at('first'), out: at('rotating'), key: at('key'), epoch };
  await publish(published);
  const keyrings = (): string[] =>
    globSync(at('rotating/apt/pool/main/x/xtreemos-archive-keyring/*.deb')).sort();
  const [first = ''] = keyrings();
  await publish(published, '--also-trust', at('next.public'));
  const [kept = '', newer = ''] = keyrings();
  assert.equal(path.basename(kept), path.basename(first));
  const version = (file: string): string => path.basename(file).split('_')[1] ?? '';
  const compared = await command(['dpkg', '--compare-versions', version(newer), 'gt', version(kept)]);
  assert.equal(compared.status, 0, `${version(newer)} is not newer than ${version(kept)}`);
  const armored = readFileSync(at('rotating/xtreemos-archive-keyring.asc'), 'utf8');
  assert.equal(armored.match(/BEGIN PGP PUBLIC KEY BLOCK/g)?.length, 2);
});
