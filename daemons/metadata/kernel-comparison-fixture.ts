/** Random calls of three users on a volume and on a file system of the kernel: the same errno, and the same files afterwards. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { bytesOf, Caller, open, statusOf, type User } from '../../test/fs/calls/caller.ts';
import { randomFrom } from '../../test/random-numbers.ts';
import { attach, makeVolume, startServers } from './metadata-fixtures.ts';
import { type AclText, PathClient } from './path-client-fixture.ts';

const users: readonly Required<User>[] = [
  { uid: 0, gid: 0, groups: [0] },
  { uid: 1000, gid: 1000, groups: [1000, 2000] },
  { uid: 1001, gid: 1001, groups: [1001, 2000] },
];
const accessAcl = 'system.posix_acl_access';
/** So that nobody waits for the other end of a pipe. */
const nonBlocking = 0o4000;
const defaultAcl = 'system.posix_acl_default';

/** As setxattr(2) takes it: linux/posix_acl_xattr.h. */
function aclBytes(entries: readonly AclText[]): Buffer {
  const bytes = Buffer.alloc(4 + entries.length * 8);
  bytes.writeUInt32LE(2);
  entries.forEach(({ tag, permissions, id }, index) => {
    bytes.writeUInt16LE(tag, 4 + index * 8);
    bytes.writeUInt16LE(permissions, 6 + index * 8);
    bytes.writeInt32LE(id, 8 + index * 8);
  });
  return bytes;
}

interface Side {
  readonly kernel: Caller;
  readonly volume: PathClient;
}

interface Step {
  readonly text: string;
  readonly kernel: () => Promise<string>;
  readonly volume: () => Promise<string>;
}

function stepOf({ kernel, volume }: Side, below: (limit: number) => number): Step {
  const name = () => 'abcd'[below(4)] ?? 'a';
  const path = () => Array.from({ length: 1 + below(3) }, name).join('/');
  const pick = <Value>(...values: readonly Value[]) => values[below(values.length)] as Value;
  const one = path();
  const other = path();
  const mode = pick(
    0o777,
    0o755,
    0o700,
    0o644,
    0o600,
    0o1777,
    0o2775,
    0o4755,
    0o6711,
    0o2644,
    0o070,
    0o007,
    0,
  );
  const id = pick(-1, 0, 1000, 1001, 2000);
  const second = pick(-1, 0, 1000, 1001, 2000);
  const number = below(3);
  const step = (
    text: string,
    call: readonly (string | number | Uint8Array)[],
    work: () => Promise<string>,
  ): Step => ({
    text: `uid ${kernel.user.uid}: ${text} ${call.slice(1).join(' ')}`,
    kernel: async () => (await kernel.call(String(call[0]), ...call.slice(1))).result,
    volume: work,
  });
  const opened = (text: string, flags: number, work: () => Promise<string>): Step => ({
    text: `uid ${kernel.user.uid}: ${text} ${one} ${mode.toString(8)}`,
    kernel: async () => {
      const { result, values } = await kernel.call('open', one, flags | nonBlocking, mode);
      if (result === 'ok') await kernel.done('close', values[0] ?? '');
      return result;
    },
    volume: work,
  });
  const accessed = (mask: number) => step('access', ['access', one, mask], () => volume.access(one, mask));
  const acl = (): readonly AclText[] => {
    const bits = () => below(8);
    const named = [
      ...(below(2) === 0 ? [{ tag: 2, permissions: bits(), id: pick(1000, 1001) }] : []),
      { tag: 4, permissions: bits(), id: -1 },
      ...(below(2) === 0 ? [{ tag: 8, permissions: bits(), id: pick(1000, 2000) }] : []),
    ];
    const mask = named.length > 1 || below(3) === 0 ? [{ tag: 16, permissions: bits(), id: -1 }] : [];
    const whole = [
      { tag: 1, permissions: bits(), id: -1 },
      ...named,
      ...mask,
      { tag: 32, permissions: bits(), id: -1 },
    ];
    // Now and then one that is none.
    return below(10) === 0 ? whole.slice(1) : whole;
  };
  switch (below(20)) {
    case 0:
    case 1:
      return opened('create', open.both | open.create | open.exclusive, () =>
        volume.create(one, mode, 2, true),
      );
    case 2: {
      const flags = number | (below(2) === 0 ? 0o1000 : 0);
      if (number === 0 && (flags & 0o1000) !== 0) return stepOf({ kernel, volume }, below);
      return opened(`open ${flags.toString(8)}`, flags, () => volume.open(one, flags));
    }
    case 3:
    case 4:
    case 5:
      return step('mkdir', ['mkdir', one, mode], () => volume.mkdir(one, mode));
    case 6:
      return step('mknod', ['mknod', one, 0o010000 | (mode & 0o777), 0, 0], () =>
        volume.mknod(one, 0o010000 | (mode & 0o777)),
      );
    case 7:
      return step('symlink', ['symlink', 'nowhere', one], () => volume.symlink('nowhere', one));
    case 8:
      return step('link', ['link', one, other], () => volume.link(one, other));
    case 9:
      return step('unlink', ['unlink', one], () => volume.unlink(one));
    case 10:
      return step('rmdir', ['rmdir', one], () => volume.rmdir(one));
    case 11:
    case 12:
      return step('rename', ['renameat2', one, other, number], () => volume.rename(one, other, number));
    case 13:
      return step('chmod', ['chmod', one, mode], () => volume.chmod(one, mode));
    case 14:
      // Who changes neither sends the MRC nothing to judge.
      if (id === -1 && second === -1) return stepOf({ kernel, volume }, below);
      return step('lchown', ['lchown', one, id, second], () => volume.lchown(one, id, second));
    case 15:
      return step('truncate', ['truncate', one, number * 1000], () => volume.truncate(one, number * 1000));
    case 16: {
      const when = pick('now', 'then');
      const time = when === 'now' ? 'now' : '1.000000000';
      return step('touch', ['utimens', one, time, time, 0], () => volume.touch(one, when));
    }
    case 17:
      return accessed(below(8));
    case 18: {
      const kind = below(3);
      if (kind === 0)
        return step('getxattr', ['getxattr', one, 'user.x'], () => volume.getxattr(one, 'user.x'));
      if (kind === 1)
        return step('removexattr', ['removexattr', one, 'user.x'], () => volume.removexattr(one, 'user.x'));
      const attribute = pick('user.x', 'trusted.x');
      return step('setxattr', ['setxattr', one, attribute, 'v', number], () =>
        volume.setxattr(one, attribute, 'v', number),
      );
    }
    default: {
      const which = pick(accessAcl, defaultAcl);
      if (below(6) === 0)
        return step('removexattr', ['removexattr', one, which], () => volume.removexattr(one, which));
      const entries = acl();
      return {
        text: `uid ${kernel.user.uid}: ${which} ${one} ${JSON.stringify(entries)}`,
        kernel: async () => (await kernel.call('setxattr', one, which, aclBytes(entries), 0)).result,
        volume: () => volume.setAcl(one, which, entries),
      };
    }
  }
}

async function kernelStatus(root: Caller, path: string): Promise<string> {
  const { result, values } = await root.call('lstat', path);
  if (result !== 'ok') return result;
  const { type, mode, links, uid, gid, size } = statusOf(values);
  return `${(type | mode).toString(8)} ${links} ${uid} ${gid}${type === 0o040000 ? '' : ` ${size}`}`;
}

async function kernelAcl(root: Caller, path: string, name: string): Promise<readonly AclText[] | string> {
  const { result, values } = await root.call('getxattr', path, name);
  if (result !== 'ok') return result;
  const bytes = bytesOf(values[1]);
  return Array.from({ length: (bytes.length - 4) / 8 }, (_, index) => ({
    tag: bytes.readUInt16LE(4 + index * 8),
    permissions: bytes.readUInt16LE(6 + index * 8),
    id: bytes.readInt32LE(8 + index * 8),
  }));
}

/** Root is needed, to call as other users. @throws AssertionError with the seed, and the calls before the first difference */
export async function compareWithKernel(context: TestContext, seed: number, calls: number): Promise<void> {
  const { mrc } = await startServers(context);
  const connection = await mrc.connect();
  context.after(() => connection.close());
  const attributes = { 'xtreemos.foreign_hosts': '*' };
  await makeVolume(connection, { name: 'compared', owner: '0', group: '0', mode: 0o777, attributes });
  const client = await attach(connection, 'compared', { name: '0', groups: ['0'] });
  const folder = mkdtempSync(join(tmpdir(), 'xos-compared-'));
  chmodSync(folder, 0o777);
  const sides = users.map((user) => ({
    kernel: new Caller(folder, user),
    volume: new PathClient(client.as(String(user.uid), user.groups.map(String))),
  }));
  context.after(async () => {
    for (const { kernel } of sides) await kernel.end();
    rmSync(folder, { recursive: true, force: true });
  });
  const [root] = sides;
  assert.ok(root !== undefined);
  for (const { kernel } of sides) await kernel.done('umask', 0);
  const below = randomFrom(seed);
  const history: string[] = [];
  const fail = (what: string) => assert.fail(`seed ${seed}: ${what}\n${history.slice(-40).join('\n')}`);
  const counts = new Map<string, number>();
  for (let call = 0; call < calls; call++) {
    const side = sides[below(10) < 3 ? 0 : 1 + below(2)] ?? root;
    if (below(20) === 0) {
      const umask = [0, 0o022, 0o077, 0o027][below(4)] ?? 0;
      await side.kernel.done('umask', umask);
      side.volume.umask = umask;
    }
    const step = stepOf(side, below);
    const expected = await step.kernel();
    const actual = await step.volume();
    history.push(`${step.text} (umask ${side.volume.umask.toString(8)}): ${expected}`);
    counts.set(expected, (counts.get(expected) ?? 0) + 1);
    if (actual !== expected && actual !== 'skip') fail(`the kernel says ${expected}, the MRC ${actual}`);
    if (expected !== 'ok' && call % 50 !== 0) continue;
    for (const path of await allPaths(root.kernel)) {
      const [right, ours] = [await kernelStatus(root.kernel, path), await root.volume.status(path)];
      if (right !== ours) fail(`${path} is ${right} for the kernel, ${ours} for the MRC`);
      if (call % 10 !== 0) continue;
      for (const name of [accessAcl, defaultAcl])
        assert.deepEqual(
          await root.volume.acl(path, name),
          await kernelAcl(root.kernel, path, name),
          `seed ${seed}: ${name} of ${path}\n${history.slice(-40).join('\n')}`,
        );
    }
  }
  context.diagnostic(
    `seed ${seed}: ${[...counts].map(([result, count]) => `${count} ${result}`).join(', ')}`,
  );
}

/** All that is there, by the kernel. */
async function allPaths(root: Caller, directory = '.'): Promise<readonly string[]> {
  const descriptor = await root.done('open', directory, open.directory, 0);
  const values = await root.values('getdents', descriptor, 65_536);
  await root.done('close', descriptor);
  const paths: string[] = [];
  for (let at = 0; at < values.length; at += 4) {
    const name = bytesOf(values[at + 3]).toString();
    if (name === '.' || name === '..') continue;
    const path = directory === '.' ? name : `${directory}/${name}`;
    paths.push(path);
    if (values[at + 1] === '4') paths.push(...(await allPaths(root, path)));
  }
  return paths;
}
