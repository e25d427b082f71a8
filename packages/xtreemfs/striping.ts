/**
 * RAID0 as XtreemFS does it: a file is cut into objects of one size, object n lies on OSD n mod width. All numbers here are
 * safe integers; `checkedStriping` and the callers' range checks see to that.
 */
export interface Striping {
  /** Size of an object. */
  readonly stripeBytes: number;
  /** Number of OSDs. */
  readonly width: number;
}

export const defaultStripeBytes = 128 * 1024;
/** Objects have whole checksum blocks, and one fits into a frame. */
export const stripeGranuleBytes = 4096;
export const maximumStripeBytes = 16 * 1024 * 1024;
export const maximumStripeWidth = 1024;

/** A part of one object. */
export interface ObjectRange {
  readonly object: number;
  /** Which OSD of the stripe, from 0. */
  readonly osd: number;
  readonly offset: number;
  readonly length: number;
  /** Where the range begins, counted from the beginning of the range that was asked for. */
  readonly position: number;
}

/** @returns undefined when the numbers make no striping that is served here. */
export function checkedStriping(stripeBytes: number, width: number): Striping | undefined {
  const fits =
    Number.isSafeInteger(stripeBytes) &&
    stripeBytes >= stripeGranuleBytes &&
    stripeBytes <= maximumStripeBytes &&
    stripeBytes % stripeGranuleBytes === 0 &&
    Number.isSafeInteger(width) &&
    width >= 1 &&
    width <= maximumStripeWidth;
  return fits ? { stripeBytes, width } : undefined;
}

/** The objects that hold bytes `offset` to `offset + length`, in order. @throws RangeError outside 0 to 2^53 - 1 */
export function objectsOfRange(striping: Striping, offset: number, length: number): ObjectRange[] {
  if (
    !(offset >= 0 && length >= 0) ||
    !Number.isSafeInteger(offset) ||
    !Number.isSafeInteger(offset + length)
  )
    throw new RangeError(`no range of a file: ${length} bytes at ${offset}`);
  const ranges: ObjectRange[] = [];
  for (let position = 0; position < length; ) {
    const at = offset + position;
    const object = Math.floor(at / striping.stripeBytes);
    const within = at % striping.stripeBytes;
    const part = Math.min(striping.stripeBytes - within, length - position);
    ranges.push({ object, osd: object % striping.width, offset: within, length: part, position });
    position += part;
  }
  return ranges;
}

/** Where a byte of an object lies in the file. */
export function fileOffsetOf(striping: Striping, object: number, offset: number): number {
  return object * striping.stripeBytes + offset;
}

/** Where an OSD keeps a byte of an object, when it lays the objects that it has side by side. */
export function localOffsetOf(striping: Striping, object: number, offset: number): number {
  return Math.floor(object / striping.width) * striping.stripeBytes + offset;
}

/**
 * How many bytes an OSD keeps of a file that ends at `fileBytes`, its objects side by side: what is left of it after a
 * truncation.
 */
export function localBytesOf(striping: Striping, osd: number, fileBytes: number): number {
  const { stripeBytes, width } = striping;
  const stripe = stripeBytes * width;
  const rest = (fileBytes % stripe) - osd * stripeBytes;
  return Math.floor(fileBytes / stripe) * stripeBytes + Math.min(Math.max(rest, 0), stripeBytes);
}

/** Size of a file of which each OSD knows where its own last byte ends in the file (0: it has none). */
export function fileSizeOf(ends: readonly number[]): number {
  return ends.reduce((largest, end) => Math.max(largest, end), 0);
}

/**
 * The end in the file of an OSD's last byte, when it keeps `localBytes` of its objects side by side; inverse of
 * `localOffsetOf` for ends.
 */
export function fileEndOf(striping: Striping, osd: number, localBytes: number): number {
  if (localBytes === 0) return 0;
  const row = Math.floor((localBytes - 1) / striping.stripeBytes);
  const within = localBytes - row * striping.stripeBytes;
  return (row * striping.width + osd) * striping.stripeBytes + within;
}
