/** What the kernel holds of the volume: nodes, and a name of each. */
export interface KnownName {
  readonly parent: number;
  readonly name: Buffer;
}

interface Known extends KnownName {
  lookups: number;
  /** Of the watch, from before it was made here; extended attributes were not given to it since. */
  bareSince?: number | undefined;
}

export class KnownNodes {
  readonly #nodes = new Map<number, Known>();

  get size(): number {
    return this.#nodes.size;
  }

  lookedUp(node: number, parent: number, name: Buffer): void {
    const known = this.#nodes.get(node);
    this.#nodes.set(node, { parent, name, lookups: (known?.lookups ?? 0) + 1, bareSince: known?.bareSince });
  }

  get(node: number): KnownName | undefined {
    return this.#nodes.get(node);
  }

  renamed(node: number, { parent, name }: KnownName): void {
    const known = this.#nodes.get(node);
    if (known !== undefined) this.#nodes.set(node, { ...known, parent, name });
  }

  /** It was made here, at this mark of the watch, and has no extended attributes but access lists. */
  madeBare(node: number, mark: number): void {
    const known = this.#nodes.get(node);
    if (known !== undefined) known.bareSince = mark;
  }

  /** Extended attributes are about to be given to it. */
  dressed(node: number): void {
    const known = this.#nodes.get(node);
    if (known !== undefined) known.bareSince = undefined;
  }

  /** The mark since which it has none, unless another client changed it. */
  bareSince(node: number): number | undefined {
    return this.#nodes.get(node)?.bareSince;
  }

  forget(node: number, lookups: number): void {
    const known = this.#nodes.get(node);
    if (known === undefined) return;
    known.lookups -= lookups;
    if (known.lookups <= 0) this.#nodes.delete(node);
  }

  all(): readonly (readonly [number, KnownName])[] {
    return [...this.#nodes];
  }
}
