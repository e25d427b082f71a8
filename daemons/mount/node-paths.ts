/** Paths of the nodes that the kernel holds, for servers that know files by nothing else. */
import { Failure, isErrno } from './call-failure.ts';
import { type KnownName, KnownNodes } from './known-nodes.ts';

const rootNode = 1;

function keyOf({ parent, name }: KnownName): string {
  return `${parent}/${name.toString('latin1')}`;
}

/** @throws Failure EILSEQ for names that the interface has no form for: it is UTF-8 there */
export function nameText(name: Buffer): string {
  const text = name.toString('utf8');
  if (!Buffer.from(text, 'utf8').equals(name)) throw new Failure('EILSEQ', 'the name is no UTF-8');
  return text;
}

export class NodePaths extends KnownNodes {
  /** What is not in it had its name taken away: the name may be another file's. */
  readonly #at = new Map<string, number>();
  /** Under way: what is asked for meanwhile may be found by neither name. */
  #move: Promise<unknown> = Promise.resolve();

  override lookedUp(node: number, parent: number, name: Buffer): void {
    this.#leave(node);
    super.lookedUp(node, parent, name);
    this.#at.set(keyOf({ parent, name }), node);
  }

  override forget(node: number, lookups: number): void {
    const place = this.get(node);
    super.forget(node, lookups);
    if (place !== undefined && this.get(node) === undefined) this.#leave(node, place);
  }

  nodeAt(place: KnownName): number | undefined {
    return this.#at.get(keyOf(place));
  }

  removed(place: KnownName): void {
    this.#at.delete(keyOf(place));
  }

  moved(from: KnownName, to: KnownName): void {
    const node = this.nodeAt(from);
    this.removed(from);
    this.removed(to);
    if (node === undefined) return;
    this.renamed(node, to);
    this.#at.set(keyOf(to), node);
  }

  /** From the root of the volume. @throws Failure ESTALE for what has no name that is known, EILSEQ */
  pathOf(node: number): string {
    const names: string[] = [];
    for (let at = node; at !== rootNode; ) {
      const place = this.get(at);
      if (place === undefined || this.nodeAt(place) !== at)
        throw new Failure('ESTALE', 'the file has no name that is known here');
      names.unshift(nameText(place.name));
      at = place.parent;
    }
    return `/${names.join('/')}`;
  }

  /**
   * Makes a call that gives a node another path, which is told with `moved` before it resolves; one such call at a time, so that the
   * paths it was made with are right.
   */
  whileMoving<Result>(work: () => Promise<Result>): Promise<Result> {
    const move = this.#move.then(work);
    this.#move = move.catch(() => undefined);
    return move;
  }

  /** Makes a call about a node. @throws Failure ESTALE when it is not there: the kernel looks it up anew, as on NFS */
  async onNode<Result>(node: bigint, work: (path: string) => Promise<Result>): Promise<Result> {
    try {
      return await this.#follow(() => this.pathOf(Number(node)), work);
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
      throw new Failure('ESTALE', 'the file is not where it was', { cause: error });
    }
  }

  /** Makes a call about a name in a directory; not for a call that moves. */
  onPlace<Result>(
    parent: bigint,
    name: Uint8Array,
    work: (path: string) => Promise<Result>,
  ): Promise<Result> {
    const text = nameText(Buffer.from(name));
    return this.#follow(() => this.#below(Number(parent), text), work);
  }

  /** @throws Failure as `pathOf` */
  pathAt({ parent, name }: KnownName): string {
    return this.#below(parent, nameText(name));
  }

  #below(parent: number, name: string): string {
    return `${this.pathOf(parent).replace(/\/$/, '')}/${name}`;
  }

  async #follow<Result>(pathNow: () => string, work: (path: string) => Promise<Result>): Promise<Result> {
    for (;;) {
      const path = pathNow();
      try {
        return await work(path);
      } catch (error) {
        if (!isErrno(error, 'ENOENT')) throw error;
        await this.#move;
        if (pathNow() === path) throw error;
      }
    }
  }

  #leave(node: number, place = this.get(node)): void {
    if (place !== undefined && this.nodeAt(place) === node) this.removed(place);
  }
}
