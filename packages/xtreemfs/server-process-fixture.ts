/** A server of XtreemFS as a process, in plain text on loopback, that can be killed and started again. For tests. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RpcConnection } from '@xtreemos/rpc';

/** Where servers listen and are found: loopback; a bench names an address that another network namespace reaches. */
export const testAddress = (): string => process.env['XTREEMOS_TEST_ADDRESS'] ?? '127.0.0.1';

/** What `node:test` gives, or a bench has of its own. */
export interface Cleanup {
  after(work: () => void | Promise<void>): void;
}

export class ServerProcess {
  readonly folder: string;
  readonly port: number;
  output = '';
  readonly #main: string;
  #child: ChildProcess | undefined;

  private constructor(main: string, folder: string, port: number) {
    this.#main = main;
    this.folder = folder;
    this.port = port;
  }

  /** @param main its main.ts. @param linesFor the configuration, for a folder of its own and a free port */
  static async start(
    context: Cleanup,
    main: string,
    linesFor: (folder: string, port: number) => readonly string[],
  ): Promise<ServerProcess> {
    const folder = mkdtempSync(join(tmpdir(), 'xos-server-'));
    const server = new ServerProcess(main, folder, await freePort());
    const lines = [...linesFor(folder, server.port), '[Service]', `MetricsSocket=${folder}/metrics.sock`];
    writeFileSync(server.#configuration, `${lines.join('\n')}\n`);
    context.after(async () => {
      await server.stop('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    });
    await server.run();
    return server;
  }

  /** 0 when it does not run. */
  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get #configuration(): string {
    return join(this.folder, 'server.conf');
  }

  /** Starts it again where it was. */
  async run(): Promise<void> {
    const child = spawn(process.execPath, [this.#main, '--config', this.#configuration], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
      });
    }
    for (let tries = 0; ; tries++) {
      if (child.exitCode !== null || tries > 1000)
        throw new Error(`the server did not start: ${this.output}`);
      const connection = await this.connect().catch(() => undefined);
      connection?.close();
      if (connection !== undefined) return;
      await sleep(10);
    }
  }

  async connect(): Promise<RpcConnection> {
    const socket = connect(this.port, testAddress());
    await once(socket, 'connect');
    return new RpcConnection(socket);
  }

  /** @returns exit status, null when the signal ended it */
  async stop(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return 0;
    const ended = once(child, 'close');
    child.kill(signal);
    const [status] = (await ended) as [number | null];
    return status;
  }
}

/** Of loopback; nobody had it a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, testAddress());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
