import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { FloodOrder, FloodState } from './connection-flood.ts';

export interface Flood {
  /** What became of the connections so far. */
  state(): Promise<FloodState>;
  end(): Promise<void>;
}

/** Floods a server from a process of its own, whose descriptors are no concern of the test's. Resolves when all were opened once. */
export async function startFlood(context: TestContext, order: FloodOrder): Promise<Flood> {
  const child = fork(join(import.meta.dirname, 'connection-flood.ts'), { stdio: 'inherit' });
  const exited = once(child, 'exit');
  const end = async () => {
    if (child.connected) child.disconnect();
    await exited;
  };
  context.after(end);
  const next = async () => {
    const [state] = (await once(child, 'message')) as [FloodState];
    return state;
  };
  const begun = next();
  child.send(order);
  await begun;
  return {
    async state() {
      const answer = next();
      child.send('state');
      return await answer;
    },
    end,
  };
}
