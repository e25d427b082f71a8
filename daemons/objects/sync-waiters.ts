/** Who waits until records up to a sequence number are durable. */
export interface SyncWaiters {
  /** Resolves with `settle`, rejects with `fail`. */
  wait(sequence: number): Promise<void>;
  /** Whether somebody waits for a record after `durable` and up to `written`. */
  isWanted(durable: number, written: number): boolean;
  settle(durable: number): void;
  fail(reason: Error): void;
}

interface Waiter {
  readonly sequence: number;
  readonly done: () => void;
  readonly failed: (error: Error) => void;
}

export function createSyncWaiters(): SyncWaiters {
  let waiters: Waiter[] = [];
  return {
    wait: (sequence) =>
      new Promise<void>((done, failed) => {
        waiters.push({ sequence, done, failed });
      }),
    isWanted: (durable, written) => waiters.some(({ sequence }) => sequence <= written && sequence > durable),
    settle(durable) {
      const ready = waiters.filter(({ sequence }) => sequence <= durable);
      waiters = waiters.filter(({ sequence }) => sequence > durable);
      for (const waiter of ready) waiter.done();
    },
    fail(reason) {
      const failing = waiters;
      waiters = [];
      for (const waiter of failing) waiter.failed(reason);
    },
  };
}
