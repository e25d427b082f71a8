import { type PendingSignal, pendingSignal } from './pending-signal.ts';
import type { PendingRequest } from './request.ts';
import type { AnyKind } from './request-kind.ts';

const sweepMs = 100;
/** How long a caller that cannot be seen (another pid namespace) may have been signalled before it is given up. */
const unseenMs = 2000;

interface Watched {
  readonly request: PendingRequest;
  readonly kind: AnyKind;
  readonly sinceMs: number;
}

/**
 * Decides who has given up. The kernel tells of any signal, also of one whose handler returns into the same system call, and
 * tells only once: the callers are looked at again until they are answered. Lookups that take too long are given up as well.
 */
export class Interruptions {
  readonly #signalled = new Map<PendingRequest, Watched>();
  /** In order of arrival. */
  readonly #timed = new Map<PendingRequest, number>();
  readonly #lookupTimeoutMs: number;
  readonly #giveUp: (request: PendingRequest) => void;
  readonly #look: (pid: number) => PendingSignal;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    lookupTimeoutMs: number,
    giveUp: (request: PendingRequest) => void,
    look: (pid: number) => PendingSignal = pendingSignal,
  ) {
    this.#lookupTimeoutMs = lookupTimeoutMs;
    this.#giveUp = giveUp;
    this.#look = look;
  }

  signalled(request: PendingRequest, kind: AnyKind): void {
    const watched = { request, kind, sinceMs: performance.now() };
    if (this.#judge(watched, watched.sinceMs)) return;
    this.#signalled.set(request, watched);
    this.#start();
  }

  timed(request: PendingRequest): void {
    this.#timed.set(request, performance.now() + this.#lookupTimeoutMs);
    this.#start();
  }

  answered(request: PendingRequest): void {
    if (this.#timed.size > 0) this.#timed.delete(request);
    if (this.#signalled.size > 0) this.#signalled.delete(request);
  }

  #judge({ request, kind, sinceMs }: Watched, nowMs: number): boolean {
    const pending = kind.anySignal === true ? 'fatal' : this.#look(request.pid);
    const ends =
      pending === 'fatal' ||
      (pending === 'exiting' && kind.survivesExit !== true) ||
      (pending === 'unknown' && kind.survivesExit !== true && nowMs - sinceMs >= unseenMs);
    if (ends) request.interrupt();
    return ends;
  }

  #start(): void {
    this.#timer ??= setInterval(() => this.#sweep(), sweepMs).unref();
  }

  #sweep(): void {
    const nowMs = performance.now();
    for (const [request, endMs] of this.#timed) {
      if (endMs > nowMs) break;
      this.#timed.delete(request);
      request.interrupt();
      this.#giveUp(request);
    }
    for (const [request, watched] of this.#signalled)
      if (this.#judge(watched, nowMs)) this.#signalled.delete(request);
    if (this.#timed.size === 0 && this.#signalled.size === 0) this.stop();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
