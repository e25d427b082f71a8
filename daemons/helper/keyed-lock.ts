/** Runs tasks of the same key one after the other; those of different keys do not wait for each other. */
export interface KeyedLock {
  run<Value>(key: string, task: () => Promise<Value>): Promise<Value>;
}

export function createKeyedLock(): KeyedLock {
  const last = new Map<string, Promise<unknown>>();
  return {
    async run(key, task) {
      const before = last.get(key) ?? Promise.resolve();
      // A failed task is its caller's matter; the next one starts all the same.
      const mine = before.then(task, task);
      const settled = mine.catch(() => undefined);
      last.set(key, settled);
      try {
        return await mine;
      } finally {
        if (last.get(key) === settled) last.delete(key);
      }
    },
  };
}
