import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { build, type Plugin } from 'esbuild';

/** Where xtreemos-native puts the addons. */
const addonDirectory = '/usr/lib/xtreemos/native';

/** File beneath /usr/lib/xtreemos, and the program it is made of. */
const programs: readonly {
  readonly file: string;
  readonly main: string;
  /** Where the licences of several programs stand together, in a package that has them all. */
  readonly licenses?: string;
}[] = [
  { file: 'daemons/accounts.js', main: 'daemons/accounts/main.ts' },
  { file: 'daemons/helper.js', main: 'daemons/helper/main.ts' },
  { file: 'daemons/dir.js', main: 'daemons/directory/main.ts', licenses: 'fs-server' },
  { file: 'daemons/mount.js', main: 'daemons/mount/main.ts' },
  { file: 'daemons/umount.js', main: 'daemons/mount/umount.ts', licenses: 'mount' },
  { file: 'daemons/mrc.js', main: 'daemons/metadata/main.ts', licenses: 'fs-server' },
  { file: 'daemons/osd.js', main: 'daemons/objects/main.ts', licenses: 'fs-server' },
  { file: 'daemons/vo.js', main: 'daemons/vo/main.ts' },
  { file: 'cli/xos', main: 'cli/main.ts' },
];

/** lmdb looks for its addon among prebuilt ones beside it; ours is where the other addons are (native/Makefile). */
const lmdbAddon: Plugin = {
  name: 'lmdb-addon',
  setup(build) {
    const namespace = 'lmdb-addon';
    build.onResolve({ filter: /^node-gyp-build-optional-packages$/ }, ({ importer }) => {
      if (!/node_modules\/lmdb\/[^/]+$/.test(importer))
        throw new Error(`${importer} loads an addon of its own`);
      return { path: 'lmdb.node', namespace };
    });
    build.onLoad({ filter: /./, namespace }, () => ({
      contents: `import { createRequire } from 'node:module';
        export default () => createRequire(import.meta.url)('${addonDirectory}/lmdb.node');`,
    }));
    // A faster reader of strings in MessagePack, which nothing of ours stores; msgpackr goes without.
    build.onResolve({ filter: /^msgpackr-extract$/ }, ({ path }) => ({ path, namespace: 'absent' }));
    build.onLoad({ filter: /./, namespace: 'absent' }, () => ({ contents: 'module.exports = undefined;' }));
  },
};

/**
 * Makes one file of each program, for the packages: usage `bundle.ts VERSION OUTPUT`, in the root of the sources.
 * Names and lines stay as they are written, so that a stack trace in a journal can be read.
 * Paths in the output are relative to the root of the sources. Beside each stands `licenses/NAME/licenses.txt`,
 * with what the authors of the bundled libraries ask to be passed on.
 */
async function bundle(version: string, output: string): Promise<void> {
  const inputs = new Map<string, string[]>();
  for (const { file, main, licenses = basename(file, '.js') } of programs) {
    const { metafile } = await build({
      metafile: true,
      entryPoints: [main],
      outfile: join(output, file),
      bundle: true,
      platform: 'node',
      target: 'node24',
      format: 'esm',
      keepNames: true,
      plugins: [lmdbAddon],
      legalComments: 'none',
      // CommonJS modules of npm call require() for Node's own modules; an ES module has none unless it makes one.
      banner: {
        js: [
          "import { createRequire as __createRequire } from 'node:module';",
          'const require = __createRequire(import.meta.url);',
        ].join('\n'),
      },
      define: { XOS_VERSION: JSON.stringify(version), XOS_ADDONS: JSON.stringify(addonDirectory) },
      logLevel: 'warning',
    });
    // What the bundle is made of, for packaging/sbom.ts.
    await mkdir(join(output, 'metafiles'), { recursive: true });
    await writeFile(join(output, 'metafiles', `${file.replaceAll('/', '-')}.json`), JSON.stringify(metafile));
    inputs.set(licenses, [...(inputs.get(licenses) ?? []), ...Object.keys(metafile.inputs)]);
  }
  for (const [name, files] of inputs) {
    await mkdir(join(output, 'licenses', name), { recursive: true });
    await writeFile(join(output, 'licenses', name, 'licenses.txt'), await licensesOf(files));
  }
  // Beneath this, .js files are ES modules.
  await writeFile(join(output, 'package.json'), '{ "type": "module" }\n');
  const command = join(output, 'cli/xos');
  const text = await readFile(command, 'utf8');
  await writeFile(command, text.replace(/^#!.*/, '#!/usr/lib/xtreemos/bin/node'));
  await chmod(command, 0o755);
}

async function licensesOf(inputs: readonly string[]): Promise<string> {
  const folders = new Set(
    inputs.flatMap((input) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0] ?? []),
  );
  const texts: string[] = [];
  for (const folder of [...folders].sort()) {
    const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as {
      readonly name: string;
      readonly version: string;
      readonly license?: string;
    };
    const file = (await readdir(folder)).sort().find((name) => /^licen[cs]e/i.test(name));
    const text = file === undefined ? '' : `\n${await readFile(join(folder, file), 'utf8')}`;
    texts.push(`${manifest.name} ${manifest.version}: ${manifest.license ?? 'see below'}\n${text}`);
  }
  return texts.join(`\n${'-'.repeat(80)}\n\n`);
}

const [version, output] = process.argv.slice(2);
if (version === undefined || output === undefined) throw new Error('usage: bundle.ts VERSION OUTPUT');
await bundle(version, output);
