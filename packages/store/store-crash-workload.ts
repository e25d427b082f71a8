/** Writes pairs until it is killed; says on standard output which were acknowledged. Arguments: directory, seed. */
import { openStore } from './logged-store.ts';

const [directory = '', seed = '0'] = process.argv.slice(2);
const store = await openStore(directory, { segmentBytes: 256 << 10 });
const first = [...store.range({ isBackward: true, limit: 1 })][0]?.value.readUInt32BE() ?? 0;

/** Each change writes one number under three keys, so that a half of it shows. */
async function writeNumber(number: number): Promise<void> {
  await store.write((writer) => {
    const value = Buffer.alloc(4 + ((number * 37 + Number(seed)) % 3000));
    value.writeUInt32BE(number);
    for (const table of ['a', 'b', 'c'])
      writer.put(Buffer.from(`${table}${String(number % 500).padStart(6, '0')}`), value);
    writer.put(Buffer.from('z'), value);
  });
  process.stdout.write(`${number}\n`);
}

for (let number = first + 1; ; number += 20)
  await Promise.all(Array.from({ length: 20 }, (_, index) => writeNumber(number + index)));
