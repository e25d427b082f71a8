/** The bills of material: valid CycloneDX, and true. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createReadStream, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import test, { after, before } from 'node:test';
import { Ajv } from 'ajv';
import { succeed } from '../sandbox/one-host-grid.ts';
import { type DebianPackage, debianPackages, ownArchitecture } from './debian-packages.ts';

interface Component {
  readonly type: string;
  readonly group?: string;
  readonly name: string;
  readonly version?: string;
  readonly purl?: string;
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
  readonly components?: readonly Component[];
}

interface Bill {
  readonly serialNumber: string;
  readonly metadata: { readonly component: Component };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

const checkout = path.resolve(import.meta.dirname, '../..');
const architecture = await ownArchitecture();
const withFiles = (): readonly DebianPackage[] =>
  debianPackages(architecture).filter(({ name }) => !/^xtreemos-(resource|client|head)$/.test(name));
/** All packages, unpacked. */
let root = '';

before(async () => {
  root = mkdtempSync(path.join(checkout, 'build/packages-test.'));
  for (const found of withFiles()) await found.extract(root);
});
after(() => rmSync(root, { recursive: true, force: true }));

const textOf = (name: string): string =>
  readFileSync(path.join(root, 'usr/share/doc', name, 'sbom.cdx.json'), 'utf8');
const billOf = (name: string): Bill => JSON.parse(textOf(name)) as Bill;
const fullName = ({ group, name }: Component): string => (group === undefined ? name : `${group}/${name}`);

test('they are valid CycloneDX 1.6', () => {
  const schemas = path.join(
    path.dirname(createRequire(import.meta.url).resolve('@cyclonedx/cyclonedx-library/package.json')),
    'res/schema',
  );
  const schema = (name: string): object =>
    JSON.parse(readFileSync(path.join(schemas, `${name}.SNAPSHOT.schema.json`), 'utf8')) as object;
  const ajv = new Ajv({ strict: false });
  // The schema of the bill names the others beside itself by file.
  for (const name of ['spdx', 'jsf-0.82', 'cryptography-defs'])
    ajv.addSchema(schema(name), `http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json`);
  ajv.addFormat('date-time', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
  ajv.addFormat('iri-reference', /^[^\s<>"{}|\\^`]*$/);
  ajv.addFormat('idn-email', /^[^@\s]+@[^@\s]+$/);
  const validate = ajv.compile(schema('bom-1.6'));
  for (const { name } of withFiles()) {
    assert.ok(validate(billOf(name)), `${name}: ${JSON.stringify(validate.errors, null, 1)}`);
  }
  // The schema does refuse something.
  assert.equal(validate({ ...billOf('xtreemos-vo'), components: [{ name: 'no type' }] }), false);
  const unknownLicense = { type: 'library', name: 'x', licenses: [{ license: { id: 'Free-Beer' } }] };
  assert.equal(validate({ ...billOf('xtreemos-vo'), components: [unknownLicense] }), false);
});

test('they name exactly the libraries whose licences the packages carry', async () => {
  for (const name of [
    'xtreemos-accounts',
    'xtreemos-cli',
    'xtreemos-fs-client',
    'xtreemos-fs-server',
    'xtreemos-vo',
  ]) {
    const licenses = await succeed([
      'zcat',
      '--force',
      ...globSync(path.join(root, 'usr/share/doc', name, 'licenses.txt*')),
    ]);
    const carried = licenses
      .split(`${'-'.repeat(80)}\n`)
      .flatMap((part) => /^\s*(\S+) (\S+): /.exec(part)?.slice(1, 3).join('@') ?? []);
    const named = billOf(name).components.map((component) => `${fullName(component)}@${component.version}`);
    const missing = carried.filter((found) => !named.includes(found));
    assert.deepEqual(missing, [], name);
    assert.ok(carried.length > 0);
  }
  assert.ok(billOf('xtreemos-vo').components.some(({ name }) => name === 'fastify'));
});

test('hashes are those of the files, and of what npm delivers', async () => {
  const lock = JSON.parse(readFileSync(path.join(checkout, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly version?: string; readonly integrity?: string }>>;
  };
  const known = new Set(
    Object.values(lock.packages).map(({ integrity = '' }) =>
      Buffer.from(integrity.replace('sha512-', ''), 'base64').toString('hex'),
    ),
  );
  let files = 0;
  for (const { name } of withFiles()) {
    const { metadata, components } = billOf(name);
    for (const file of metadata.component.components ?? []) {
      const hash = createHash('sha256');
      await pipeline(createReadStream(path.join(root, file.name)), hash);
      assert.deepEqual(file.hashes, [{ alg: 'SHA-256', content: hash.digest('hex') }], file.name);
      files += 1;
    }
    for (const component of components.filter(({ type }) => type === 'library')) {
      const [hash] = component.hashes ?? [];
      assert.ok(hash !== undefined && known.has(hash.content), component.purl);
    }
  }
  assert.equal(files, 9);
});

test('the runtime is the Node.js that the tests run on, with its parts', () => {
  const [node] = billOf('xtreemos-runtime').components;
  assert.equal(node?.version, process.versions.node);
  const parts = new Map(node?.components?.map(({ name, version }) => [name, version]));
  for (const part of ['openssl', 'v8', 'uv', 'sqlite', 'zlib', 'undici'] as const) {
    assert.equal(parts.get(part), process.versions[part]);
  }
});

test('every dependency is a component of the same bill, and only our package depends on all', () => {
  for (const { name } of withFiles()) {
    const { components, dependencies, metadata } = billOf(name);
    const references = new Set([metadata.component.purl, ...components.map(({ purl }) => purl)]);
    for (const { ref, dependsOn } of dependencies) {
      for (const reference of [ref, ...dependsOn])
        assert.ok(references.has(reference), `${name}: ${reference}`);
    }
  }
  const vo = billOf('xtreemos-vo');
  const fastify = vo.dependencies.find(({ ref }) => ref.startsWith('pkg:npm/fastify@'));
  assert.ok(fastify?.dependsOn.some((url) => url.startsWith('pkg:npm/avvio@')));
});
