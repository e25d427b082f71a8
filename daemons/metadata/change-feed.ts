import type { ChangeEvent } from './change-event.ts';

export interface FeedEvent extends ChangeEvent {
  readonly sequence: number;
  /** Who made the change, and knows of it. */
  readonly clientId: string;
}

export interface FeedPage {
  readonly cursor: string;
  readonly events: readonly FeedEvent[];
  /** Events are missing: whoever asks has to take all that he keeps for old. */
  readonly isReset: boolean;
}

interface VolumeFeed {
  readonly events: FeedEvent[];
  /** Sequence of the first one that is kept. */
  first: number;
  next: number;
  readonly waiting: Set<Waiter>;
}

interface Waiter {
  readonly clientId: string;
  /** What was before it knows. */
  at: number;
  readonly wake: () => void;
}

/** Events of a volume that are kept; who is further behind starts anew. */
const keptEvents = 65_536;

/**
 * What changed, volume by volume, for clients that keep copies. In memory alone: after a restart everybody starts anew, which a cursor of another
 * start tells.
 */
export class ChangeFeed {
  readonly #start: number;
  readonly #feeds = new Map<number, VolumeFeed>();
  #isClosed = false;

  /** @param start another one at each start of the server */
  constructor(start: number) {
    this.#start = start;
  }

  publish(volume: number, clientId: string, events: readonly ChangeEvent[]): void {
    if (events.length === 0) return;
    const feed = this.#feed(volume);
    for (const event of events) feed.events.push({ ...event, clientId, sequence: feed.next++ });
    if (feed.events.length > 2 * keptEvents) {
      feed.events.splice(0, feed.events.length - keptEvents);
      feed.first = feed.events[0]?.sequence ?? feed.next;
    }
    for (const waiter of feed.waiting)
      if (waiter.clientId === clientId) waiter.at = feed.next;
      else {
        // Its answer begins with these events, whatever comes before it runs.
        feed.waiting.delete(waiter);
        waiter.wake();
      }
  }

  /**
   * What others than `clientId` changed since the cursor ('' is now); waits for something to tell, `waitMs` at most.
   * @param most events in a page
   */
  async read(
    volume: number,
    clientId: string,
    cursor: string,
    {
      waitMs,
      signal,
      most = 4096,
    }: { readonly waitMs: number; readonly signal?: AbortSignal; readonly most?: number },
  ): Promise<FeedPage> {
    const feed = this.#feed(volume);
    if (cursor === '') return { cursor: this.#cursor(feed.next), events: [], isReset: false };
    const from = this.#parse(cursor);
    if (from === undefined || from < feed.first || from > feed.next)
      return { cursor: this.#cursor(feed.next), events: [], isReset: true };
    const deadlineMs = performance.now() + waitMs;
    let at = from;
    for (;;) {
      const page: FeedEvent[] = [];
      for (; at < feed.next && page.length < most; at++) {
        const event = feed.events[at - feed.first];
        if (event !== undefined && isFor(event, clientId)) page.push(event);
      }
      const leftMs = deadlineMs - performance.now();
      if (page.length > 0 || leftMs <= 0 || this.#isClosed || signal?.aborted === true)
        return { cursor: this.#cursor(at), events: page, isReset: false };
      at = await waitFor(feed, { clientId, at }, leftMs, signal);
      if (at < feed.first) return { cursor: this.#cursor(feed.next), events: [], isReset: true };
    }
  }

  /** Answers all who wait. */
  close(): void {
    this.#isClosed = true;
    for (const { waiting } of this.#feeds.values()) for (const { wake } of waiting) wake();
  }

  #feed(volume: number): VolumeFeed {
    const known = this.#feeds.get(volume);
    if (known !== undefined) return known;
    const feed = { events: [], first: 1, next: 1, waiting: new Set<Waiter>() };
    this.#feeds.set(volume, feed);
    return feed;
  }

  #cursor(sequence: number): string {
    return `${this.#start}-${sequence}`;
  }

  #parse(cursor: string): number | undefined {
    const match = /^(\d{1,15})-(\d{1,15})$/.exec(cursor);
    return match !== null && Number(match[1]) === this.#start ? Number(match[2]) : undefined;
  }
}

/** Who made a change knows of it. */
function isFor({ clientId: maker, onlyFor = '' }: FeedEvent, clientId: string): boolean {
  return maker !== clientId && (onlyFor === '' || onlyFor === clientId);
}

/** @returns how far the client knows everything */
async function waitFor(
  feed: VolumeFeed,
  { clientId, at }: { readonly clientId: string; readonly at: number },
  milliseconds: number,
  signal: AbortSignal | undefined,
): Promise<number> {
  const { promise, resolve: wake } = Promise.withResolvers<void>();
  const waiter = { clientId, at, wake };
  const timer = setTimeout(wake, milliseconds);
  const abort = () => wake();
  feed.waiting.add(waiter);
  signal?.addEventListener('abort', abort, { once: true });
  await promise;
  signal?.removeEventListener('abort', abort);
  clearTimeout(timer);
  feed.waiting.delete(waiter);
  return waiter.at;
}
