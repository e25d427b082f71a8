import { isXosError } from '@xtreemos/base';
import { type BusSession, busName, busPath } from './bus-session.ts';
import type { Message } from './message.ts';
import type { DbusValue } from './value.ts';

/** Signals that are wanted. Without `sender` anybody on the bus may send them: check `signal.sender` then. */
export interface SignalMatch {
  /** A well-known or unique name. */
  readonly sender?: string;
  readonly path?: string;
  readonly interface: string;
  readonly member: string;
}

export interface ReceivedSignal {
  /** Unique name of the sender. */
  readonly sender: string;
  readonly path: string;
  readonly member: string;
  readonly signature: string;
  readonly body: readonly DbusValue[];
}

export interface SignalSubscriptions {
  add(
    session: () => BusSession | undefined,
    match: SignalMatch,
    handler: (signal: ReceivedSignal) => void,
  ): Promise<() => Promise<void>>;
  /** Tells a new session what is wanted. */
  restore(session: BusSession): Promise<void>;
  dispatch(message: Message): void;
}

interface Subscription {
  readonly match: SignalMatch;
  readonly handler: (signal: ReceivedSignal) => void;
}

export function createSignalSubscriptions(
  onDefect: (error: unknown, what: string) => void,
): SignalSubscriptions {
  const subscriptions = new Set<Subscription>();
  // Messages carry unique names. The bus filters by owner, but anyone can address a signal to us directly, and two
  // subscriptions may overlap: who owns a wanted name has to be known here.
  const owners = new Map<string, string>();

  const establish = async (session: BusSession, match: SignalMatch) => {
    if (match.sender !== undefined && isWellKnown(match.sender)) {
      await addMatch(session, ownerRule(match.sender));
      const owner = await ownerOf(session, match.sender);
      if (owner !== undefined) owners.set(match.sender, owner);
    }
    await addMatch(session, matchRule(match));
  };

  const isFrom = (sender: string | undefined, wanted: string | undefined) =>
    wanted === undefined || sender === (isWellKnown(wanted) ? owners.get(wanted) : wanted);

  return {
    async add(session, match, handler) {
      const subscription = { match, handler };
      subscriptions.add(subscription);
      const now = session();
      try {
        // While the bus is away, the reconnection will establish it.
        if (now !== undefined) await establish(now, match);
      } catch (error) {
        subscriptions.delete(subscription);
        throw error;
      }
      return async () => {
        if (!subscriptions.delete(subscription)) return;
        const later = session();
        if (later === undefined) return;
        await removeMatch(later, matchRule(match));
        if (match.sender !== undefined && isWellKnown(match.sender))
          await removeMatch(later, ownerRule(match.sender));
      };
    },
    async restore(session) {
      owners.clear();
      for (const { match } of subscriptions) await establish(session, match);
    },
    dispatch(message) {
      const {
        sender = '',
        path = '/',
        interface: interfaceName,
        member = '',
        signature = '',
        body = [],
      } = message;
      if (sender === busName && member === 'NameOwnerChanged') {
        const [name, , owner] = body;
        if (typeof name === 'string' && typeof owner === 'string') owners.set(name, owner);
      }
      for (const { match, handler } of subscriptions) {
        if (match.interface !== interfaceName || match.member !== member) continue;
        if ((match.path ?? path) !== path || !isFrom(sender, match.sender)) continue;
        try {
          handler({ sender, path, member, signature, body });
        } catch (error) {
          onDefect(error, `handling the signal ${interfaceName}.${member}`);
        }
      }
    },
  };
}

function isWellKnown(name: string): boolean {
  return !name.startsWith(':') && name !== busName;
}

async function ownerOf(session: BusSession, name: string): Promise<string | undefined> {
  try {
    const [owner] = await callBus(session, 'GetNameOwner', name);
    return typeof owner === 'string' ? owner : undefined;
  } catch (error) {
    if (isXosError(error, 'XOS_UNREACHABLE')) return undefined;
    throw error;
  }
}

function addMatch(session: BusSession, rule: string): Promise<unknown> {
  return callBus(session, 'AddMatch', rule);
}

function removeMatch(session: BusSession, rule: string): Promise<unknown> {
  return callBus(session, 'RemoveMatch', rule);
}

function callBus(session: BusSession, member: string, argument: string): Promise<readonly DbusValue[]> {
  return session.call({
    destination: busName,
    path: busPath,
    interface: busName,
    member,
    signature: 's',
    body: [argument],
  });
}

function matchRule({ sender, path, interface: interfaceName, member }: SignalMatch): string {
  const parts = { type: 'signal', sender, path, interface: interfaceName, member };
  return Object.entries(parts)
    .flatMap(([key, value]) => (value === undefined ? [] : [`${key}='${value.replaceAll("'", '')}'`]))
    .join(',');
}

function ownerRule(name: string): string {
  return `${matchRule({ sender: busName, interface: busName, member: 'NameOwnerChanged' })},arg0='${name.replaceAll("'", '')}'`;
}
