/**
 * The layer rule of docs/architecture.md: imports point downward only, a workspace is used through its index.ts alone,
 * nothing imports a daemon, and a workspace imports only what its package.json lists.
 */
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** Layers from the lowest up; a file may import its own workspace and lower layers (same layer only where `peers`). */
const layers: readonly { readonly folders: readonly string[]; readonly peers: boolean }[] = [
  { folders: ['native/sys', 'native/keyring', 'native/pam', 'native/nss', 'native/fuse'], peers: false },
  { folders: ['packages/base'], peers: false },
  {
    folders: [
      'packages/dbus',
      'packages/fuse',
      'packages/identity',
      'packages/policy',
      'packages/module-protocol',
      'packages/rpc',
      'packages/store',
      'packages/xtreemfs',
    ],
    peers: true,
  },
  { folders: ['packages/vo-client', 'packages/accounts-client', 'packages/helper-client'], peers: false },
  {
    folders: [
      'daemons/vo',
      'daemons/accounts',
      'daemons/helper',
      'daemons/directory',
      'daemons/metadata',
      'daemons/objects',
      'daemons/mount',
      'cli',
      'web',
      'saga',
    ],
    peers: false,
  },
];
// Specifiers hold neither spaces nor line ends; `Buffer.from('x')` imports nothing.
const importPattern = /(?<![.\w])(?:from|import)\s*\(?\s*['"]([\w@./:-]+)['"]/g;

interface Workspace {
  readonly folder: string;
  readonly name: string;
  readonly layer: number;
  readonly dependencies: ReadonlySet<string>;
}

/** @returns a line per violation: file, import, and the rule it breaks. */
export function layerViolations(root: string): string[] {
  const workspaces = layers.flatMap((layer, index) =>
    layer.folders.flatMap((folder) => readWorkspace(root, folder, index)),
  );
  const byName = new Map(workspaces.map((workspace) => [workspace.name, workspace]));
  return workspaces.flatMap((workspace) =>
    globSync(`${workspace.folder}/**/*.ts`, {
      cwd: root,
      exclude: ['**/node_modules/**', '**/build/**'],
    }).flatMap((file) =>
      [...readFileSync(path.join(root, file), 'utf8').matchAll(importPattern)].flatMap(
        ([, specifier = '']) => {
          const rule = brokenRule(workspace, file, specifier, byName);
          return rule === undefined ? [] : [`${file}: imports ${specifier}: ${rule}`];
        },
      ),
    ),
  );
}

function readWorkspace(root: string, folder: string, layer: number): Workspace[] {
  if (globSync(`${folder}/package.json`, { cwd: root }).length === 0) return [];
  const manifest = JSON.parse(readFileSync(path.join(root, folder, 'package.json'), 'utf8')) as {
    name: string;
    dependencies?: Record<string, string>;
  };
  return [
    { folder, name: manifest.name, layer, dependencies: new Set(Object.keys(manifest.dependencies ?? {})) },
  ];
}

function brokenRule(
  from: Workspace,
  file: string,
  specifier: string,
  byName: ReadonlyMap<string, Workspace>,
): string | undefined {
  if (specifier.startsWith('node:')) return undefined;
  const isTest = file.endsWith('.test.ts') || file.includes('/test/') || file.includes('fixture');
  if (specifier.startsWith('.')) {
    const target = path.normalize(path.join(path.dirname(file), specifier));
    const inside = target.startsWith(`${from.folder}/`);
    return inside || isTest ? undefined : 'reaches into another workspace; use its name';
  }
  const packageName = specifier.startsWith('@')
    ? specifier.split('/').slice(0, 2).join('/')
    : (specifier.split('/')[0] ?? '');
  const target = byName.get(packageName);
  if (target === undefined) {
    if (isTest || from.dependencies.has(packageName)) return undefined;
    return `${packageName} is not a dependency in ${from.folder}/package.json`;
  }
  if (specifier !== target.name) return 'a workspace is used through its index.ts';
  if (isTest || target === from) return undefined;
  if (!from.dependencies.has(target.name))
    return `${target.name} is not a dependency in ${from.folder}/package.json`;
  if (target.layer > from.layer) return 'points upward';
  if (target.layer === from.layer && layers[from.layer]?.peers !== true) return 'points sideways';
  return undefined;
}
