import type { NodeEvent } from '@xtreemos/vo-client';

export interface Subscriber {
  readonly vo: string;
  readonly hostname: string;
  send(event: NodeEvent): void;
  /** Ends the connection: the service stops. */
  end(): void;
}

/** Tells connected nodes what changed; what they missed they learn from `hello` when they connect again. */
export class ChangeHub {
  readonly #byVo = new Map<string, Set<Subscriber>>();

  subscribe(subscriber: Subscriber): () => void {
    const { vo } = subscriber;
    const subscribers = this.#byVo.get(vo) ?? new Set();
    this.#byVo.set(vo, subscribers.add(subscriber));
    return () => {
      subscribers.delete(subscriber);
      if (subscribers.size === 0 && this.#byVo.get(vo) === subscribers) this.#byVo.delete(vo);
    };
  }

  /** To every node of the event's VO, or to one host alone. */
  publish(event: Extract<NodeEvent, { readonly vo: string }>, hostname?: string): void {
    for (const subscriber of [...(this.#byVo.get(event.vo) ?? [])]) {
      if (hostname === undefined || subscriber.hostname === hostname) subscriber.send(event);
    }
  }

  everyone(): readonly Subscriber[] {
    return [...this.#byVo.values()].flatMap((subscribers) => [...subscribers]);
  }
}
