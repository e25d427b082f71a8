import type { FileCredentials, XCap } from '@xtreemos/rpc';
import { capabilityAllows } from '@xtreemos/xtreemfs';
import { Failure } from './call-failure.ts';

export type Access = 'read' | 'write' | 'any';

export interface CapabilitiesOptions {
  /** Has the MRC sign it anew. */
  readonly renew: (xcap: XCap) => Promise<XCap>;
  readonly monotonicMs: () => number;
}

interface Held {
  credentials: FileCredentials;
  xcap: XCap;
  receivedMs: number;
  renewal: Promise<void> | undefined;
}

/** Less than this left of a capability's life: it is renewed before it is shown. */
const urgentMs = 5000;

/** The capabilities that one file was opened with here: what OSDs are shown, kept from expiring. */
export class Capabilities {
  readonly #options: CapabilitiesOptions;
  readonly #held = new Map<bigint, Held>();

  constructor(options: CapabilitiesOptions) {
    this.#options = options;
  }

  /** @param handle of the open file that it came with */
  put(handle: bigint, credentials: FileCredentials): void {
    const { xcap } = credentials;
    if (xcap === undefined) throw new Failure('EIO', 'the MRC gave no capability');
    this.#held.set(handle, {
      credentials,
      xcap,
      receivedMs: this.#options.monotonicMs(),
      renewal: undefined,
    });
  }

  delete(handle: bigint): void {
    this.#held.delete(handle);
  }

  get isWritable(): boolean {
    return [...this.#held.values()].some(({ xcap }) => capabilityAllows(xcap, 'write'));
  }

  /** What the file was opened with last, as the MRC signed it. */
  xcapOf(handle: bigint): XCap | undefined {
    return this.#held.get(handle)?.xcap;
  }

  /**
   * Does work with a capability; once more with a new one when an OSD finds it expired.
   * @throws Failure EBADF when no open file gives the access
   */
  async use<Result>(
    access: Access,
    work: (credentials: FileCredentials) => Promise<Result>,
  ): Promise<Result> {
    const held = this.#find(access);
    if (this.#leftMs(held) < urgentMs) await this.#renew(held);
    else if (this.#leftMs(held) < this.#lifeMs(held) / 2) void this.#renew(held).catch(() => undefined);
    const shown = held.xcap;
    try {
      return await work(held.credentials);
    } catch (error) {
      // Clocks differ, and a call may have waited long for its server.
      const age = this.#options.monotonicMs() - held.receivedMs;
      const isExpired = held.xcap !== shown || age > this.#lifeMs(held) / 4;
      if ((error as { readonly errno?: unknown }).errno !== 13 || !isExpired) throw error;
      if (held.xcap === shown) await this.#renew(held);
      return await work(held.credentials);
    }
  }

  /** Of all that the file is open by here: with the epoch that it has by now. */
  async renewAll(): Promise<void> {
    await Promise.all([...this.#held.values()].map((held) => this.#renew(held)));
  }

  /** For files that lie open: those that end soon are renewed. */
  async renewAging(): Promise<void> {
    const aging = [...this.#held.values()].filter((held) => this.#leftMs(held) < this.#lifeMs(held) / 2);
    await Promise.allSettled(aging.map((held) => this.#renew(held)));
  }

  #find(access: Access): Held {
    let best: Held | undefined;
    for (const held of this.#held.values()) {
      if (access !== 'any' && !capabilityAllows(held.xcap, access)) continue;
      if (best === undefined || this.#leftMs(held) > this.#leftMs(best)) best = held;
    }
    if (best === undefined) throw new Failure('EBADF', `the file is not open to ${access}`);
    return best;
  }

  #lifeMs({ xcap }: Held): number {
    return xcap.expireTimeoutS * 1000;
  }

  #leftMs(held: Held): number {
    return held.receivedMs + this.#lifeMs(held) - this.#options.monotonicMs();
  }

  #renew(held: Held): Promise<void> {
    held.renewal ??= this.#renewed(held).finally(() => {
      held.renewal = undefined;
    });
    return held.renewal;
  }

  async #renewed(held: Held): Promise<void> {
    const receivedMs = this.#options.monotonicMs();
    const xcap = await this.#options.renew(held.xcap);
    held.xcap = xcap;
    held.credentials = { ...held.credentials, xcap };
    held.receivedMs = receivedMs;
  }
}
