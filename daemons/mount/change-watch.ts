/** What other clients change, as the MRC tells it, and how long the kernel may keep what it was told. */

import { setTimeout as sleep } from 'node:timers/promises';
import { ChangeKind, nobody, nodeCalls } from '@xtreemos/rpc';
import type { Metadata } from './metadata.ts';

export interface ChangeListener {
  /** Attributes alone, or the content too. */
  node(node: number, isContent: boolean): void;
  entry(parent: number, name: Buffer): void;
  /** Another client wants to append. */
  appendWanted(node: number): void;
  /** Anything may have changed. */
  everything(): void;
}

export interface ChangeWatchOptions {
  readonly metadata: Metadata;
  readonly listener: ChangeListener;
  /** False: nothing that was told is believed afterwards, the MRC is asked each time. */
  readonly keeps: () => boolean;
  /** Kept by the kernel while changes are told, in nanoseconds, and while they are not. */
  readonly watchedNs: number;
  readonly unwatchedNs: number;
}

const waitMs = 30_000;
const keptChanges = 10_000;

export class ChangeWatch {
  readonly #options: ChangeWatchOptions;
  readonly #abort = new AbortController();
  /** Nodes by the page of changes that named them last. */
  readonly #changed = new Map<number, number>();
  #page = 0;
  /** What began before this page may have missed changes. */
  #floor = 0;
  #isWatching = false;
  #running: Promise<void> | undefined;

  constructor(options: ChangeWatchOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  get isWatching(): boolean {
    return this.#isWatching;
  }

  /** To be taken before the MRC is asked for what the kernel is to keep. */
  get mark(): number {
    return this.#page;
  }

  /** For what was asked for at `mark` of these nodes: an answer that was overtaken by a change is not kept at all. */
  timeoutNs(mark: number, ...nodes: readonly number[]): number {
    if (!this.#options.keeps()) return 0;
    if (!this.#isWatching) return this.#options.unwatchedNs;
    return nodes.every((node) => this.isCurrent(mark, node)) ? this.#options.watchedNs : 0;
  }

  /** Changes are told, and none was of the node since it was asked for at `mark`. */
  isCurrent(mark: number, node: number): boolean {
    return (
      this.#options.keeps() &&
      this.#isWatching &&
      mark >= this.#floor &&
      (this.#changed.get(node) ?? 0) <= mark
    );
  }

  async #run(): Promise<void> {
    const { metadata, listener } = this.#options;
    const { signal } = this.#abort;
    let cursor = '';
    let hasLost = false;
    while (!signal.aborted) {
      try {
        const { volumeId } = metadata;
        // Nothing is missed between this answer and the next question: the cursor says where it ended.
        const response = await metadata.call(
          nodeCalls.changes,
          { volumeId, cursor, waitMs: hasLost ? 0 : waitMs },
          { user: nobody, signal, timeoutMs: waitMs + 15_000 },
        );
        this.#page += 1;
        if (response.reset || (cursor === '' && hasLost)) {
          this.#floor = this.#page;
          listener.everything();
        }
        for (const { node, kind, name } of response.events) this.#tell(Number(node), kind, Buffer.from(name));
        cursor = response.cursor;
        this.#isWatching = true;
        hasLost = false;
      } catch {
        this.#isWatching = false;
        hasLost = true;
        await sleep(500, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  #tell(node: number, kind: ChangeKind, name: Buffer): void {
    const { listener } = this.#options;
    if (kind === ChangeKind.CHANGE_APPEND_WANTED) {
      listener.appendWanted(node);
      return;
    }
    this.#changed.delete(node);
    this.#changed.set(node, this.#page);
    if (this.#changed.size > keptChanges)
      for (const [oldest, page] of this.#changed) {
        this.#floor = Math.max(this.#floor, page);
        this.#changed.delete(oldest);
        break;
      }
    if (kind === ChangeKind.CHANGE_ENTRIES) {
      listener.entry(node, name);
      listener.node(node, true);
    } else listener.node(node, kind === ChangeKind.CHANGE_DATA);
  }
}
