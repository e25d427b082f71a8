/** Size and time of change of a file that is open here, of which the MRC does not know everything yet. */

/** What the MRC says of a file. */
export interface KnownSize {
  readonly size: number;
  readonly truncateEpoch: number;
  readonly mtimeNs: bigint;
  /** Grows with every change of the file's attributes. */
  readonly change: bigint;
}

/** What an OSD answers to a write or truncation. */
export interface ReportedSize {
  readonly size: number;
  readonly truncateEpoch: number;
}

/** What is to be told to the MRC. */
export interface SizeReport {
  readonly written: ReportedSize | undefined;
  /** Undefined: it stays. */
  readonly mtimeNs: bigint | undefined;
  readonly leavesHole: boolean;
  readonly serial: number;
}

export class FileSize {
  #known: KnownSize;
  /** End of what was written here and is not confirmed. */
  #writtenEnd = 0;
  #reported: ReportedSize | undefined;
  #mtimeNs: bigint | undefined;
  #leavesHole = false;
  /** Counts changes made here; a report confirms those before it. */
  #serial = 0;

  constructor(known: KnownSize) {
    this.#known = known;
  }

  /** As programs here see it. */
  get size(): number {
    return Math.max(this.#known.size, this.#writtenEnd);
  }

  get mtimeNs(): bigint {
    const own = this.#mtimeNs;
    return own === undefined || own < this.#known.mtimeNs ? this.#known.mtimeNs : own;
  }

  get truncateEpoch(): number {
    return this.#known.truncateEpoch;
  }

  /** What was written here goes beyond the end that the MRC knows. */
  get isLonger(): boolean {
    return this.#writtenEnd > this.#known.size;
  }

  /** Something was written here that the MRC does not know of. */
  get isAhead(): boolean {
    return this.#mtimeNs !== undefined;
  }

  /** The file may have a hole since, or space beyond its end, and the MRC does not know of it. */
  get leavesHole(): boolean {
    return this.#leavesHole;
  }

  leftHole(): void {
    this.#leavesHole = true;
    this.#serial += 1;
  }

  wrote(end: number, mtimeNs: bigint): void {
    this.#writtenEnd = Math.max(this.#writtenEnd, end);
    this.#mtimeNs = mtimeNs;
    this.#serial += 1;
  }

  /** Of several the one with the highest epoch, then size, counts. */
  reported({ size, truncateEpoch }: ReportedSize): void {
    // Another client cut it: what was written may lie beyond the end that came of that.
    if (truncateEpoch > this.#known.truncateEpoch) this.leftHole();
    const best = this.#reported;
    if (
      best === undefined ||
      truncateEpoch > best.truncateEpoch ||
      (truncateEpoch === best.truncateEpoch && size > best.size)
    )
      this.#reported = { size, truncateEpoch };
  }

  /** @returns undefined when the MRC knows everything */
  report(): SizeReport | undefined {
    const mtimeNs = this.#mtimeNs;
    const leavesHole = this.#leavesHole;
    if (mtimeNs === undefined && !leavesHole) return undefined;
    return { written: this.#reported, mtimeNs, leavesHole, serial: this.#serial };
  }

  /** The MRC took a report over. @param isClean everything that was written is at the OSDs */
  confirmed({ serial }: SizeReport, known: KnownSize, isClean: boolean): void {
    if (serial === this.#serial) this.#leavesHole = false;
    if (serial === this.#serial && isClean && this.#isTold(known)) {
      this.#writtenEnd = 0;
      this.#mtimeNs = undefined;
      this.#reported = undefined;
    }
    this.adopt(known);
  }

  /** An OSD may have told of a larger size while the report was under way. */
  #isTold(answer: KnownSize): boolean {
    const latest = answer.change < this.#known.change ? this.#known : answer;
    const { size, truncateEpoch } = this.#reported ?? latest;
    return (
      truncateEpoch < latest.truncateEpoch || (truncateEpoch === latest.truncateEpoch && size <= latest.size)
    );
  }

  /** The file was cut, or made longer, at the MRC and at the OSDs. */
  truncated(known: KnownSize): void {
    this.#writtenEnd = 0;
    this.#reported = undefined;
    this.#mtimeNs = undefined;
    this.#known = known;
  }

  /** The MRC's answers may come in another order than it gave them. @returns whether another client changed the content */
  adopt(known: KnownSize): boolean {
    const before = this.#known;
    if (known.change < before.change) return false;
    this.#known = known;
    // Cut by another client: what was written here before is beyond the end.
    if (known.truncateEpoch > before.truncateEpoch) {
      this.#writtenEnd = 0;
      if (this.isAhead) this.leftHole();
    }
    return known.size !== before.size || known.mtimeNs !== before.mtimeNs;
  }
}
