import { refusal } from './errno-error.ts';
import type { Placement } from './volume.ts';

/** An OSD as the DIR knows it. */
export interface OsdState {
  readonly uuid: string;
  readonly freeBytes: number;
  readonly totalBytes: number;
  /** Milliseconds since 1970: its last sign of life. */
  readonly lastSeenMs: number;
}

/** XtreemFS's own defaults: without a sign of life for five minutes, or with less than 2 GB free, an OSD gets no new files. */
export interface PlacementLimits {
  readonly silenceMs: number;
  readonly freeBytes: number;
}

/** Chooses OSDs for new files, by what the DIR told last. */
export class OsdSelection {
  readonly #limits: PlacementLimits;
  readonly #nowMs: () => number;
  readonly #random: () => number;
  #osds: readonly OsdState[] = [];

  constructor(limits: PlacementLimits, nowMs: () => number, random: () => number = Math.random) {
    this.#limits = limits;
    this.#nowMs = nowMs;
    this.#random = random;
  }

  update(osds: readonly OsdState[]): void {
    this.#osds = osds;
  }

  get all(): readonly OsdState[] {
    return this.#osds;
  }

  get usable(): readonly OsdState[] {
    const oldestMs = this.#nowMs() - this.#limits.silenceMs;
    return this.#osds.filter(
      ({ freeBytes, lastSeenMs }) => lastSeenMs >= oldestMs && freeBytes >= this.#limits.freeBytes,
    );
  }

  /**
   * Different OSDs, `width` of them or as many as there are.
   * @throws ErrnoError ENOSPC when those that live are full, EIO when none lives
   */
  choose(placement: Placement, width: number): readonly string[] {
    const usable = this.usable.filter(
      ({ uuid }) => placement.kind !== 'uuid' || placement.uuids.includes(uuid),
    );
    if (usable.length === 0) {
      const oldestMs = this.#nowMs() - this.#limits.silenceMs;
      const isAlive = this.#osds.some(({ lastSeenMs }) => lastSeenMs >= oldestMs);
      throw refusal(isAlive ? 'ENOSPC' : 'EIO', 'no OSD takes new files');
    }
    const weightOf = ({ freeBytes }: OsdState) =>
      placement.kind === 'free-space' ? Math.max(freeBytes, 1) : 1;
    // Weighted sampling without replacement: the largest of random^(1/weight) (Efraimidis and Spirakis, 2006).
    const ranked = usable.map((osd) => ({
      uuid: osd.uuid,
      rank: placement.kind === 'uuid' ? osd.freeBytes : Math.log(1 - this.#random()) / weightOf(osd),
    }));
    return ranked
      .toSorted((one, other) => other.rank - one.rank)
      .slice(0, width)
      .map(({ uuid }) => uuid);
  }
}
