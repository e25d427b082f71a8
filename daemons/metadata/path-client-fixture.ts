/**
 * System calls by paths on a volume, made of node calls as a kernel makes them. For tests. Symbolic links lead nowhere here; `skip` is the
 * outcome of what no file system is asked for.
 */
import { nodeCalls } from '@xtreemos/rpc';
import { outcomeOf, type TestClient } from './metadata-fixtures.ts';

const directoryType = 0o040000;
const linkType = 0o120000;
const fifoType = 0o010000;
const regularType = 0o100000;

class Refusal extends Error {}

interface Attributes {
  readonly node: bigint;
  readonly mode: number;
  readonly nlink: number;
  readonly owner: string;
  readonly group: string;
  readonly size: bigint;
}

/** One user's calls; `umask` is the process's. */
export class PathClient {
  readonly #client: TestClient;
  umask = 0;

  constructor(client: TestClient) {
    this.#client = client;
  }

  /** `ok` or the name of the errno. */
  async #run(work: () => Promise<unknown>): Promise<string> {
    try {
      const outcome = await outcomeOf(work());
      return outcome === 'done' ? 'ok' : outcome;
    } catch (error) {
      if (error instanceof Refusal) return error.message;
      throw error;
    }
  }

  async #walk(path: string): Promise<Attributes> {
    let found: Attributes = (await this.#client.call(nodeCalls.getattr, { node: 1n })).attributes;
    for (const name of path === '' ? [] : path.split('/')) {
      if ((found.mode & 0o170000) === linkType) throw new Refusal('ENOENT');
      if ((found.mode & 0o170000) !== directoryType) throw new Refusal('ENOTDIR');
      found = (await this.#client.lookup(found.node, name)).attributes;
    }
    return found;
  }

  /** What a call gets that follows links. */
  async #follow(path: string): Promise<Attributes> {
    const found = await this.#walk(path);
    if ((found.mode & 0o170000) === linkType) throw new Refusal('ENOENT');
    return found;
  }

  async #place(path: string): Promise<{ readonly parent: bigint; readonly name: Buffer }> {
    const at = path.lastIndexOf('/');
    const { node, mode } = await this.#walk(at < 0 ? '' : path.slice(0, at));
    if ((mode & 0o170000) === linkType) throw new Refusal('ENOENT');
    if ((mode & 0o170000) !== directoryType) throw new Refusal('ENOTDIR');
    // The walk asks before it looks at the last name.
    await this.#client.call(nodeCalls.access, { node, mask: 1 });
    return { parent: node, name: Buffer.from(path.slice(at + 1)) };
  }

  #onNode(
    path: string,
    call: 'follow' | 'as it is',
    work: (node: bigint) => Promise<unknown>,
  ): Promise<string> {
    return this.#run(async () => {
      const { node } = call === 'follow' ? await this.#follow(path) : await this.#walk(path);
      await work(node);
    });
  }

  #set(path: string, follow: 'follow' | 'as it is', changes: object): Promise<string> {
    return this.#onNode(path, follow, (node) => this.#client.call(nodeCalls.setattr, { node, ...changes }));
  }

  create(path: string, mode: number, flags: number, exclusive: boolean): Promise<string> {
    return this.#run(async () => {
      const place = await this.#place(path);
      if (!exclusive) {
        const there = await this.#client.call(nodeCalls.lookup, place).catch(() => undefined);
        if (there !== undefined && (there.attributes.mode & 0o170000) === linkType) throw new Refusal('skip');
      }
      const { umask } = this;
      const { handle } = await this.#client.call(nodeCalls.create, {
        ...place,
        mode,
        umask,
        flags,
        exclusive,
      });
      await this.#client.call(nodeCalls.close, { handle });
    });
  }

  open(path: string, flags: number): Promise<string> {
    return this.#run(async () => {
      const { node, mode } = await this.#follow(path);
      if ((mode & 0o170000) === fifoType) throw new Refusal('skip');
      const { handle } = await this.#client.call(nodeCalls.open, { node, flags });
      await this.#client.call(nodeCalls.close, { handle });
    });
  }

  mkdir(path: string, mode: number): Promise<string> {
    return this.#run(async () =>
      this.#client.call(nodeCalls.mkdir, { ...(await this.#place(path)), mode, umask: this.umask }),
    );
  }

  mknod(path: string, mode: number): Promise<string> {
    return this.#run(async () =>
      this.#client.call(nodeCalls.mknod, { ...(await this.#place(path)), mode, umask: this.umask, rdev: 0 }),
    );
  }

  symlink(target: string, path: string): Promise<string> {
    return this.#run(async () =>
      this.#client.call(nodeCalls.symlink, { ...(await this.#place(path)), target: Buffer.from(target) }),
    );
  }

  link(from: string, to: string): Promise<string> {
    return this.#run(async () => {
      const source = await this.#walk(from);
      const { node } = source;
      const { parent, name } = await this.#place(to);
      const isFree = await outcomeOf(this.#client.call(nodeCalls.lookup, { parent, name }));
      if (isFree === 'ENOENT' && !(await this.#mayLink(source))) throw new Refusal('EPERM');
      await this.#client.call(nodeCalls.link, { node, newParent: parent, newName: name });
    });
  }

  /** fs.protected_hardlinks, which the kernel sees to before it asks a file system. */
  async #mayLink({ node, mode, owner }: Attributes): Promise<boolean> {
    const { name } = this.#client.user;
    if (name === '0' || name === owner) return true;
    const isPlain = (mode & 0o170000) === regularType && (mode & 0o4000) === 0 && (mode & 0o2010) !== 0o2010;
    return isPlain && (await outcomeOf(this.#client.call(nodeCalls.access, { node, mask: 6 }))) === 'done';
  }

  unlink(path: string): Promise<string> {
    return this.#run(async () => this.#client.call(nodeCalls.unlink, await this.#place(path)));
  }

  rmdir(path: string): Promise<string> {
    return this.#run(async () => this.#client.call(nodeCalls.rmdir, await this.#place(path)));
  }

  rename(from: string, to: string, flags: number): Promise<string> {
    return this.#run(async () => {
      const source = await this.#place(from);
      const { parent: newParent, name: newName } = await this.#place(to);
      await this.#client.call(nodeCalls.rename, { ...source, newParent, newName, flags });
    });
  }

  chmod(path: string, mode: number): Promise<string> {
    return this.#set(path, 'follow', { mode });
  }

  /** -1 leaves one as it is. */
  lchown(path: string, uid: number, gid: number): Promise<string> {
    return this.#set(path, 'as it is', {
      ...(uid < 0 ? {} : { owner: String(uid) }),
      ...(gid < 0 ? {} : { group: String(gid) }),
    });
  }

  truncate(path: string, size: number): Promise<string> {
    return this.#set(path, 'follow', { size: BigInt(size) });
  }

  touch(path: string, when: 'now' | 'then'): Promise<string> {
    const ns = 1_000_000_000n;
    return this.#set(
      path,
      'follow',
      when === 'now' ? { atimeNow: true, mtimeNow: true } : { atimeNs: ns, mtimeNs: ns },
    );
  }

  access(path: string, mask: number): Promise<string> {
    return this.#onNode(path, 'follow', (node) => this.#client.call(nodeCalls.access, { node, mask }));
  }

  setxattr(path: string, name: string, value: string, flags: number): Promise<string> {
    return this.#onNode(path, 'as it is', (node) =>
      this.#client.call(nodeCalls.setxattr, {
        node,
        name: Buffer.from(name),
        value: Buffer.from(value),
        flags,
      }),
    );
  }

  getxattr(path: string, name: string): Promise<string> {
    return this.#onNode(path, 'as it is', (node) =>
      this.#client.call(nodeCalls.getxattr, { node, name: Buffer.from(name) }),
    );
  }

  removexattr(path: string, name: string): Promise<string> {
    return this.#onNode(path, 'as it is', (node) =>
      this.#client.call(nodeCalls.removexattr, { node, name: Buffer.from(name) }),
    );
  }

  setAcl(path: string, name: string, entries: readonly AclText[]): Promise<string> {
    const acl = {
      entries: entries.map(({ tag, permissions, id }) => ({ tag, permissions, name: id < 0 ? '' : `${id}` })),
    };
    return this.#onNode(path, 'as it is', (node) =>
      this.#client.call(nodeCalls.setxattr, { node, name: Buffer.from(name), acl, flags: 0 }),
    );
  }

  async acl(path: string, name: string): Promise<readonly AclText[] | string> {
    let entries: readonly AclText[] = [];
    const outcome = await this.#onNode(path, 'as it is', async (node) => {
      const { acl } = await this.#client.call(nodeCalls.getxattr, { node, name: Buffer.from(name) });
      entries = acl.entries.map((entry: { tag: number; permissions: number; name: string }) => ({
        tag: entry.tag,
        permissions: entry.permissions,
        id: entry.name === '' ? -1 : Number(entry.name),
      }));
    });
    return outcome === 'ok' ? entries : outcome;
  }

  /** `mode links uid gid size` as stat(2) has them, sizes of files and links alone; or the errno. */
  async status(path: string): Promise<string> {
    let text = '';
    const outcome = await this.#run(async () => {
      const { mode, nlink, owner, group, size } = await this.#walk(path);
      const shown = (mode & 0o170000) === directoryType ? '' : ` ${size}`;
      text = `${mode.toString(8)} ${nlink} ${owner} ${group}${shown}`;
    });
    return outcome === 'ok' ? text : outcome;
  }
}

/** An entry of an access control list; id -1 where the tag has none. */
export interface AclText {
  readonly tag: number;
  readonly permissions: number;
  readonly id: number;
}
