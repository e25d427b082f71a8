/** A program for tests: opens connections to a server and leaves it waiting in one way or another. Its parent says what by IPC. */
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { frameStart } from './frame.ts';
import { requestHeader } from './header.ts';

/** `silent`: nothing is sent. `drip`: a byte a second, of a frame. `half`: the first half of a frame with data. */
export type FloodKind = 'silent' | 'drip' | 'half';

export interface FloodOrder {
  /** In turn. */
  readonly kinds: readonly FloodKind[];
  readonly port: number;
  readonly connections: number;
  /** From which they come, in turn. */
  readonly addresses: readonly string[];
  /** With TLS, its handshake complete; empty: without a certificate of its own. */
  readonly tls?: { readonly key?: string; readonly cert?: string };
}

export interface FloodState {
  readonly open: number;
  readonly closed: number;
}

const connectsAtOnce = 100;
const announcedBytes = 2 ** 20;
const sentBytes = announcedBytes / 16;

function attack(kind: FloodKind | undefined, socket: Socket): void {
  if (kind === undefined || kind === 'silent') return;
  const header = requestHeader({ callId: 1, interfaceId: 10001, procId: 9, user: { name: 'x', groups: [] } });
  const frame = Buffer.concat([
    frameStart(header, Buffer.alloc(0), announcedBytes),
    Buffer.alloc(kind === 'half' ? sentBytes : 0),
  ]);
  if (kind === 'half') {
    socket.write(frame);
    return;
  }
  let sent = 0;
  const timer = setInterval(() => {
    socket.write(frame.subarray(sent, ++sent));
    if (sent === frame.length) clearInterval(timer);
  }, 1000);
  socket.once('close', () => clearInterval(timer));
}

async function flood(order: FloodOrder, tell: (state: FloodState) => void): Promise<void> {
  let open = 0;
  let closed = 0;
  let next = 0;
  const openOne = async (): Promise<void> => {
    while (next < order.connections) {
      const number = next++;
      const localAddress = order.addresses[number % order.addresses.length] ?? '127.0.0.1';
      const raw = connect({ host: '127.0.0.1', port: order.port, localAddress });
      const socket =
        order.tls === undefined ? raw : connectTls({ socket: raw, rejectUnauthorized: false, ...order.tls });
      const { promise, resolve } = Promise.withResolvers<boolean>();
      socket.once(order.tls === undefined ? 'connect' : 'secureConnect', () => resolve(true));
      socket.on('error', () => undefined);
      raw.on('error', () => undefined);
      socket.once('close', () => resolve(false));
      socket.resume();
      if (!(await promise)) {
        closed += 1;
        continue;
      }
      open += 1;
      socket.once('close', () => {
        open -= 1;
        closed += 1;
      });
      if (!socket.destroyed) attack(order.kinds[number % order.kinds.length], socket);
    }
  };
  await Promise.all(Array.from({ length: connectsAtOnce }, openOne));
  tell({ open, closed });
  process.on('message', () => tell({ open, closed }));
}

process.once('message', (order: FloodOrder) => void flood(order, (state) => process.send?.(state)));
// Its parent is gone: so is what it was for.
process.once('disconnect', () => process.exit(0));
