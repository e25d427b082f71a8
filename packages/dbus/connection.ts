import { isXosError, reasonOf, XosError } from '@xtreemos/base';
import { socketPaths, systemBusAddress } from './bus-address.ts';
import {
  type BusSession,
  busName,
  busPath,
  type CallOptions,
  expectsNoReply,
  openBusSession,
} from './bus-session.ts';
import { createCallerDirectory } from './caller-directory.ts';
import { createExportedObjects, currentValue, errorReply } from './exported-objects.ts';
import { type Caller, type InterfaceDefinition, joinSignature } from './interface-definition.ts';
import { type Message, messageTypes } from './message.ts';
import { checkAuthorization } from './polkit.ts';
import { createSignalSubscriptions, type ReceivedSignal, type SignalMatch } from './signal-subscriptions.ts';
import type { DbusValue, Variant } from './value.ts';

export interface ConnectionOptions {
  /** `unix:path=...`; default DBUS_SYSTEM_BUS_ADDRESS, else the system bus. */
  readonly address?: string;
  /** Told when the bus is lost, and when it is back with names, exports and subscriptions restored. */
  readonly onState?: (state: 'connected' | 'lost', reason?: Error) => void;
  /** Told about method handlers that failed with something else than an XosError; default: a process warning. */
  readonly onDefect?: (error: unknown, what: string) => void;
  /** Milliseconds before the attempt-th reconnection (from 0); default 100 ms doubling to 30 s. */
  readonly backoffMs?: (attempt: number) => number;
}

export interface ExportedInterface {
  /** Emits a signal of the definition; lost without error while the bus is away. @throws WireError for bad values. */
  emit(member: string, body: readonly DbusValue[]): void;
  /** Emits PropertiesChanged with the current values of these properties. */
  propertiesChanged(names: readonly string[]): void;
  remove(): void;
}

export interface DbusConnection {
  /** `:1.42`; undefined while the bus is away. */
  readonly uniqueName: string | undefined;
  /** Owns a well-known name, again after each reconnection. @throws XosError XOS_EXISTS, XOS_PERMISSION */
  ownName(name: string): Promise<void>;
  /** @throws TypeError for a bad definition, or one that the object has already. */
  exportInterface(path: string, definition: InterfaceDefinition): ExportedInterface;
  /**
   * Calls a method and returns the reply's arguments.
   * @throws XosError the peer's own when it is one of the registry, else XOS_TIMEOUT, XOS_UNREACHABLE (no such
   * service, bus away), XOS_PERMISSION (the bus's policy), XOS_INPUT_BAD (body) or XOS_REMOTE with `details.dbusName`.
   */
  call(options: CallOptions): Promise<readonly DbusValue[]>;
  getProperty(options: PropertyAddress): Promise<DbusValue>;
  getAllProperties(options: Omit<PropertyAddress, 'name'>): Promise<{ readonly [name: string]: DbusValue }>;
  /** Calls back for each matching signal, also after a reconnection; returns how to end it. */
  subscribe(match: SignalMatch, handler: (signal: ReceivedSignal) => void): Promise<() => Promise<void>>;
  /** Asks polkit; without polkit on the bus only uid 0 is allowed. */
  isAuthorized(
    caller: { readonly uniqueName: string; readonly uid: number },
    action: string,
  ): Promise<boolean>;
  close(): Promise<void>;
}

export interface PropertyAddress {
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly name: string;
  readonly timeoutMs?: number;
}

/** Calls of one sender that are being answered at the same time; more are refused. */
const maximumCallsPerSender = 64;
const doNotQueue = 4;
const primaryOwner = 1;
const alreadyOwner = 4;

/**
 * Connects to a bus and stays connected: a lost bus is looked for again with backoff.
 * @throws XosError XOS_UNREACHABLE when it is not there at first, XOS_INPUT_BAD for a bad address.
 */
export async function connectBus(options: ConnectionOptions = {}): Promise<DbusConnection> {
  const address = options.address ?? process.env['DBUS_SYSTEM_BUS_ADDRESS'] ?? systemBusAddress;
  const paths = socketPaths(address);
  const backoffMs = options.backoffMs ?? ((attempt) => Math.min(30_000, 100 * 2 ** Math.min(attempt, 10)));
  const onDefect =
    options.onDefect ?? ((error, what) => process.emitWarning(`${what}: ${reasonOf(error)}`, 'DbusDefect'));
  const names = new Set<string>();
  const subscriptions = createSignalSubscriptions(onDefect);
  const callsInWork = new Map<string, number>();
  let session: BusSession | undefined;
  let closed = false;
  let reconnection: NodeJS.Timeout | undefined;

  const current = (): BusSession => {
    if (session !== undefined) return session;
    const reason = closed ? 'the connection was closed' : 'the bus is away, reconnecting';
    throw new XosError('XOS_UNREACHABLE', { what: 'the message bus', address, reason });
  };
  const call = async (callOptions: CallOptions) => current().call(callOptions);
  const callers = createCallerDirectory(call);
  const isAuthorized = async (caller: Pick<Caller, 'uniqueName' | 'uid'>, action: string) =>
    checkAuthorization(current(), caller, action);
  const objects = createExportedObjects({ identify: callers.identify, isAuthorized, onDefect });

  const onCall = async (message: Message) => {
    const from = session;
    const sender = message.sender ?? '';
    const inWork = callsInWork.get(sender) ?? 0;
    const tooMany = inWork >= maximumCallsPerSender;
    if (!tooMany) callsInWork.set(sender, inWork + 1);
    const limit = `${maximumCallsPerSender} calls at a time`;
    const reply = tooMany
      ? errorReply(
          new XosError('XOS_RESOURCE_EXHAUSTED', { attempt: 'take the call', resource: sender, limit }),
        )
      : await objects.answer(message);
    if (!tooMany) {
      const left = (callsInWork.get(sender) ?? 1) - 1;
      if (left > 0) callsInWork.set(sender, left);
      else callsInWork.delete(sender);
    }
    // The bus may have gone and come back meanwhile; serials and names of then mean nothing now.
    if (expectsNoReply(message) || from === undefined || session !== from) return;
    const type = 'errorName' in reply ? messageTypes.error : messageTypes.return;
    const envelope = { type, replySerial: message.serial, destination: sender } as const;
    try {
      from.send({ ...envelope, ...reply });
    } catch (error) {
      // The handler returned values that do not fit its own signature.
      onDefect(error, `${message.interface ?? ''}.${message.member}`);
      const attempt = 'writing the reply';
      const refusal = errorReply(new XosError('XOS_INTERNAL', { attempt, reason: 'see the journal' }));
      from.send({ ...envelope, type: messageTypes.error, ...refusal });
    }
  };

  const open = async () => {
    let lost: Error | undefined;
    let established = false;
    const opened = await openBusSession(paths, {
      onCall: (message) => void onCall(message),
      onSignal: (message) => subscriptions.dispatch(message),
      onLost: (reason) => {
        lost = reason;
        if (established) lose(reason);
      },
    });
    callers.forget();
    session = opened;
    try {
      await subscriptions.restore(opened);
      for (const name of names) await requestName(opened, name);
      if (lost !== undefined) throw lost;
      established = true;
    } catch (error) {
      session = undefined;
      opened.close();
      throw error;
    }
  };
  const announce = (state: 'connected' | 'lost', reason?: Error) => {
    try {
      options.onState?.(state, reason);
    } catch (error) {
      onDefect(error, `telling that the bus is ${state}`);
    }
  };
  const lose = (reason: Error) => {
    session = undefined;
    if (closed) return;
    reconnect(0);
    announce('lost', reason);
  };
  const reconnect = (attempt: number) => {
    reconnection = setTimeout(() => {
      open().then(
        () => {
          if (closed) session?.close();
          else announce('connected');
        },
        () => {
          if (!closed) reconnect(attempt + 1);
        },
      );
    }, backoffMs(attempt));
  };

  await open();

  return {
    get uniqueName() {
      return session?.uniqueName;
    },
    async ownName(name) {
      await requestName(current(), name);
      names.add(name);
    },
    exportInterface(path, definition) {
      objects.add(path, definition);
      const emit = (interfaceName: string, member: string, signature: string, body: readonly DbusValue[]) =>
        session?.send({ type: messageTypes.signal, path, interface: interfaceName, member, signature, body });
      return {
        emit(member, body) {
          const args = definition.signals?.[member];
          if (args === undefined) throw new TypeError(`${definition.name} has no signal ${member}`);
          emit(definition.name, member, joinSignature(args), body);
        },
        propertiesChanged(changedNames) {
          const changed: Record<string, Variant> = {};
          const invalidated: string[] = [];
          for (const name of changedNames) {
            const property = definition.properties?.[name];
            if (property === undefined) throw new TypeError(`${definition.name} has no property ${name}`);
            if (property.emitsChange === 'invalidates') invalidated.push(name);
            else changed[name] = currentValue(property);
          }
          const body = [definition.name, changed, invalidated];
          emit('org.freedesktop.DBus.Properties', 'PropertiesChanged', 'sa{sv}as', body);
        },
        remove: () => objects.remove(path, definition),
      };
    },
    call,
    async getProperty({ interface: interfaceName, name, ...target }) {
      const [value] = await call({
        ...target,
        interface: 'org.freedesktop.DBus.Properties',
        member: 'Get',
        signature: 'ss',
        body: [interfaceName, name],
      });
      return (value as Variant).value;
    },
    async getAllProperties({ interface: interfaceName, ...target }) {
      const [all] = await call({
        ...target,
        interface: 'org.freedesktop.DBus.Properties',
        member: 'GetAll',
        signature: 's',
        body: [interfaceName],
      });
      return Object.fromEntries(
        Object.entries(all as { readonly [name: string]: Variant }).map(([name, { value }]) => [name, value]),
      );
    },
    subscribe: (match, handler) => subscriptions.add(() => session, match, handler),
    isAuthorized,
    async close() {
      closed = true;
      clearTimeout(reconnection);
      session?.close();
      session = undefined;
    },
  };
}

async function requestName(session: BusSession, name: string): Promise<void> {
  const [result] = await session
    .call({
      destination: busName,
      path: busPath,
      interface: busName,
      member: 'RequestName',
      signature: 'su',
      body: [name, doNotQueue],
    })
    .catch((error: unknown) => {
      if (!isXosError(error, 'XOS_PERMISSION')) throw error;
      const reason = 'the policy of the bus refuses it (see /usr/share/dbus-1/system.d)';
      throw new XosError(
        'XOS_PERMISSION',
        { who: 'This process', attempt: `own the bus name ${name}`, reason },
        { cause: error },
      );
    });
  if (result === primaryOwner || result === alreadyOwner) return;
  throw new XosError('XOS_EXISTS', { what: 'An owner of the bus name', name });
}
