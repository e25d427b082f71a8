import { reasonOf } from '@xtreemos/base';
import { type RpcConnection, RpcError } from '@xtreemos/rpc';
import type { ObjectWorkerOptions } from './object-worker.ts';
import type { OsdSelection } from './placement.ts';

export interface UnexaminedOsd {
  readonly uuid: string;
  readonly reason: string;
  /** Files with objects there that were to be looked at. */
  readonly files: number;
}

/** The OSDs as a check of a volume asks them: who did not answer once is not asked again, and nothing is concluded of what it has. */
export class CheckOsds {
  readonly #selection: Pick<OsdSelection, 'all'>;
  readonly #connected: ObjectWorkerOptions['connected'];
  readonly #away = new Map<string, { readonly reason: string; files: number }>();

  constructor(options: {
    readonly selection: Pick<OsdSelection, 'all'>;
    readonly connected: ObjectWorkerOptions['connected'];
  }) {
    this.#selection = options.selection;
    this.#connected = options.connected;
  }

  /** All that the DIR knows. */
  get uuids(): readonly string[] {
    return this.#selection.all.map(({ uuid }) => uuid);
  }

  get unexamined(): readonly UnexaminedOsd[] {
    return [...this.#away].map(([uuid, away]) => ({ uuid, ...away }));
  }

  /** @returns undefined where it does not answer @throws RpcError of kind `errno`: what it says of the file */
  async ask<Answer>(
    uuid: string,
    call: (connection: RpcConnection) => Promise<Answer>,
  ): Promise<Answer | undefined> {
    if (this.#away.has(uuid)) return undefined;
    try {
      if (!this.uuids.includes(uuid)) throw new Error('the DIR does not know it');
      return await call(await this.#connected(uuid));
    } catch (error) {
      if (error instanceof RpcError && error.kind === 'errno') throw error;
      if (!this.#away.has(uuid)) this.#away.set(uuid, { reason: reasonOf(error), files: 0 });
      return undefined;
    }
  }

  /** A file has objects there and could not be looked at. */
  passOver(uuids: readonly string[]): void {
    for (const uuid of uuids) {
      const away = this.#away.get(uuid);
      if (away !== undefined) away.files += 1;
    }
  }
}
