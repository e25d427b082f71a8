/**
 * Content and sizes of files in a strict volume: nothing is kept here from one system call to the next. A read asks the MRC where the
 * file ends, a write is at the OSDs and its size at the MRC before it returns (docs/decisions/strict-volumes.md).
 */
import { AllocateMode, type Attributes, nodeCalls } from '@xtreemos/rpc';
import type { FileData } from './file-data.ts';
import type { ReportedSize } from './file-size.ts';
import { knownSizeOf, present } from './kernel-attributes.ts';
import type { Metadata } from './metadata.ts';
import type { OpenHandle } from './open-nodes.ts';

export type OpenedFile = OpenHandle & { readonly data: FileData };

/** The MRC takes its own time for one that is later. */
const serversTimeNs = 2n ** 62n;

export class StrictFiles {
  readonly #metadata: Metadata;

  constructor(metadata: Metadata) {
    this.#metadata = metadata;
  }

  /** What the MRC knows now. @throws as `Metadata.call` */
  async refresh({ node, user, data }: OpenedFile, signal?: AbortSignal): Promise<Attributes> {
    const { volumeId } = this.#metadata;
    const asked = { volumeId, node: BigInt(node) };
    const answer = await this.#metadata.call(nodeCalls.getattr, asked, { user, ...optional(signal) });
    const attributes = present(answer.attributes);
    data.size.adopt(knownSizeOf(attributes));
    return attributes;
  }

  /** @throws as `Metadata.call`, RpcError */
  async read(
    file: OpenedFile,
    offset: number,
    length: number,
    signal?: AbortSignal,
  ): Promise<readonly Buffer[]> {
    for (let known = await this.refresh(file, signal); ; ) {
      const wanted = Math.min(length, Number(known.size) - offset);
      if (wanted <= 0) return [];
      const { pieces, hasEnds } = await file.data.readThrough(offset, wanted, signal);
      // Zeros are what the file has there, unless it was cut between the two questions.
      if (!hasEnds) return pieces;
      const after = await this.refresh(file, signal);
      if (after.truncateEpoch === known.truncateEpoch) return pieces;
      known = after;
    }
  }

  /** @throws as `Metadata.call`, RpcError: some of it may be written then */
  async write(file: OpenedFile, offset: number, data: Uint8Array, signal?: AbortSignal): Promise<void> {
    // Who is interrupted gives the kernel its buffer back while OSDs are still sent what was in it.
    const bytes = Uint8Array.from(data);
    const end = offset + bytes.length;
    const writing = file.data.writeThrough(offset, bytes, signal);
    // A time may come before the data; a size follows them.
    const isWithin = end <= file.data.size.size;
    if (offset > file.data.size.size) file.data.size.leftHole();
    const told = isWithin ? this.#tell(file, undefined, signal) : undefined;
    const [written, known] = await Promise.all([writing, told]);
    const isDone =
      known !== undefined && known.truncateEpoch === written.truncateEpoch && end <= Number(known.size);
    if (!isDone)
      await this.#confirm(file, written, () => file.data.writeThrough(offset, bytes, signal), signal);
  }

  /** At the end that the file has, while this mount has the turn to append. @returns the offset */
  async append(file: OpenedFile, data: Uint8Array, signal?: AbortSignal): Promise<number> {
    const offset = Number((await this.refresh(file, signal)).size);
    await this.write(file, offset, data, signal);
    return offset;
  }

  /** Of fallocate(2). @param newSize undefined: it stays. @throws as `write` */
  async allocate(
    file: OpenedFile,
    mode: AllocateMode,
    { offset, length }: { readonly offset: number; readonly length: number },
    newSize: number | undefined,
  ): Promise<void> {
    const { truncateEpoch } = await this.refresh(file);
    const isHole = mode === AllocateMode.ALLOCATE_PUNCH;
    const end = isHole ? Math.min(offset + length, file.data.size.size) : offset + length;
    const work = async (epoch: number): Promise<ReportedSize> => {
      if (end > offset) await file.data.allocate(mode, offset, end - offset);
      return { size: newSize ?? 0, truncateEpoch: epoch };
    };
    await this.#confirm(file, await work(truncateEpoch), work);
  }

  /**
   * Tells the MRC what OSDs have now. What they had before the MRC began a truncation is done again: it may be cut off.
   * @param again in this epoch or a later one
   */
  async #confirm(
    file: OpenedFile,
    done: ReportedSize,
    again: (epoch: number) => Promise<ReportedSize>,
    signal?: AbortSignal,
  ): Promise<void> {
    for (let written = done; ; ) {
      const { truncateEpoch } = await this.#tell(file, written, signal);
      if (truncateEpoch <= written.truncateEpoch) return;
      await file.data.capabilities.renewAll();
      written = await again(truncateEpoch);
    }
  }

  async #tell(
    { handle, user, data }: OpenedFile,
    written: ReportedSize | undefined,
    signal?: AbortSignal,
  ): Promise<Attributes> {
    const { volumeId } = this.#metadata;
    const report = data.size.report();
    const answer = await this.#metadata.call(
      nodeCalls.updateSize,
      {
        ...{ volumeId, handle, mtimeNs: serversTimeNs, mayHaveHoles: report?.leavesHole ?? false },
        ...(written && {
          written: { sizeInBytes: BigInt(written.size), truncateEpoch: written.truncateEpoch },
        }),
      },
      { user, ...optional(signal) },
    );
    const attributes = present(answer.attributes);
    const known = knownSizeOf(attributes);
    if (report === undefined) data.size.adopt(known);
    else data.size.confirmed(report, known, true);
    return attributes;
  }
}

function optional(signal: AbortSignal | undefined) {
  return signal === undefined ? {} : { signal };
}
