/** Writes to one file that lie side by side go by one system call, as far as they wait for one another anyway. */

type Write = (buffers: readonly Uint8Array[], position: number) => Promise<void>;

interface Waiting {
  readonly buffers: readonly Uint8Array[];
  readonly position: number;
  /** Where it ends. */
  readonly end: number;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

/** One that is that long already takes no more. */
const mostTogetherBytes = 4 << 20;

/**
 * One at a time: the kernel lets one writer into a file, and each that is handed to a thread costs more than what it writes.
 * @param write to the file. @returns the same, in the order of calls
 */
export function createAdjoiningWrites(write: Write): Write {
  const queue: Waiting[] = [];
  let isWriting = false;

  async function writeQueued(): Promise<void> {
    isWriting = true;
    for (let together = takeAdjoining(); together.length > 0; together = takeAdjoining()) {
      try {
        await write(
          together.flatMap(({ buffers }) => buffers),
          together[0]?.position ?? 0,
        );
        for (const { done } of together) done();
      } catch (error) {
        // What one of them met is no other's failure.
        if (together.length === 1) together[0]?.failed(error);
        else
          for (const { buffers, position, done, failed } of together)
            await write(buffers, position).then(done, failed);
      }
    }
    isWriting = false;
  }

  function takeAdjoining(): Waiting[] {
    const [first] = queue;
    if (first === undefined) return [];
    let count = 1;
    for (let { end } = first; end - first.position < mostTogetherBytes; count++) {
      const next = queue[count];
      if (next?.position !== end) break;
      end = next.end;
    }
    return queue.splice(0, count);
  }

  return (buffers, position) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const end = buffers.reduce((at, { length }) => at + length, position);
    queue.push({ buffers, position, end, done: resolve, failed: reject });
    if (!isWriting) void writeQueued();
    return promise;
  };
}
