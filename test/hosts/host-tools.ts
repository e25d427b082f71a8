/** What a host's own tools say of us: the bus, the journal. */
import { defineEvent } from '@xtreemos/base';
import type { Host } from './hosts.ts';

type BusValue = string | number | boolean;

export type BusDictionary = Readonly<Record<string, BusValue>>;

/** Calls a method of org.xtreemos.Accounts1 that answers dictionaries (`a{sv}`, `aa{sv}`). @returns them. */
export async function bus(
  host: Host,
  method: string,
  ...words: readonly string[]
): Promise<readonly BusDictionary[]> {
  const name = 'org.xtreemos.Accounts1';
  const quoted = words.map((word) => `'${word}'`).join(' ');
  const command = `busctl --json=short call ${name} /org/xtreemos/Accounts1 ${name} ${method} ${quoted}`;
  const { data } = JSON.parse(await host.succeed(command)) as {
    readonly data: readonly (Variants | readonly Variants[])[];
  };
  return data.flat().map(plain);
}

type Variants = Readonly<Record<string, { readonly type: string; readonly data: BusValue }>>;

function plain(dictionary: Variants): BusDictionary {
  return Object.fromEntries(Object.entries(dictionary).map(([key, { data }]) => [key, data]));
}

/** A person's sessions on a host, without the one that systemd keeps for the person's own manager. */
export async function sessionsOf(host: Host, login: string): Promise<readonly BusDictionary[]> {
  const all = await bus(host, 'ListSessions', 's', login);
  return all.filter((session) => session['service'] !== 'systemd-user');
}

/** The same as logind sees it: one line each. */
export async function loginSessionsOf(host: Host, login: string): Promise<readonly string[]> {
  const lines = (await host.succeed('loginctl list-sessions --no-legend')).split('\n');
  return lines.filter((line) => line.includes(login) && !/ manager(-early)? /.test(line));
}

const messageIds = new Map<string, string>();

/** The MESSAGE_ID of an event: a name-based UUID, so that its name alone gives it. */
function messageId(event: string): string {
  const known = messageIds.get(event) ?? defineEvent(event).messageId;
  messageIds.set(event, known);
  return known;
}

/** Journal entries with the MESSAGE_ID of an event, the oldest first, with their fields. */
export async function journalEntries(
  host: Host,
  event: string,
  loginName: string,
): Promise<readonly Readonly<Record<string, string>>[]> {
  const filters = [`MESSAGE_ID=${messageId(event)}`, `XOS_LOGIN_NAME=${loginName}`];
  const lines = (await host.journal('--output=json', '--quiet', ...filters)).trim().split('\n');
  return lines
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Readonly<Record<string, string>>);
}
