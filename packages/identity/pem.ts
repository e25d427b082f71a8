import { XosError } from '@xtreemos/base';

/** One `-----BEGIN label-----` block. `headers` are RFC 1421 lines of traditional encrypted keys. */
export interface PemBlock {
  readonly label: string;
  readonly headers: readonly string[];
  readonly der: Buffer;
  /** The block as it stood. */
  readonly text: string;
}

const maximumBlocks = 32;
const beginLine = /^-----BEGIN ([A-Z0-9 ]{1,40})-----[ \t]*$/;

/**
 * Whether the bytes are DER: a SEQUENCE whose length takes more than one byte, as every certificate, key bundle and list has.
 * Text never starts so, and a DER that contains the words BEGIN CERTIFICATE is still DER.
 */
export function looksLikeDer(bytes: Buffer): boolean {
  return bytes[0] === 0x30 && (bytes[1] ?? 0) >= 0x80;
}

/** The blocks of a PEM text in order; text around them is passed over (RFC 7468 section 2). */
export function readPem(bytes: Buffer | string, what: string, maximumBytes: number): readonly PemBlock[] {
  if (bytes.length > maximumBytes) {
    throw new XosError('XOS_INPUT_TOO_LARGE', { what, size: bytes.length, limit: maximumBytes });
  }
  const lines = (typeof bytes === 'string' ? bytes : bytes.toString('latin1')).split(/\r?\n/);
  const blocks: PemBlock[] = [];
  for (let index = 0; index < lines.length; index++) {
    const label = beginLine.exec(lines[index] ?? '')?.[1];
    if (label === undefined) continue;
    const begin = index;
    const refuse = (reason: string): never => {
      throw new XosError('XOS_INPUT_BAD', { what, where: `line ${begin + 1} (${label})`, reason });
    };
    const headers: string[] = [];
    const body: string[] = [];
    for (index++; ; index++) {
      const line = lines[index]?.trimEnd();
      if (line === undefined) return refuse('the block has no END line');
      if (line === `-----END ${label}-----`) break;
      if (line.startsWith('-----')) return refuse(`the block ends with another line than END ${label}`);
      if (line.includes(':') && body.length === 0) headers.push(line);
      else if (line !== '') body.push(line);
    }
    const base64 = body.join('');
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(base64) || base64.length % 4 !== 0)
      return refuse('the block is no base64');
    const text = `${lines.slice(begin, index + 1).join('\n')}\n`;
    blocks.push({ label, headers, der: Buffer.from(base64, 'base64'), text });
    if (blocks.length > maximumBlocks) return refuse(`there are more than ${maximumBlocks} blocks`);
  }
  return blocks;
}

/** DER as a PEM block with lines of 64 characters. */
export function writePem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/**
 * The DER of an input that may be PEM (the first block with one of these labels) or DER already. Sizes are checked before
 * anything else.
 */
export function derOf(
  bytes: Buffer | string,
  what: string,
  labels: readonly string[],
  maximumBytes: number,
): Buffer {
  const isPem = typeof bytes === 'string' || !looksLikeDer(bytes);
  // Base64 with line ends needs 65/48 of the bytes; the text around the block may be as long again.
  if (!isPem) {
    if (bytes.length > maximumBytes) {
      throw new XosError('XOS_INPUT_TOO_LARGE', { what, size: bytes.length, limit: maximumBytes });
    }
    return bytes;
  }
  const block = readPem(bytes, what, maximumBytes * 3).find(({ label }) => labels.includes(label));
  if (block === undefined) {
    throw new XosError('XOS_INPUT_BAD', {
      what,
      where: 'the PEM text',
      reason: `it has no ${labels[0]} block`,
    });
  }
  if (block.der.length > maximumBytes) {
    throw new XosError('XOS_INPUT_TOO_LARGE', { what, size: block.der.length, limit: maximumBytes });
  }
  return block.der;
}
