/** A program for tests: listens, and opens files until it has no descriptor left; told so by its parent it closes them. */
import { closeSync, openSync } from 'node:fs';
import { createLogger } from '@xtreemos/base';
import { openListeners } from './index.ts';

const lines: string[] = [];
const { ports } = await openListeners({
  listen: [{ address: '127.0.0.1', port: 0 }],
  limits: { maximumConnections: 10_000, maximumConnectionsPerAddress: 10_000 },
  identity: undefined,
  logger: createLogger({ transport: ({ message }) => void lines.push(message) }),
  take: (socket) => socket.pipe(socket),
});
const files: number[] = [];
function starve(): void {
  try {
    for (;;) files.push(openSync('/dev/null', 'r'));
  } catch {
    process.send?.({ port: ports[0], lines });
  }
}
process.on('message', (order) => {
  if (order === 'feed') for (const file of files.splice(0)) closeSync(file);
  const { user, system } = process.cpuUsage();
  process.send?.({ lines, cpuMs: (user + system) / 1000 });
});
process.once('disconnect', () => process.exit(0));
starve();
