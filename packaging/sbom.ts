/**
 * Writes a bill of materials (CycloneDX) for each package with files in it: `sbom.ts VERSION ARCH OUTPUT`, in the root of a
 * tree that packaging/build made. They stand in OUTPUT/PACKAGE/sbom.cdx.json.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type BundledPackage,
  bundledPackages,
  hexadecimal,
  installedPackage,
} from './sbom/bundled-packages.ts';
import { billOfMaterials, type Component, type Dependency, licenses } from './sbom/cyclonedx.ts';

interface Contents {
  /** Bundles beneath build/bundles, by the path they are installed at beneath /usr/lib/xtreemos. */
  readonly bundles?: readonly string[];
  /** npm packages of which headers or sources are compiled in. */
  readonly compiledIn?: readonly string[];
  readonly runtime?: true;
}

/** A package that is not named here has no files, or only our own text in it. */
const contents: Readonly<Record<string, Contents>> = {
  'libnss-xtreemos': {},
  'libpam-xtreemos': {},
  'xtreemos-accounts': { bundles: ['daemons/accounts.js', 'daemons/helper.js'] },
  'xtreemos-cli': { bundles: ['cli/xos'] },
  'xtreemos-fs-client': { bundles: ['daemons/mount.js', 'daemons/umount.js'] },
  'xtreemos-fs-server': { bundles: ['daemons/dir.js', 'daemons/mrc.js', 'daemons/osd.js'] },
  'xtreemos-native': {
    compiledIn: ['node-addon-api', 'node-api-headers', 'lmdb', 'lmdb/node_modules/node-addon-api'],
  },
  'xtreemos-runtime': { runtime: true },
  'xtreemos-vo': { bundles: ['daemons/vo.js'] },
};

const sha256 = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');

function installedFile(source: string, target: string): Component {
  return {
    type: 'file',
    'bom-ref': `file:${target}`,
    name: target,
    hashes: [{ alg: 'SHA-256', content: sha256(source) }],
  };
}

function npmUrl({ name, version }: BundledPackage): string {
  return `pkg:npm/${name.replace('@', '%40')}@${version}`;
}

function npmComponent(bundled: BundledPackage): Component {
  const [group, name] = bundled.name.startsWith('@') ? bundled.name.split('/') : [undefined, bundled.name];
  return {
    type: 'library',
    'bom-ref': npmUrl(bundled),
    ...(group === undefined ? {} : { group }),
    name: name ?? bundled.name,
    version: bundled.version,
    hashes: [{ alg: 'SHA-512', content: bundled.sha512 }],
    licenses: licenses(bundled.license),
    purl: npmUrl(bundled),
  };
}

/** Node.js and what it says to be built of. Its licence text has the licences of these. */
function runtimeComponent(arch: string): Component {
  const pinned = JSON.parse(readFileSync('packaging/runtime.json', 'utf8')) as {
    readonly version: string;
    readonly packages: Readonly<Record<string, { readonly name: string; readonly integrity: string }>>;
  };
  const chosen = pinned.packages[arch];
  if (chosen === undefined) throw new Error(`packaging/runtime.json has no Node.js for ${arch}`);
  // Both architectures are of one release, whose parts this process can tell.
  if (pinned.version !== process.versions.node)
    throw new Error(
      `packaging/runtime.json pins Node.js ${pinned.version}, npm ci brought ${process.versions.node}`,
    );
  const purl = `pkg:npm/${chosen.name}@${pinned.version}`;
  const notLibraries = new Set(['node', 'modules', 'napi']);
  const parts = Object.entries(process.versions)
    .filter((part): part is [string, string] => part[1] !== undefined && !notLibraries.has(part[0]))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, version]): Component => ({ type: 'library', 'bom-ref': `${purl}#${name}`, name, version }));
  return {
    type: 'platform',
    'bom-ref': purl,
    name: 'node',
    version: pinned.version,
    hashes: [{ alg: 'SHA-512', content: hexadecimal(chosen.integrity) }],
    licenses: licenses('MIT'),
    purl,
    components: parts,
  };
}

function describe(name: string, version: string, arch: string, secondsSinceEpoch: number): object {
  const { bundles = [], compiledIn = [], runtime } = contents[name] ?? {};
  const packages = new Map<string, BundledPackage>();
  for (const bundle of bundles) {
    const metafile = join('build/bundles/metafiles', `${bundle.replaceAll('/', '-')}.json`);
    for (const bundled of bundledPackages('.', JSON.parse(readFileSync(metafile, 'utf8')))) {
      const known = packages.get(bundled.folder);
      const imports = [...new Set([...(known?.imports ?? []), ...bundled.imports])].sort();
      packages.set(bundled.folder, { ...bundled, imports });
    }
  }
  for (const header of compiledIn) {
    const folder = `node_modules/${header}`;
    packages.set(folder, installedPackage('.', folder));
  }
  const sorted = [...packages.values()].sort((a, b) => (npmUrl(a) < npmUrl(b) ? -1 : 1));
  // Two copies of one version in node_modules are one component.
  const byUrl = new Map(sorted.map((bundled) => [npmUrl(bundled), bundled]));
  const urlOf = (folder: string): string[] => {
    const bundled = packages.get(folder);
    return bundled === undefined ? [] : [npmUrl(bundled)];
  };
  const subject: Component = {
    type: 'application',
    'bom-ref': `pkg:generic/${name}@${version}`,
    name,
    version,
    licenses: licenses('BSD-2-Clause'),
    purl: `pkg:generic/${name}@${version}`,
    components: bundles.map((bundle) =>
      installedFile(join('build/bundles', bundle), `/usr/lib/xtreemos/${bundle}`),
    ),
  };
  const components = [...byUrl.values()].map(npmComponent);
  if (runtime === true) components.push(runtimeComponent(arch));
  const dependencies: Dependency[] = [
    { ref: subject['bom-ref'], dependsOn: components.map((component) => component['bom-ref']) },
    ...[...byUrl].map(([ref, { imports }]) => ({
      ref,
      dependsOn: [...new Set(imports.flatMap(urlOf))].filter((url) => url !== ref).sort(),
    })),
  ];
  return billOfMaterials(subject, components, dependencies, secondsSinceEpoch);
}

const [version, arch, output] = process.argv.slice(2);
const epoch = Number(process.env['SOURCE_DATE_EPOCH']);
if (version === undefined || arch === undefined || output === undefined || !Number.isInteger(epoch))
  throw new Error('usage: SOURCE_DATE_EPOCH=SECONDS sbom.ts VERSION ARCH OUTPUT');
for (const name of Object.keys(contents)) {
  mkdirSync(join(output, name), { recursive: true });
  const text = JSON.stringify(describe(name, version, arch, epoch), null, 1);
  writeFileSync(join(output, name, 'sbom.cdx.json'), `${text}\n`);
}
