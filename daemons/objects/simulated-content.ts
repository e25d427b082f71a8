/** A file's bytes in the simulated storage, by sectors: a power cut keeps or loses each of them. */
export const sectorBytes = 512;

export type Change =
  | { readonly kind: 'write'; readonly position: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly size: number }
  | { readonly kind: 'punch'; readonly position: number; readonly length: number };

export class Content {
  readonly sectors = new Map<number, Buffer>();
  size = 0;

  clone(): Content {
    const copy = new Content();
    for (const [index, sector] of this.sectors) copy.sectors.set(index, Buffer.from(sector));
    copy.size = this.size;
    return copy;
  }

  /** @param onlySector applies what the change does to that sector, and not to the size */
  apply(change: Change, onlySector?: number): void {
    const each = (
      position: number,
      length: number,
      fill: (sector: Buffer, from: number, at: number, count: number) => void,
    ) => {
      const first = Math.floor(position / sectorBytes);
      const last = Math.ceil((position + length) / sectorBytes);
      for (
        let index = onlySector ?? first;
        index < (onlySector === undefined ? last : onlySector + 1);
        index++
      ) {
        const start = Math.max(position, index * sectorBytes);
        const end = Math.min(position + length, (index + 1) * sectorBytes);
        if (end <= start) continue;
        const sector = this.sectors.get(index) ?? Buffer.alloc(sectorBytes);
        this.sectors.set(index, sector);
        fill(sector, start - index * sectorBytes, start - position, end - start);
      }
    };
    if (change.kind === 'write') {
      each(change.position, change.bytes.length, (sector, from, at, count) => {
        change.bytes.copy(sector, from, at, at + count);
      });
      if (onlySector === undefined) this.size = Math.max(this.size, change.position + change.bytes.length);
    } else if (change.kind === 'punch') {
      each(
        change.position,
        Math.min(change.length, Math.max(this.size - change.position, 0)),
        (sector, from, _at, count) => {
          sector.fill(0, from, from + count);
        },
      );
    } else {
      for (const [index, sector] of this.sectors) {
        if (onlySector !== undefined && index !== onlySector) continue;
        const keep = change.size - index * sectorBytes;
        if (keep <= 0) this.sectors.delete(index);
        else if (keep < sectorBytes) sector.fill(0, keep);
      }
      if (onlySector === undefined) this.size = change.size;
    }
  }

  read(buffer: Uint8Array, position: number): number {
    const count = Math.max(Math.min(buffer.length, this.size - position), 0);
    for (let at = 0; at < count; ) {
      const index = Math.floor((position + at) / sectorBytes);
      const within = (position + at) % sectorBytes;
      const part = Math.min(sectorBytes - within, count - at);
      const sector = this.sectors.get(index);
      if (sector === undefined) buffer.fill(0, at, at + part);
      else buffer.set(sector.subarray(within, within + part), at);
      at += part;
    }
    return count;
  }
}
