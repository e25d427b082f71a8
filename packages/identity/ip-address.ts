import { isIP } from 'node:net';

/** Text of 4 or 16 network-order bytes, or undefined. IPv6 is written out in full groups, which URL normalises. */
export function formatIpAddress(bytes: Buffer): string | undefined {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) return undefined;
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16));
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1);
}

/** Network-order bytes of an IPv4 or IPv6 text, or undefined. Zone suffixes are refused. */
export function parseIpAddress(text: string): Buffer | undefined {
  if (text.includes('%')) return undefined;
  const family = isIP(text);
  if (family === 4) return Buffer.from(text.split('.').map(Number));
  if (family !== 6) return undefined;
  // URL turns a dotted IPv4 tail into groups, so only the double colon is left to expand.
  const [head = '', tail] = new URL(`http://[${text}]/`).hostname.slice(1, -1).split('::');
  const groups = (part: string | undefined): string[] =>
    part === undefined || part === '' ? [] : part.split(':');
  const front = groups(head);
  const back = groups(tail);
  const zeros = Array<string>(8 - front.length - back.length).fill('0');
  const bytes = Buffer.alloc(16);
  for (const [index, group] of [...front, ...(tail === undefined ? [] : zeros), ...back].entries()) {
    bytes.writeUInt16BE(Number.parseInt(group, 16), index * 2);
  }
  return bytes;
}
