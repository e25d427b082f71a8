/** Numbers of files, eight bytes each: of a volume there may be millions. A number may be in it more than once. */
export class NodeList {
  #nodes = new Float64Array(1024);
  #length = 0;
  #isSorted = true;

  get length(): number {
    return this.#length;
  }

  add(node: number): void {
    if (this.#length === this.#nodes.length) {
      const larger = new Float64Array(this.#length * 2);
      larger.set(this.#nodes);
      this.#nodes = larger;
    }
    this.#nodes[this.#length++] = node;
    this.#isSorted = false;
  }

  /** How often the number was added. */
  count(node: number): number {
    return this.#from(node + 1) - this.#from(node);
  }

  /** In ascending order. */
  slice(start: number, end: number): readonly number[] {
    return [...this.#sorted().subarray(start, end)];
  }

  /** Index of the first number that is not less. */
  #from(node: number): number {
    const nodes = this.#sorted();
    let low = 0;
    let high = nodes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((nodes[middle] ?? 0) < node) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #sorted(): Float64Array {
    const nodes = this.#nodes.subarray(0, this.#length);
    if (!this.#isSorted) nodes.sort();
    this.#isSorted = true;
    return nodes;
  }
}
