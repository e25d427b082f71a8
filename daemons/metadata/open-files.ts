import { AppendTurns, type AppendTurnsOptions } from './append-turns.ts';
import { refusal } from './errno-error.ts';

export interface OpenFile {
  readonly handle: number;
  readonly volume: number;
  readonly node: number;
  readonly clientId: string;
  readonly canRead: boolean;
  readonly canWrite: boolean;
  /** Who opened it; capabilities that it is renewed with are his. */
  readonly user: string;
}

export type NewOpenFile = Omit<OpenFile, 'handle'>;

interface Client {
  /** The host that it is on; nobody else may speak as it. */
  readonly owner: string;
  readonly handles: Set<number>;
  lastSeenMs: number;
}

export interface OpenFilesOptions {
  /** Number of this start of the server: handles of different starts differ. */
  readonly start: number;
  readonly leaseMs: number;
  readonly monotonicMs: () => number;
  readonly mostOfClient: number;
  readonly onAppendWanted: AppendTurnsOptions['onWanted'];
}

/** Longer than a client believes in a turn without a word from the server (its silence, in daemons/mount/metadata-client.ts). */
const appendGraceMs = 20_000;

/**
 * Who has what open. In memory alone: after a restart clients have the time of a lease to claim what they had, and nothing that
 * might be open is removed meanwhile.
 */
export class OpenFiles {
  readonly #options: OpenFilesOptions;
  readonly #files = new Map<number, OpenFile>();
  /** Volume, node: handles. */
  readonly #ofNode = new Map<number, Map<number, Set<number>>>();
  readonly #clients = new Map<string, Client>();
  /** Removed by changes that are not committed yet, as `volume:node`. */
  readonly #removed = new Set<string>();
  readonly #graceEndsMs: number;
  readonly turns: AppendTurns;
  #next = 1;

  constructor(options: OpenFilesOptions) {
    this.#options = options;
    // At the very first start nobody has anything open.
    this.#graceEndsMs = options.monotonicMs() + (options.start === 1 ? 0 : options.leaseMs);
    // Clients connect again and claim within seconds; who does not believes in no turn any more.
    const turnsKnownMs = Math.min(this.#graceEndsMs, options.monotonicMs() + appendGraceMs);
    this.turns = new AppendTurns({
      onWanted: options.onAppendWanted,
      graceLeftMs: () => turnsKnownMs - options.monotonicMs(),
      nextNumber: () => this.#nextNumber(),
    });
  }

  get size(): number {
    return this.#files.size;
  }

  get clients(): number {
    return this.#clients.size;
  }

  /** Files of clients that have not been heard of since the restart may still be open. */
  get isInGrace(): boolean {
    return this.#options.monotonicMs() < this.#graceEndsMs;
  }

  /** A sign of life. @throws ErrnoError EACCES when the client is another host's */
  greet(clientId: string, owner: string): void {
    const known = this.#clients.get(clientId);
    const lastSeenMs = this.#options.monotonicMs();
    if (known === undefined) this.#clients.set(clientId, { owner, handles: new Set(), lastSeenMs });
    else if (known.owner !== owner) throw refusal('EACCES', 'the client id is used by another host');
    else known.lastSeenMs = lastSeenMs;
  }

  /**
   * @param isNew nobody else can have had it open
   * @throws ErrnoError ENFILE, ENOTCONN for a client that is not known, ESTALE for what is about to be gone
   */
  open(file: NewOpenFile, isNew = false): OpenFile {
    const handle = this.#nextNumber();
    const opened = this.#add({ ...file, handle });
    if (file.canWrite && !this.#isWrittenByOthers(file)) this.turns.alone(file, file.clientId, isNew);
    return opened;
  }

  /** Handles and turns of different starts differ. */
  #nextNumber(): number {
    return this.#options.start * 2 ** 32 + this.#next++;
  }

  /** After a restart: the client had it open. @throws as `open` */
  reclaim(file: OpenFile): OpenFile {
    const known = this.#files.get(file.handle);
    if (known !== undefined && known.clientId === file.clientId && known.node === file.node) return known;
    // Handles that are yet to be given, and those of others, are nobody's to claim.
    if (known !== undefined || file.handle >= this.#options.start * 2 ** 32 + this.#next)
      throw refusal('EBADF', 'no such handle was given to the client');
    return this.#add(file);
  }

  #add(file: OpenFile): OpenFile {
    const client = this.#clients.get(file.clientId);
    if (client === undefined) throw refusal('ENOTCONN', 'the client has not attached');
    if (client.handles.size >= this.#options.mostOfClient) throw refusal('ENFILE', 'too many open files');
    if (this.isRemoved(file.volume, file.node)) throw refusal('ESTALE', 'the file was removed');
    this.#files.set(file.handle, file);
    client.handles.add(file.handle);
    const nodes = this.#ofNode.get(file.volume) ?? new Map<number, Set<number>>();
    this.#ofNode.set(file.volume, nodes);
    const handles = nodes.get(file.node) ?? new Set<number>();
    nodes.set(file.node, handles);
    handles.add(file.handle);
    return file;
  }

  /** @throws ErrnoError EBADF when the client has no such handle */
  get(handle: number, clientId: string): OpenFile {
    const file = this.#files.get(handle);
    if (file === undefined || file.clientId !== clientId) throw refusal('EBADF', 'no such open file');
    return file;
  }

  isOpen(volume: number, node: number): boolean {
    return this.isInGrace || this.#ofNode.get(volume)?.has(node) === true;
  }

  #isWrittenByOthers({ volume, node, clientId }: NewOpenFile): boolean {
    for (const handle of this.#ofNode.get(volume)?.get(node) ?? []) {
      const file = this.#files.get(handle);
      if (file?.canWrite === true && file.clientId !== clientId) return true;
    }
    return false;
  }

  /** Whether the client has a handle that gives the rights of an access mode of open(2). */
  isOpenBy(volume: number, node: number, clientId: string, accessMode: number): boolean {
    for (const handle of this.#ofNode.get(volume)?.get(node) ?? []) {
      const file = this.#files.get(handle);
      if (file?.clientId !== clientId) continue;
      if ((accessMode === 1 || file.canRead) && (accessMode === 0 || file.canWrite)) return true;
    }
    return false;
  }

  /** @returns true when nobody has the file open any more */
  close({ handle, volume, node, clientId }: OpenFile): boolean {
    if (!this.#files.delete(handle)) return false;
    this.#clients.get(clientId)?.handles.delete(handle);
    const nodes = this.#ofNode.get(volume);
    const handles = nodes?.get(node);
    handles?.delete(handle);
    if (!this.isOpenBy(volume, node, clientId, 1)) this.turns.left({ volume, node }, clientId);
    if (handles === undefined || handles.size > 0) return false;
    nodes?.delete(node);
    return true;
  }

  /** Ends what silent clients had open. @returns files that nobody has open any more */
  expire(): readonly OpenFile[] {
    const ended: OpenFile[] = [];
    const oldestMs = this.#options.monotonicMs() - this.#options.leaseMs;
    for (const [clientId, { lastSeenMs, handles }] of this.#clients) {
      if (lastSeenMs > oldestMs) continue;
      for (const handle of [...handles]) {
        const file = this.#files.get(handle);
        if (file !== undefined && this.close(file)) ended.push(file);
      }
      this.#clients.delete(clientId);
    }
    return ended;
  }

  /** A change that is about to be committed removes the file: from now on nobody opens it. */
  markRemoved(volume: number, node: number): void {
    this.#removed.add(`${volume}:${node}`);
  }

  /** The change was committed or came to nothing. */
  unmarkRemoved(volume: number, node: number): void {
    this.#removed.delete(`${volume}:${node}`);
  }

  isRemoved(volume: number, node: number): boolean {
    return this.#removed.has(`${volume}:${node}`);
  }
}
