import { connect } from 'node:net';
import { decodeMessage, encodeMessage, type Message, messageLength } from './message.ts';
import { WireError } from './signature.ts';

/** An authenticated connection that carries messages; it ends once, with the reason. */
export interface Transport {
  /** @throws WireError when the message cannot be written down; nothing was sent then. */
  send(message: Message): void;
  close(): void;
}

export interface TransportEvents {
  readonly onMessage: (message: Message) => void;
  /** Called once, never for `close`. */
  readonly onEnd: (reason: Error) => void;
}

const maximumAuthBytes = 16 * 1024;
/** A stopped bus must not fill the memory of those who emit signals. */
const maximumQueuedBytes = 160 * 1024 * 1024;

/**
 * Connects and authenticates as the own uid (SASL EXTERNAL: the bus takes it from the socket's credentials).
 * Rejects with the system's error or the bus's refusal.
 */
export function openTransport(path: string, timeoutMs: number, events: TransportEvents): Promise<Transport> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    let state: 'authenticating' | 'open' | 'ended' = 'authenticating';
    let received: Buffer[] = [];
    let receivedBytes = 0;
    let neededBytes = 0;

    const end = (reason: Error) => {
      if (state === 'ended') return;
      const wasOpen = state === 'open';
      state = 'ended';
      clearTimeout(timer);
      socket.destroy();
      if (wasOpen) events.onEnd(reason);
      else reject(reason);
    };
    const timer = setTimeout(
      () => end(new Error(`no answer to the authentication in ${timeoutMs} ms`)),
      timeoutMs,
    );

    socket.on('error', end);
    socket.on('close', () => end(new Error('the bus closed the connection')));
    socket.on('connect', () => {
      const uid = Buffer.from(String(process.getuid?.() ?? 0), 'latin1').toString('hex');
      socket.write(`\0AUTH EXTERNAL ${uid}\r\n`);
    });
    socket.on('data', (chunk: Buffer) => {
      received.push(chunk);
      receivedBytes += chunk.length;
      if (receivedBytes < neededBytes) return;
      try {
        consume();
      } catch (error) {
        end(error instanceof Error ? error : new WireError(String(error)));
      }
    });

    const send = (message: Message) => {
      const bytes = encodeMessage(message);
      if (state !== 'open') return;
      socket.write(bytes);
      if (socket.writableLength > maximumQueuedBytes) end(new Error('the bus does not read'));
    };
    const close = () => {
      state = 'ended';
      socket.end();
      // The bus may be stopped: what it has not read then must not keep this process.
      socket.unref();
    };

    const consume = () => {
      let bytes = received.length === 1 && received[0] !== undefined ? received[0] : Buffer.concat(received);
      neededBytes = 0;
      if (state === 'authenticating') {
        const lineEnd = bytes.indexOf('\r\n');
        if (lineEnd < 0) {
          if (bytes.length > maximumAuthBytes) throw new WireError('authentication line too long');
          received = [bytes];
          return;
        }
        const line = bytes.toString('latin1', 0, lineEnd);
        if (!line.startsWith('OK '))
          throw new Error(`the bus refused the authentication: ${line.slice(0, 200)}`);
        bytes = bytes.subarray(lineEnd + 2);
        socket.write('BEGIN\r\n');
        clearTimeout(timer);
        state = 'open';
        resolve({ send, close });
      }
      while (state === 'open') {
        const length = messageLength(bytes);
        if (length === undefined || bytes.length < length) {
          neededBytes = length ?? 0;
          break;
        }
        const message = decodeMessage(bytes.subarray(0, length));
        bytes = bytes.subarray(length);
        events.onMessage(message);
      }
      received = bytes.length > 0 ? [bytes] : [];
      receivedBytes = bytes.length;
    };
  });
}
