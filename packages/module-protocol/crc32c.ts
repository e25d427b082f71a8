/** CRC-32C (Castagnoli, RFC 3720 appendix B.4), the checksum that x86-64 and arm64 compute in hardware. Slicing by 8. */
const tables: readonly Uint32Array[] = ((): Uint32Array[] => {
  const first = Uint32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    return crc;
  });
  const made = [first];
  for (let previous = first; made.length < 8; made.push(previous)) {
    previous = previous.map((crc) => (crc >>> 8) ^ at(first, crc & 0xff));
  }
  return made;
})();

/** Eight tables of 256 entries, for the generated C copy. */
export const crc32cTables = tables;

const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as readonly [
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
  Uint32Array,
];

function at(table: Uint32Array, index: number): number {
  return table[index] as number;
}

/** CRC-32C of data[start, end). */
export function crc32c(data: DataView, start = 0, end = data.byteLength): number {
  let crc = 0xffffffff;
  let offset = start;
  for (; offset + 8 <= end; offset += 8) {
    const low = crc ^ data.getUint32(offset, true);
    const high = data.getUint32(offset + 4, true);
    crc =
      at(t7, low & 0xff) ^
      at(t6, (low >>> 8) & 0xff) ^
      at(t5, (low >>> 16) & 0xff) ^
      at(t4, low >>> 24) ^
      at(t3, high & 0xff) ^
      at(t2, (high >>> 8) & 0xff) ^
      at(t1, (high >>> 16) & 0xff) ^
      at(t0, high >>> 24);
  }
  for (; offset < end; offset++) crc = (crc >>> 8) ^ at(t0, (crc ^ data.getUint8(offset)) & 0xff);
  return (crc ^ 0xffffffff) >>> 0;
}
