/** Files that programs on this mount have open. */
import { type CallUser, type FileCredentials, nodeCalls, type XCap } from '@xtreemos/rpc';
import { AppendTurn, type TakenTurn } from './append-turn.ts';
import { Failure } from './call-failure.ts';
import { Capabilities } from './capabilities.ts';
import { type DataParts, FileData, unlessAborted } from './file-data.ts';
import { layoutOf } from './file-layout.ts';
import { FileSize, type KnownSize } from './file-size.ts';
import { knownSizeOf, present } from './kernel-attributes.ts';
import type { Metadata } from './metadata.ts';
import type { Claim } from './metadata-client.ts';

/** One opening of a file or directory. */
export interface OpenHandle {
  readonly handle: bigint;
  readonly node: number;
  readonly user: CallUser;
  readonly canWrite: boolean;
  /** Undefined for what has no content at OSDs: directories. */
  readonly data: FileData | undefined;
  /** Errors of writing behind that it was told of. */
  errorPosition: number;
  /** The MRC is told of reads when it is closed. */
  readonly notesAccess: boolean;
  wasRead: boolean;
  /** The server knows of it no more. */
  isLost: boolean;
}

interface OpenNode {
  readonly data: FileData;
  readonly turn: AppendTurn;
  readonly handles: Set<OpenHandle>;
}

export interface OpenNodesOptions {
  readonly metadata: () => Metadata;
  readonly data: DataParts;
  readonly monotonicMs: () => number;
}

export interface Opening {
  readonly handle: bigint;
  readonly node: number;
  readonly user: CallUser;
  readonly canWrite: boolean;
  readonly known: KnownSize;
  readonly credentials: FileCredentials | undefined;
  /** Nothing was ever written to it. */
  readonly isNew: boolean;
  /** That this client has; 0: others may append. */
  readonly appendTurn: bigint;
  readonly notesAccess: boolean;
}

/** Then the MRC is asked again, and asks who has the turn again. */
const turnWaitMs = 2000;
const mostWantedTurns = 1000;

export class OpenNodes {
  readonly #options: OpenNodesOptions;
  readonly #nodes = new Map<number, OpenNode>();
  readonly #handles = new Map<number, OpenHandle>();
  /** Append turns that are over. */
  readonly #given = new Set<bigint>();
  readonly #wantedTurns = new Set<number>();

  constructor(options: OpenNodesOptions) {
    this.#options = options;
  }

  get handles(): number {
    return this.#handles.size;
  }

  /** Content of a file that is open here. */
  data(node: number): FileData | undefined {
    return this.#nodes.get(node)?.data;
  }

  /** @throws Failure EBADF, ESTALE for what the server ended */
  get(handle: number): OpenHandle {
    const known = this.#handles.get(handle);
    if (known === undefined) throw new Failure('EBADF', 'no such open file');
    if (known.isLost) throw new Failure('ESTALE', 'the file was removed while the server was away');
    return known;
  }

  /** @throws Failure EBADF, ESTALE, EISDIR */
  file(handle: number): OpenHandle & { readonly data: FileData } {
    const known = this.get(handle);
    if (known.data === undefined) throw new Failure('EISDIR', 'no regular file');
    return known as OpenHandle & { readonly data: FileData };
  }

  add({
    handle,
    node,
    user,
    canWrite,
    known,
    credentials,
    isNew,
    appendTurn,
    notesAccess,
  }: Opening): OpenHandle {
    const data = credentials && this.#dataOf(node, credentials, known, isNew).data;
    if (credentials !== undefined) data?.capabilities.put(handle, credentials);
    const errorPosition = data?.errors.position ?? 0;
    const state = { errorPosition, wasRead: false, isLost: false };
    const opened = { handle, node, user, canWrite, data, notesAccess, ...state };
    this.#handles.set(Number(handle), opened);
    const present = this.#nodes.get(node);
    if (data !== undefined) present?.handles.add(opened);
    present?.turn.granted(appendTurn);
    if (this.#wantedTurns.delete(node)) present?.turn.wanted();
    return opened;
  }

  #dataOf(node: number, credentials: FileCredentials, known: KnownSize, isNew: boolean): OpenNode {
    const present = this.#nodes.get(node);
    if (present !== undefined) {
      present.data.size.adopt(known);
      return present;
    }
    const capabilities = new Capabilities({
      renew: (xcap) => this.#renew(node, xcap),
      monotonicMs: this.#options.monotonicMs,
    });
    const layout = layoutOf(credentials.xcap?.fileId ?? '', credentials.xlocs);
    const data = new FileData(this.#options.data, layout, capabilities, new FileSize(known));
    if (!isNew) data.distrustDisk();
    const turn = new AppendTurn({
      take: () => this.#takeTurn(node),
      give: (number) => this.#giveTurn(node, number),
      given: this.#given,
      silences: () => this.#options.metadata().silences,
      adopt: (size) => data.size.adopt(size),
    });
    const made = { data, turn, handles: new Set<OpenHandle>() };
    this.#nodes.set(node, made);
    return made;
  }

  async #renew(node: number, xcap: XCap): Promise<XCap> {
    const metadata = this.#options.metadata();
    const [first] = this.#nodes.get(node)?.handles ?? [];
    if (first === undefined) throw new Failure('EBADF', 'the file was closed');
    const { volumeId } = metadata;
    const response = await metadata.call(nodeCalls.renew, { volumeId, xcap }, { user: first.user });
    if (response.xcap === undefined) throw new Failure('EIO', 'the MRC gave no capability');
    return response.xcap;
  }

  /**
   * Writes at the end of the file, wherever other clients moved it.
   * @param write is done while nobody else appends
   * @param mayGoOn more of the same write(2) may come
   */
  append<Result>(
    { node }: OpenHandle,
    write: () => Promise<Result>,
    mayGoOn: boolean,
    signal?: AbortSignal,
  ): Promise<Result> {
    const open = this.#nodes.get(node);
    if (open === undefined) throw new Failure('EBADF', 'the file was closed');
    const appended = open.turn.append(() => {
      signal?.throwIfAborted();
      return write();
    }, mayGoOn);
    return unlessAborted(appended, signal);
  }

  appendWanted(node: number): void {
    const open = this.#nodes.get(node);
    if (open === undefined) this.#wantTurn(node);
    else open.turn.wanted();
  }

  /** Of a file that is being closed, or opened: the turn is asked for when it is open. */
  #wantTurn(node: number): void {
    if (this.#wantedTurns.size > mostWantedTurns) this.#wantedTurns.clear();
    this.#wantedTurns.add(node);
  }

  /** Another client changed the content. */
  changedElsewhere(node: number): void {
    const open = this.#nodes.get(node);
    open?.data.changedElsewhere();
    open?.turn.changedElsewhere();
  }

  async #takeTurn(node: number): Promise<TakenTurn> {
    for (;;) {
      const { turn, attributes } = await this.#turnCall(node, { waitMs: turnWaitMs });
      if (turn !== 0n) return { number: turn, known: knownSizeOf(present(attributes)) };
    }
  }

  async #giveTurn(node: number, given: bigint): Promise<void> {
    try {
      await this.settle(node);
    } finally {
      await this.#turnCall(node, { given });
    }
  }

  #turnCall(node: number, asked: { readonly waitMs?: number; readonly given?: bigint }) {
    const metadata = this.#options.metadata();
    const writer = this.#writerOf(node);
    if (writer === undefined) throw new Failure('EBADF', 'the file is open for writing no more');
    return metadata.call(
      nodeCalls.appendTurn,
      { volumeId: metadata.volumeId, handle: writer.handle, ...asked },
      { user: writer.user },
    );
  }

  #writerOf(node: number): OpenHandle | undefined {
    return [...(this.#nodes.get(node)?.handles ?? [])].find(({ canWrite, isLost }) => canWrite && !isLost);
  }

  /** Everything written is at the OSDs, and the MRC knows its size. @throws RpcError; errors of writing behind are in `errors` */
  async settle(node: number, signal?: AbortSignal): Promise<void> {
    const open = this.#nodes.get(node);
    if (open === undefined) return;
    await open.data.flush(signal);
    await this.confirm(node, signal);
  }

  /** Tells the MRC the size and time that it does not know yet. @param writing is going on, and ends before what was told counts as all */
  async confirm(node: number, signal?: AbortSignal, writing?: Promise<void>): Promise<void> {
    const open = this.#nodes.get(node);
    const report = open?.data.size.report();
    if (open === undefined || report === undefined) return;
    const writer = this.#writerOf(node);
    if (writer === undefined) return;
    const metadata = this.#options.metadata();
    const { written, mtimeNs, leavesHole } = report;
    const response = await metadata.call(
      nodeCalls.updateSize,
      {
        volumeId: metadata.volumeId,
        handle: writer.handle,
        mayHaveHoles: leavesHole,
        ...(mtimeNs === undefined ? {} : { mtimeNs }),
        ...(written === undefined
          ? {}
          : { written: { sizeInBytes: BigInt(written.size), truncateEpoch: written.truncateEpoch } }),
      },
      { user: writer.user, ...(signal === undefined ? {} : { signal }) },
    );
    await writing;
    open.data.size.confirmed(report, knownSizeOf(present(response.attributes)), open.data.isClean);
  }

  /** @throws the latest error of writing behind that this opening has not been told of */
  throwErrors(opened: OpenHandle): void {
    const found = opened.data?.errors.since(opened.errorPosition);
    if (found === undefined || opened.data === undefined) return;
    opened.errorPosition = opened.data.errors.position;
    throw found.error;
  }

  /** What was read went to the kernel. */
  readDone(pieces: readonly Buffer[]): void {
    for (const piece of pieces) this.#options.data.buffers.give(piece);
  }

  /** The last descriptor of an opening is closed. */
  async release(handle: number): Promise<void> {
    const opened = this.#handles.get(handle);
    if (opened === undefined) return;
    try {
      await this.settle(opened.node);
    } finally {
      this.#handles.delete(handle);
      this.#forget(opened);
      const metadata = this.#options.metadata();
      if (!opened.isLost)
        await metadata.call(
          nodeCalls.close,
          {
            volumeId: metadata.volumeId,
            handle: opened.handle,
            accessed: opened.notesAccess && opened.wasRead,
          },
          // Closed by the attempt whose answer was lost.
          {
            user: opened.user,
            whenRepeated: () => ({ $typeName: 'xtreemos.fs.NodeEmptyResponse' as const }),
          },
        );
    }
  }

  #forget(opened: OpenHandle): void {
    const open = this.#nodes.get(opened.node);
    if (open === undefined || !open.handles.delete(opened)) return;
    open.data.capabilities.delete(opened.handle);
    if (open.handles.size > 0) return;
    open.data.close();
    open.turn.end();
    if (open.turn.isWanted) this.#wantTurn(opened.node);
    this.#nodes.delete(opened.node);
  }

  /** Everything that is dirty on the mount is on disk. */
  async syncAll(): Promise<void> {
    await Promise.all(
      [...this.#nodes].map(async ([node, { data }]) => {
        await data.sync();
        await this.confirm(node);
      }),
    );
  }

  claims(): readonly Claim[] {
    return [...this.#handles.values()].flatMap(({ handle, node, user, data, isLost }) => {
      const xcap = data?.capabilities.xcapOf(handle);
      const appendTurn = this.#nodes.get(node)?.turn.number ?? 0n;
      return xcap === undefined || isLost ? [] : [{ handle, user, xcap, appendTurn }];
    });
  }

  lost(handles: readonly bigint[]): void {
    for (const handle of handles) {
      const opened = this.#handles.get(Number(handle));
      if (opened !== undefined) opened.isLost = true;
    }
  }

  /** Capabilities of files that lie open unused. */
  async renewAging(): Promise<void> {
    for (const { data } of [...this.#nodes.values()]) await data.capabilities.renewAging();
  }
}
