import type { VoContext } from './vo-context.ts';

/** Changes come in bursts, and counting costs a query over all members. */
const pauseMs = 2000;
/** What changes without an event: memberships that expire. */
const intervalMs = 60_000;

export interface VoCounts {
  readonly vos: number;
  readonly members: number;
  readonly nodes: number;
  /** Hosts that hold an event connection. */
  readonly connectedNodes: number;
}

/** What `systemctl status xos-vo` says: `3 VOs, 120 members, 12 of 14 nodes connected; ready on *:7443`. */
export function statusLine(counts: VoCounts, addresses: readonly string[]): string {
  const { vos, members, nodes, connectedNodes } = counts;
  const what =
    vos === 0
      ? 'No VO yet: xos vo create'
      : `${plural(vos, 'VO')}, ${plural(members, 'active member')}, ${connectedNodes} of ${plural(nodes, 'node')} connected`;
  return `${what}; ready on ${addresses.join(', ')}`;
}

/** Keeps the line true: counts at once, after each change and now and then, until the function it answers is called. */
export function keepStatus(
  context: VoContext,
  addresses: readonly string[],
  setStatus: (text: string) => void,
): () => void {
  let pause: NodeJS.Timeout | undefined;
  let stopped = false;
  const tell = async () => {
    const counts = await countAll(context);
    if (!stopped) setStatus(statusLine(counts, addresses));
  };
  const tellSoon = () => {
    if (stopped) return;
    pause ??= setTimeout(() => {
      pause = undefined;
      // A database that fails says so where it is needed; the line stays as it was.
      tell().catch(() => undefined);
    }, pauseMs).unref();
  };
  tell().catch(() => undefined);
  const unwatch = context.hub.watch(tellSoon);
  const timer = setInterval(tellSoon, intervalMs).unref();
  return () => {
    stopped = true;
    unwatch();
    clearInterval(timer);
    clearTimeout(pause);
  };
}

async function countAll(context: VoContext): Promise<VoCounts> {
  const { read } = context.database;
  const count = ({ n }: { readonly n: number | string | bigint }) => Number(n);
  const vos = await read
    .selectFrom('vo')
    .select((of) => of.fn.countAll().as('n'))
    .where('destroyed_at', 'is', null)
    .executeTakeFirstOrThrow();
  const members = await read
    .selectFrom('member')
    .select((of) => of.fn.countAll().as('n'))
    .where('status', '=', 'active')
    .executeTakeFirstOrThrow();
  const nodes = await read
    .selectFrom('node')
    .select((of) => of.fn.countAll().as('n'))
    .where('status', '=', 'active')
    .executeTakeFirstOrThrow();
  return {
    vos: count(vos),
    members: count(members),
    nodes: count(nodes),
    connectedNodes: context.hub.everyone().length,
  };
}

function plural(count: number, word: string): string {
  return `${count.toLocaleString('en-US')} ${word}${count === 1 ? '' : 's'}`;
}
