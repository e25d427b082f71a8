import { errorFromDbus, reasonOf, XosError } from '@xtreemos/base';
import { type Message, messageFlags, messageTypes } from './message.ts';
import { WireError } from './signature.ts';
import { openTransport, type Transport } from './transport.ts';
import type { DbusValue } from './value.ts';

/** One life of a connection to a bus: from Hello until the bus is lost. */
export interface BusSession {
  readonly uniqueName: string;
  call(options: CallOptions): Promise<readonly DbusValue[]>;
  /** Sends a signal, reply or error; the serial is filled in. @throws WireError when it does not fit its signature. */
  send(message: Omit<Message, 'serial'>): void;
  close(): void;
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

export interface SessionEvents {
  readonly onCall: (message: Message) => void;
  readonly onSignal: (message: Message) => void;
  readonly onLost: (reason: Error) => void;
}

export const busName = 'org.freedesktop.DBus';
export const busPath = '/org/freedesktop/DBus';

const defaultTimeoutMs = 10_000;

interface PendingCall {
  readonly options: CallOptions;
  readonly resolve: (body: readonly DbusValue[]) => void;
  readonly reject: (error: XosError) => void;
  readonly timer: NodeJS.Timeout;
}

/** @throws XosError XOS_UNREACHABLE with `details.address` */
export async function openBusSession(
  paths: readonly string[],
  events: SessionEvents,
  timeoutMs = defaultTimeoutMs,
): Promise<BusSession> {
  const pending = new Map<number, PendingCall>();
  let lastSerial = 0;
  let lost: Error | undefined;

  const nextSerial = () => {
    lastSerial = lastSerial >= 0xffffffff ? 1 : lastSerial + 1;
    return lastSerial;
  };
  const settle = (serial: number): PendingCall | undefined => {
    const call = pending.get(serial);
    if (call !== undefined) {
      pending.delete(serial);
      clearTimeout(call.timer);
    }
    return call;
  };
  const lose = (reason: Error) => {
    lost = reason;
    for (const serial of [...pending.keys()]) {
      const call = settle(serial);
      call?.reject(unreachable(call.options, `the bus was lost: ${reason.message}`));
    }
  };
  const receive = (message: Message) => {
    switch (message.type) {
      case messageTypes.return:
      case messageTypes.error: {
        const call = settle(message.replySerial ?? 0);
        if (call === undefined) return;
        if (message.type === messageTypes.return) call.resolve(message.body ?? []);
        else call.reject(errorOfReply(message, call.options));
        return;
      }
      case messageTypes.signal:
        events.onSignal(message);
        return;
      case messageTypes.call:
        events.onCall(message);
        return;
      // Unknown types are to be ignored, the specification says.
    }
  };

  const transport = await openFirst(paths, timeoutMs, {
    onMessage: receive,
    onEnd: (reason) => {
      lose(reason);
      events.onLost(reason);
    },
  });
  const send = (message: Omit<Message, 'serial'>) => transport.send({ ...message, serial: nextSerial() });
  const call = (options: CallOptions) =>
    new Promise<readonly DbusValue[]>((resolve, reject) => {
      if (lost !== undefined) {
        reject(unreachable(options, `the bus was lost: ${lost.message}`));
        return;
      }
      const { destination, path, interface: interfaceName, member, signature = '', body = [] } = options;
      const serial = nextSerial();
      try {
        const type = messageTypes.call;
        transport.send({
          type,
          serial,
          destination,
          path,
          interface: interfaceName,
          member,
          signature,
          body,
        });
      } catch (error) {
        reject(unsendable(options, error));
        return;
      }
      const limitMs = options.timeoutMs ?? defaultTimeoutMs;
      const timer = setTimeout(() => {
        pending.delete(serial);
        const attempt = attemptOf(options);
        reject(new XosError('XOS_TIMEOUT', { what: destination, timeoutMs: limitMs, attempt }));
      }, limitMs);
      pending.set(serial, { options, resolve, reject, timer });
    });

  try {
    const hello = { destination: busName, path: busPath, interface: busName, member: 'Hello', timeoutMs };
    const [uniqueName] = await call(hello);
    if (typeof uniqueName !== 'string') throw new WireError('Hello was answered without a name');
    const close = () => {
      lose(new Error('closed'));
      transport.close();
    };
    return { uniqueName, call, send, close };
  } catch (error) {
    transport.close();
    throw busUnreachable(paths, error);
  }
}

async function openFirst(
  paths: readonly string[],
  timeoutMs: number,
  events: Parameters<typeof openTransport>[2],
): Promise<Transport> {
  let failure: unknown;
  for (const path of paths) {
    try {
      return await openTransport(path, timeoutMs, events);
    } catch (error) {
      failure = error;
    }
  }
  throw busUnreachable(paths, failure);
}

function busUnreachable(paths: readonly string[], cause: unknown): XosError {
  const address = paths.map((path) => path.replace('\0', '@')).join(', ');
  return new XosError(
    'XOS_UNREACHABLE',
    { what: 'the message bus', address, reason: reasonOf(cause) },
    { cause },
  );
}

function attemptOf(options: CallOptions): string {
  return `${options.interface}.${options.member}`;
}

function unreachable(options: CallOptions, reason: string): XosError {
  return new XosError('XOS_UNREACHABLE', { what: options.destination, address: options.path, reason });
}

function unsendable(options: CallOptions, cause: unknown): XosError {
  const what = `The call of ${attemptOf(options)}`;
  return new XosError('XOS_INPUT_BAD', { what, where: 'its arguments', reason: reasonOf(cause) }, { cause });
}

const dbusErrorPrefix = 'org.freedesktop.DBus.Error.';
const unreachableErrors = new Set([
  'ServiceUnknown',
  'NameHasNoOwner',
  'NoReply',
  'Disconnected',
  'NoServer',
]);
const timeoutErrors = new Set(['Timeout', 'TimedOut']);
const permissionErrors = new Set(['AccessDenied', 'AuthFailed', 'InteractiveAuthorizationRequired']);

function errorOfReply(message: Message, options: CallOptions): XosError {
  const name = message.errorName ?? '';
  const [text, details] = (message.body ?? []).map((value) => (typeof value === 'string' ? value : ''));
  const attempt = attemptOf(options);
  if (name.startsWith(dbusErrorPrefix)) {
    const short = name.slice(dbusErrorPrefix.length);
    const reason = text ?? short;
    if (unreachableErrors.has(short) || short.startsWith('Spawn.')) return unreachable(options, reason);
    if (permissionErrors.has(short)) {
      return new XosError('XOS_PERMISSION', { who: 'This process', attempt, reason, dbusName: name });
    }
    if (timeoutErrors.has(short)) {
      const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
      return new XosError('XOS_TIMEOUT', { what: options.destination, timeoutMs, attempt });
    }
  }
  return errorFromDbus(
    { name, message: text ?? '', details: details ?? '' },
    { peer: options.destination, attempt },
  );
}

/** True when nobody waits for an answer to this call. */
export function expectsNoReply(message: Message): boolean {
  return ((message.flags ?? 0) & messageFlags.noReplyExpected) !== 0;
}
