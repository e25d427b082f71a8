/** `<volume uuid>:<node number>`: how OSDs know a file. */
export interface FileId {
  readonly volumeId: string;
  /** Unsigned, 64 bits. */
  readonly node: bigint;
}

/** Letters, digits and '-' alone: the text of a file id is also a file name on an OSD, and never leads elsewhere. */
const pattern = /^([0-9A-Za-z][0-9A-Za-z-]{0,63}):(0|[1-9][0-9]{0,19})$/;

/** Of the longest text that is a file id. */
export const maximumFileIdLength = 64 + 1 + 20;

/** @returns undefined when the text is no file id. There is one text for each id. */
export function parseFileId(text: string): FileId | undefined {
  if (text.length > maximumFileIdLength) return undefined;
  const match = pattern.exec(text);
  if (match === null) return undefined;
  const node = BigInt(match[2] ?? '');
  return node >= 1n << 64n ? undefined : { volumeId: match[1] ?? '', node };
}

export function formatFileId({ volumeId, node }: FileId): string {
  return `${volumeId}:${node}`;
}
