/** apt of Debian 12 and 13 takes the repository as docs/installation.md says, and nothing that was tampered with. */
import assert from 'node:assert/strict';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { readPrivateKey, reformatKey } from 'openpgp';
import { makeAptRepository } from '../../packaging/repository/apt-repository.ts';
import { makeKey, Signer } from '../../packaging/repository/signing-key.ts';
import { PackageClients, type Root } from './package-clients.ts';
import { makeProbePackages } from './probe-packages.ts';
import { flipBit, makeSigningKey, mirror, publish } from './publishing.ts';

let clients: PackageClients;
const at = (...names: string[]): string => path.join(clients.folder, ...names);

before(async () => {
  clients = await PackageClients.make();
  await makeProbePackages(at('packages'), '1.0');
  await makeSigningKey(at('key'));
  await publish(
    { packages: at('packages'), out: at('good'), key: at('key') },
    ...['--url', `${clients.url}/good`],
  );
});
after(async () => await clients.remove());

const keyring = '/usr/share/keyrings/xtreemos-archive-keyring.gpg';

/** What an administrator types. @param trusted whose key he fetches. */
async function addSource(root: Root, name: string, trusted = name): Promise<void> {
  await root.succeed(`wget -q -O ${keyring} ${clients.url}/${trusted}/xtreemos-archive-keyring.gpg`);
  const sources = '/etc/apt/sources.list.d/xtreemos.sources';
  await root.succeed(`wget -q -O ${sources} ${clients.url}/good/xtreemos.sources`);
  await root.succeed(`sed -i 's,/good/,/${name}/,' ${sources}`);
}

/** `apt-get update` with the checks that the machine which made the root may have switched off there. */
async function update(root: Root): Promise<{ readonly failed: boolean; readonly said: string }> {
  const checks =
    '-o Acquire::Check-Valid-Until=true -o Acquire::Check-Date=true -o Acquire::Languages=none -o Acquire::Retries=0';
  const result = await root.run(`apt-get update -o APT::Update::Error-Mode=any ${checks}`);
  return { failed: result.status !== 0, said: result.stdout + result.stderr };
}

for (const suite of ['bookworm', 'trixie'] as const) {
  test(`${suite}: apt installs from the repository, its keyring then comes by package`, async () => {
    const root = await clients.root(suite);
    await addSource(root, 'good');
    const { failed, said } = await update(root);
    assert.equal(failed, false, said);
    assert.doesNotMatch(said, /^[WE]:/m);
    await root.succeed('apt-get install -y xos-probe xtreemos-archive-keyring');
    assert.equal(await root.succeed('cat /usr/share/xos-probe-common/content'), '1.0');
    assert.match(await root.succeed('apt-cache policy xos-probe'), /http.*stable\/main amd64 Packages/);
    assert.match(await root.succeed(`dpkg -S ${keyring}`), /^xtreemos-archive-keyring:/);
    assert.match(await root.succeed('apt-get update'), /Get:|Hit:/);
  });

  test(`${suite}: what was tampered with is refused`, async () => {
    const root = await clients.root(suite);
    const refused = async (name: string, expected: RegExp, trusted?: string): Promise<void> => {
      await addSource(root, name, trusted);
      await root.succeed('rm -rf /var/lib/apt/lists/*');
      const { failed, said } = await update(root);
      assert.ok(failed, `${name} was accepted: ${said}`);
      assert.match(said, expected, name);
      assert.notEqual((await root.run('apt-get install -y xos-probe')).status, 0, name);
    };

    mirror(at('good'), at('tampered-index'));
    for (const file of globSync(at('tampered-index/apt/dists/stable/main/**'), { withFileTypes: true }))
      if (file.isFile()) flipBit(path.join(file.parentPath, file.name));
    await refused('tampered-index', /Hash Sum mismatch|unexpected size/);

    mirror(at('good'), at('tampered-release'));
    const inRelease = at('tampered-release/apt/dists/stable/InRelease');
    const text = readFileSync(inRelease, 'utf8');
    writeFileSync(inRelease, text.replace('Label: XtreemOS', 'Label: XtreemOs'));
    await refused('tampered-release', /BADSIG|[Bb]ad [Ss]ignature|not signed|Message has been manipulated/);

    mirror(at('good'), at('unsigned'));
    writeFileSync(
      at('unsigned/apt/dists/stable/InRelease'),
      readFileSync(at('good/apt/dists/stable/Release')),
    );
    await refused('unsigned', /not signed|NOSPLIT|Clearsigned file/);

    await makeSigningKey(at(`other-key-${suite}`));
    await publish({ packages: at('packages'), out: at(`other-${suite}`), key: at(`other-key-${suite}`) });
    await refused(`other-${suite}`, /NO_PUBKEY|Missing key|not signed/, 'good');

    // The index is right, the package is not.
    mirror(at('good'), at('tampered-package'));
    for (const file of globSync(at('tampered-package/apt/pool/**/*.deb'))) flipBit(file);
    await addSource(root, 'tampered-package');
    await root.succeed('rm -rf /var/lib/apt/lists/*');
    assert.equal((await update(root)).failed, false);
    const install = await root.run('apt-get install -y -o Acquire::Retries=0 xos-probe');
    assert.notEqual(install.status, 0);
    assert.match(install.stdout + install.stderr, /Hash Sum mismatch/);
    assert.notEqual((await root.run('dpkg -s xos-probe')).status, 0);
  });

  test(`${suite}: an expired key and expired indexes are refused, older indexes are ignored`, async () => {
    const root = await clients.root(suite);
    const past = new Date(Date.now() - 20 * 86_400_000);
    const old = await makeKey({
      name: 'Old',
      email: 'old@xtreemos.example',
      algorithm: 'ed25519',
      now: past,
    });
    const signer = await Signer.open(old.privateKey, undefined, new Date());
    const now = new Date(Date.now() - 3_600_000);

    // What hosts hold says that the key expired ten days ago; whoever has the private key signs with it all the same.
    await makeDated(`by-old-key-${suite}`, signer, now, undefined);
    const { publicKey } = await reformatKey({
      privateKey: await readPrivateKey({ armoredKey: old.privateKey }),
      userIDs: [{ name: 'Old', email: 'old@xtreemos.example' }],
      keyExpirationTime: 10 * 86_400,
      date: past,
      format: 'object',
    });
    writeFileSync(at(`by-old-key-${suite}`, 'xtreemos-archive-keyring.gpg'), publicKey.write());
    await addSource(root, `by-old-key-${suite}`);
    const byKey = await update(root);
    assert.ok(byKey.failed, byKey.said);
    assert.match(byKey.said, /EXPKEYSIG|expired on|not alive|not live/);

    await makeDated(`stale-${suite}`, signer, past, 7);
    await addSource(root, `stale-${suite}`);
    const byDate = await update(root);
    assert.ok(byDate.failed, byDate.said);
    assert.match(byDate.said, /Release file .* is expired|Valid-Until/);

    // The same address serves what is newer first, and then what was there before.
    await makeDated(`rolled-${suite}`, signer, now, undefined);
    await addSource(root, `rolled-${suite}`);
    assert.deepEqual((await update(root)).failed, false);
    const before = await root.succeed('cat /var/lib/apt/lists/*_InRelease');
    await makeDated(`rolled-${suite}`, signer, past, undefined);
    await update(root);
    assert.equal(await root.succeed('cat /var/lib/apt/lists/*_InRelease'), before);
  });
}

/** A repository of any date: packaging/repository/make dates nothing before its key. */
async function makeDated(
  name: string,
  signer: Signer,
  date: Date,
  validDays: number | undefined,
): Promise<void> {
  await makeAptRepository({
    packages: globSync(at('packages/deb/*.deb')),
    folder: at(name, 'apt'),
    previous: undefined,
    prune: false,
    signer,
    date,
    validDays,
  });
  writeFileSync(at(name, 'xtreemos-archive-keyring.gpg'), signer.publicKey.write());
}

test('gpgv and sqv, which apt of Debian 12 and 13 call, verify both signatures', async () => {
  const verifiers = [
    ['bookworm', 'gpgv --keyring'],
    ['trixie', 'sqv --keyring'],
  ] as const;
  for (const [suite, verifier] of verifiers) {
    const root = await clients.root(suite);
    await addSource(root, 'good');
    for (const name of ['Release', 'Release.gpg', 'InRelease'])
      await root.succeed(`wget -q -O /tmp/${name} ${clients.url}/good/apt/dists/stable/${name}`);
    await root.succeed(`${verifier} ${keyring} /tmp/Release.gpg /tmp/Release`);
    if (suite === 'trixie')
      await root.succeed(`sqv --cleartext --output /tmp/signed --keyring ${keyring} /tmp/InRelease`);
    else await root.succeed(`gpgv --keyring ${keyring} /tmp/InRelease`);
    await root.succeed('echo >>/tmp/Release');
    assert.notEqual((await root.run(`${verifier} ${keyring} /tmp/Release.gpg /tmp/Release`)).status, 0);
  }
});
