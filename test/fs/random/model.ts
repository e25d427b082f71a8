/** What a file system is to do, in memory: as little of POSIX as the random operations need, for one superuser. */

export type Result = 'ok' | string;

interface Node {
  readonly kind: 'file' | 'directory' | 'link';
  links: number;
  mode: number;
  content: Buffer;
  readonly entries: Map<string, Node>;
  readonly attributes: Map<string, string>;
  readonly target: string;
}

/** Of a file, as all ways of looking at it have to show it. */
export interface View {
  readonly kind: string;
  readonly links: number;
  readonly mode: number;
  readonly size: number;
}

type Errno = string;

const isErrno = (value: Node | Errno): value is Errno => typeof value === 'string';

export class Model {
  readonly #root = make('directory', 0o755);
  readonly #open = new Map<number, Node>();

  #find(path: string): Node | Errno {
    let node = this.#root;
    for (const name of path === '.' ? [] : path.split('/')) {
      if (node.kind === 'link') return 'ENOENT'; // links of this model lead nowhere
      if (node.kind !== 'directory') return 'ENOTDIR';
      const next = node.entries.get(name);
      if (next === undefined) return 'ENOENT';
      node = next;
    }
    return node;
  }

  #place(path: string): { readonly parent: Node; readonly name: string } | Errno {
    const at = path.lastIndexOf('/');
    const parent = this.#find(at < 0 ? '.' : path.slice(0, at));
    if (isErrno(parent)) return parent;
    if (parent.kind === 'link') return 'ENOENT';
    if (parent.kind !== 'directory') return 'ENOTDIR';
    return { parent, name: path.slice(at + 1) };
  }

  #file(path: string): Node | Errno {
    const node = this.#find(path);
    if (isErrno(node)) return node;
    if (node.kind === 'directory') return 'EISDIR';
    return node.kind === 'link' ? 'ELOOP' : node;
  }

  #add(path: string, node: Node): Result {
    const place = this.#place(path);
    if (typeof place === 'string') return place;
    if (place.parent.entries.has(place.name)) return 'EEXIST';
    place.parent.entries.set(place.name, node);
    if (node.kind === 'directory') place.parent.links++;
    return 'ok';
  }

  create(path: string, mode: number): Result {
    return this.#add(path, make('file', mode));
  }

  mkdir(path: string, mode: number): Result {
    return this.#add(path, make('directory', mode));
  }

  symlink(target: string, path: string): Result {
    return this.#add(path, make('link', 0o777, target));
  }

  link(from: string, to: string): Result {
    const node = this.#find(from);
    if (isErrno(node)) return node;
    const place = this.#place(to);
    if (typeof place === 'string') return place;
    if (place.parent.entries.has(place.name)) return 'EEXIST';
    if (node.kind === 'directory') return 'EPERM';
    place.parent.entries.set(place.name, node);
    node.links++;
    return 'ok';
  }

  unlink(path: string): Result {
    const place = this.#place(path);
    if (typeof place === 'string') return place;
    const node = place.parent.entries.get(place.name);
    if (node === undefined) return 'ENOENT';
    if (node.kind === 'directory') return 'EISDIR';
    place.parent.entries.delete(place.name);
    node.links--;
    return 'ok';
  }

  rmdir(path: string): Result {
    const place = this.#place(path);
    if (typeof place === 'string') return place;
    const node = place.parent.entries.get(place.name);
    if (node === undefined) return 'ENOENT';
    if (node.kind !== 'directory') return 'ENOTDIR';
    if (node.entries.size > 0) return 'ENOTEMPTY';
    place.parent.entries.delete(place.name);
    place.parent.links--;
    return 'ok';
  }

  /** @param flags 0, NOREPLACE 1, EXCHANGE 2 */
  rename(from: string, to: string, flags: number): Result {
    const source = this.#place(from);
    if (typeof source === 'string') return source;
    const target = this.#place(to);
    if (typeof target === 'string') return target;
    const moved = source.parent.entries.get(source.name);
    if (moved === undefined) return 'ENOENT';
    const replaced = target.parent.entries.get(target.name);
    if (flags === 1 && replaced !== undefined) return 'EEXIST';
    if (flags === 2 && replaced === undefined) return 'ENOENT';
    if (moved.kind === 'directory' && (to === from ? false : `${to}/`.startsWith(`${from}/`)))
      return 'EINVAL';
    if (replaced?.kind === 'directory' && from !== to && from.startsWith(`${to}/`))
      return flags === 2 ? 'EINVAL' : 'ENOTEMPTY';
    if (moved === replaced) return 'ok';
    if (flags === 2 && replaced !== undefined) {
      source.parent.entries.set(source.name, replaced);
      target.parent.entries.set(target.name, moved);
      const more = (moved.kind === 'directory' ? 1 : 0) - (replaced.kind === 'directory' ? 1 : 0);
      source.parent.links -= more;
      target.parent.links += more;
      return 'ok';
    }
    if (replaced !== undefined) {
      if (moved.kind === 'directory' && replaced.kind !== 'directory') return 'ENOTDIR';
      if (moved.kind !== 'directory' && replaced.kind === 'directory') return 'EISDIR';
      if (replaced.entries.size > 0) return 'ENOTEMPTY';
      if (replaced.kind === 'directory') target.parent.links--;
      else replaced.links--;
    }
    source.parent.entries.delete(source.name);
    target.parent.entries.set(target.name, moved);
    if (moved.kind === 'directory') {
      source.parent.links--;
      target.parent.links++;
    }
    return 'ok';
  }

  chmod(path: string, mode: number): Result {
    const node = this.#find(path);
    if (isErrno(node)) return node;
    if (node.kind === 'link') return 'ENOENT';
    node.mode = mode;
    return 'ok';
  }

  setAttribute(path: string, name: string, value: string | undefined): Result {
    const node = this.#find(path);
    if (isErrno(node)) return node;
    if (node.kind === 'link') return 'EPERM';
    if (value !== undefined) node.attributes.set(name, value);
    else if (!node.attributes.delete(name)) return 'ENODATA';
    return 'ok';
  }

  attribute(path: string, name: string): Result | { readonly value: string } {
    const node = this.#find(path);
    if (isErrno(node)) return node;
    const value = node.attributes.get(name);
    return value === undefined ? 'ENODATA' : { value };
  }

  open(slot: number, path: string): Result {
    const node = this.#file(path);
    if (isErrno(node)) return node;
    this.#open.set(slot, node);
    return 'ok';
  }

  isOpen(slot: number): boolean {
    return this.#open.has(slot);
  }

  close(slot: number): void {
    this.#open.delete(slot);
  }

  write(slot: number, offset: number, length: number, byte: number): void {
    const node = this.#opened(slot);
    resize(node, Math.max(node.content.length, offset + length));
    node.content.fill(byte, offset, offset + length);
  }

  truncate(slot: number, size: number): void {
    resize(this.#opened(slot), size);
  }

  zero(slot: number, offset: number, length: number): void {
    this.#opened(slot)
      .content.subarray(offset, offset + length)
      .fill(0);
  }

  reserve(slot: number, offset: number, length: number): void {
    const node = this.#opened(slot);
    resize(node, Math.max(node.content.length, offset + length));
  }

  read(slot: number, offset: number, length: number): Buffer {
    return this.#opened(slot).content.subarray(offset, offset + length);
  }

  viewOfOpen(slot: number): View {
    return view(this.#opened(slot));
  }

  view(path: string): View | Errno {
    const node = this.#find(path);
    return isErrno(node) ? node : view(node);
  }

  list(path: string): readonly string[] | Errno {
    const node = this.#find(path);
    if (isErrno(node)) return node;
    if (node.kind !== 'directory') return 'ENOTDIR';
    return [...node.entries.keys()].sort();
  }

  target(path: string): Result | { readonly target: string } {
    const node = this.#find(path);
    if (isErrno(node)) return node;
    return node.kind === 'link' ? { target: node.target } : 'EINVAL';
  }

  /** All paths, those of directories before what is in them. */
  paths(): readonly string[] {
    const found: string[] = [];
    const visit = (node: Node, path: string): void => {
      for (const [name, child] of node.entries) {
        found.push(`${path}${name}`);
        visit(child, `${path}${name}/`);
      }
    };
    visit(this.#root, '');
    return found;
  }

  #opened(slot: number): Node {
    const node = this.#open.get(slot);
    if (node === undefined) throw new RangeError(`nothing is open in ${slot}`);
    return node;
  }
}

function make(kind: Node['kind'], mode: number, target = ''): Node {
  return {
    kind,
    mode,
    target,
    links: kind === 'directory' ? 2 : 1,
    content: Buffer.alloc(0),
    entries: new Map(),
    attributes: new Map(),
  };
}

function resize(node: Node, size: number): void {
  if (size === node.content.length) return;
  const next = Buffer.alloc(size);
  node.content.copy(next);
  node.content = next;
}

function view({ kind, links, mode, content, target }: Node): View {
  const size = kind === 'link' ? target.length : content.length;
  return { kind, links, mode, size: kind === 'directory' ? 0 : size };
}
