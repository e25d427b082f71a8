import { XosError } from '@xtreemos/base';
import type { DbusValue, InterfaceDefinition } from './interface-definition.ts';

export interface ConnectionOptions {
  /** `unix:path=...`; default DBUS_SYSTEM_BUS_ADDRESS or the system bus. */
  readonly address?: string;
  /** Called when the bus is lost and when it is back (names, exports and subscriptions are then restored). */
  readonly onState?: (state: 'connected' | 'lost') => void;
}

export interface CallOptions {
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  /** Signature of `body`, such as `su`. */
  readonly signature?: string;
  readonly body?: readonly DbusValue[];
  /** Default 10,000. */
  readonly timeoutMs?: number;
}

export interface SignalMatch {
  readonly sender?: string;
  readonly path?: string;
  readonly interface: string;
  readonly member: string;
}

export interface ReceivedSignal {
  /** Unique name of the sender. */
  readonly sender: string;
  readonly path: string;
  readonly body: readonly DbusValue[];
}

export interface ExportedInterface {
  /** Emits a signal of the definition; lost without error while the bus is away. */
  emit(member: string, body: readonly DbusValue[]): void;
  /** Emits PropertiesChanged with the current values of these properties. */
  propertiesChanged(names: readonly string[]): void;
  remove(): void;
}

export interface DbusConnection {
  /** `:1.42`; undefined while the bus is away. */
  readonly uniqueName: string | undefined;
  /** Owns a well-known name, again after a reconnect. @throws XosError XOS_EXISTS when another process owns it. */
  ownName(name: string): Promise<void>;
  exportInterface(path: string, definition: InterfaceDefinition): ExportedInterface;
  /**
   * Calls a method and returns the reply's arguments.
   * @throws XosError the peer's own error when it is one of the registry, else XOS_TIMEOUT, XOS_UNREACHABLE (no such
   * service, bus away) or XOS_REMOTE with `details.dbusName`.
   */
  call(options: CallOptions): Promise<readonly DbusValue[]>;
  getProperty(options: {
    destination: string;
    path: string;
    interface: string;
    name: string;
  }): Promise<DbusValue>;
  /** Returns how to end it. */
  subscribe(match: SignalMatch, handler: (signal: ReceivedSignal) => void): Promise<() => Promise<void>>;
  /** Asks polkit; without polkit on the bus only uid 0 is allowed. */
  isAuthorized(
    caller: { readonly uniqueName: string; readonly uid: number },
    action: string,
  ): Promise<boolean>;
  close(): Promise<void>;
}

/**
 * Connects to a bus. @throws XosError XOS_UNREACHABLE when it is not there at first; later losses are healed with
 * backoff.
 */
export async function connectBus(options: ConnectionOptions = {}): Promise<DbusConnection> {
  throw new XosError('XOS_UNREACHABLE', {
    what: 'the bus',
    address: options.address ?? 'system',
    reason: 'being built',
  });
}
