import { createServer, type Server, type Socket } from 'node:net';
import { type DaemonMessage, ModuleConnection, type ModuleMessage } from '@xtreemos/module-protocol';

/** What a fake xos-accounts does with one connection. */
export type Script = (connection: ModuleConnection, socket: Socket) => Promise<void>;

export interface FakeAccounts extends AsyncDisposable {
  readonly path: string;
  /** every message received, in order, over all connections */
  readonly received: readonly ModuleMessage[];
}

/** Listens at path; each connection runs script until it returns, then is closed. */
export async function fakeAccounts(path: string, script: Script): Promise<FakeAccounts> {
  const received: ModuleMessage[] = [];
  const open = new Set<ModuleConnection>();
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    const connection = new ModuleConnection(socket);
    open.add(connection);
    const next = connection.next.bind(connection);
    connection.next = async () => {
      const message = await next();
      if (message !== undefined) {
        received.push(
          message.type === 'response' ? { ...message, text: Buffer.from(message.text) } : message,
        );
      }
      return message;
    };
    script(connection, socket)
      .catch(() => connection.destroy())
      .finally(() => {
        open.delete(connection);
        connection.close();
      });
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve));
  return {
    path,
    received,
    async [Symbol.asyncDispose]() {
      for (const connection of open) connection.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A `result` without message or handle. */
export const result = (
  pamCode: number,
  extra: { message?: string; handle?: string } = {},
): DaemonMessage => ({
  type: 'result',
  pamCode,
  message: extra.message ?? '',
  handle: extra.handle ?? '',
});
