import type { NodeEvent } from '@xtreemos/vo-client';

export interface Subscriber {
  readonly vo: string;
  readonly hostname: string;
  send(event: NodeEvent): void;
  /** Ends the connection: the service stops. */
  end(): void;
}

/** A new version of something that nodes fetch. */
export type VersionEvent = Extract<NodeEvent, { readonly type: 'membership' | 'crl' }>;

/**
 * Every version costs a signature here and a download at each node: within so many milliseconds of one event, further
 * versions become one more event at their end.
 */
const coalescingMs = 250;

/** Tells connected nodes what changed; what they missed they learn from `hello` when they connect again. */
export class ChangeHub {
  readonly #coalescingMs: number;
  readonly #watchers = new Set<() => void>();
  readonly #byVo = new Map<string, Set<Subscriber>>();
  /** The newest version not yet told, per VO and kind; undefined while only the pause runs. */
  readonly #pausing = new Map<string, VersionEvent | undefined>();

  constructor(options: { readonly coalescingMs?: number } = {}) {
    this.#coalescingMs = options.coalescingMs ?? coalescingMs;
  }

  subscribe(subscriber: Subscriber): () => void {
    const { vo } = subscriber;
    const subscribers = this.#byVo.get(vo) ?? new Set();
    this.#byVo.set(vo, subscribers.add(subscriber));
    this.touch();
    return () => {
      subscribers.delete(subscriber);
      this.touch();
      if (subscribers.size === 0 && this.#byVo.get(vo) === subscribers) this.#byVo.delete(vo);
    };
  }

  /** Calls back whenever nodes come and go or the registry changed, until the function it answers is called. */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** To every node of the VO, at once or, shortly after another one, with a delay. */
  publish(event: VersionEvent): void {
    const key = `${event.type} ${event.vo}`;
    if (this.#pausing.has(key)) {
      this.#pausing.set(key, event);
      return;
    }
    this.#send(event);
    this.#pausing.set(key, undefined);
    setTimeout(() => {
      const waiting = this.#pausing.get(key);
      this.#pausing.delete(key);
      if (waiting !== undefined) this.publish(waiting);
    }, this.#coalescingMs).unref();
  }

  /** To every node of the VO, or to one host alone, at once. */
  dismiss(event: Extract<NodeEvent, { readonly type: 'gone' }>, hostname?: string): void {
    this.#send(event, hostname);
  }

  everyone(): readonly Subscriber[] {
    return [...this.#byVo.values()].flatMap((subscribers) => [...subscribers]);
  }

  /** The registry changed, whether nodes are told or not. */
  touch(): void {
    for (const watcher of this.#watchers) watcher();
  }

  #send(event: VersionEvent | Extract<NodeEvent, { readonly type: 'gone' }>, hostname?: string): void {
    for (const subscriber of [...(this.#byVo.get(event.vo) ?? [])]) {
      if (hostname === undefined || subscriber.hostname === hostname) subscriber.send(event);
    }
  }
}
