import { addon } from './addon.ts';
import { startWatch, stopWatch } from './device.ts';

/**
 * A thread with its own descriptor table, for calls that may have to wait for this process's own replies: if the process is
 * killed in the middle, the call does not keep /dev/fuse open. Calls run one after the other.
 */
export interface IsolatedThread {
  /** Writes a message to the thread's own descriptor of the mount. @returns 0 or a negative errno. */
  write(head: Uint8Array, data: Uint8Array): Promise<number>;
  /** umount2(2) with MNT_*. @returns 0 or a negative errno. */
  unmount(target: string, flags: number): Promise<number>;
  /** Ends it once what it was given is done; nobody is told of that any more. */
  end(): void;
}

/** @param device of the mount that is written to; absent for unmounting alone. */
export function startIsolatedThread(device?: number): IsolatedThread {
  const { thread, done } = addon.startThread(device ?? -1);
  const waiting = new Map<number, (result: number) => void>();
  let nextToken = 0;
  startWatch(done, () => {
    const results = addon.takeResults(thread);
    for (let index = 0; index < results.length; index += 2) {
      const token = results[index] ?? -1;
      waiting.get(token)?.(results[index + 1] ?? 0);
      waiting.delete(token);
    }
  });
  const submit = (start: (token: number) => void): Promise<number> =>
    new Promise((resolve) => {
      const token = nextToken++;
      start(token);
      waiting.set(token, resolve);
    });
  return {
    write: (head, data) => submit((token) => addon.submitWrite(thread, token, head, data)),
    unmount: (target, flags) => submit((token) => addon.submitUnmount(thread, token, target, flags)),
    end() {
      stopWatch(done);
      addon.endThread(thread);
      for (const resolve of waiting.values()) resolve(-125);
      waiting.clear();
    },
  };
}
