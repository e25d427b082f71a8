import type { Account, AccountState, AccountsClient } from '@xtreemos/accounts-client';
import { Option } from 'commander';
import { withAccounts } from '../accounts-connection.ts';
import type { Invocation, Perform } from '../invocation.ts';
import { fields } from '../output/fields.ts';
import type { Report } from '../output/report.ts';
import { stableJson } from '../output/stable-json.ts';
import { table } from '../output/table.ts';
import { momentText, timeText } from '../output/time-text.ts';
import { confirmPlainly } from '../prompt/confirmation.ts';
import { addCommand, type XosCommand } from '../xos-command.ts';

const states: readonly AccountState[] = ['assigned', 'leased', 'ending', 'quarantined'];

/** `xos accounts`: the local accounts that this host gave to members of VOs. */
export function addAccountsCommands(program: XosCommand, perform: Perform): void {
  const accounts = addCommand(program, 'accounts', {
    summary: 'the accounts this host gave to members of VOs',
    description: 'The accounts that xos-accounts on this host gave to members of VOs, and their sessions.',
  });

  addCommand(accounts, 'list', {
    summary: 'list accounts',
    examples: [
      ['xos accounts list --state leased', 'accounts in use'],
      ['xos accounts list --vo physics', 'of one VO, by id or alias'],
    ],
  })
    .option('--vo <vo>', 'only of this VO (id or alias)')
    .addOption(new Option('--state <state>', 'only in this state').choices(states))
    .action(perform(listAccounts));

  addCommand(accounts, 'show', {
    summary: 'show one account',
    examples: [
      ['xos accounts show alice@physics', 'by login name'],
      ['xos accounts show alice@physics.example.org', 'by global user id'],
      ['xos accounts show 2030050000', 'by uid'],
    ],
  })
    .argument('<account>', 'login name, global user id or uid')
    .action(perform(showAccount));

  addCommand(accounts, 'expire', {
    summary: 'end the lease of an account',
    description:
      'End the lease of an account: its sessions and processes are ended and what it left behind outside its home is ' +
      'swept. The member may log in again and gets a new lease. Root only.',
    examples: [['xos accounts expire alice@physics', '']],
  })
    .argument('<account>', 'login name, global user id or uid')
    .option('--yes', 'do not ask')
    .action(perform(expireAccount));

  addCommand(accounts, 'sessions', {
    summary: 'list sessions',
    examples: [['xos accounts sessions alice@physics', '']],
  })
    .argument('[account]', 'only of this account')
    .action(perform(listSessions));
}

async function listAccounts(
  invocation: Invocation,
  options: { readonly vo?: string; readonly state?: AccountState },
): Promise<Report> {
  const accounts = await withAccounts(invocation, (client) =>
    client.listAccounts({
      ...(options.vo === undefined ? {} : { vo: options.vo }),
      ...(options.state === undefined ? {} : { state: options.state }),
    }),
  );
  return {
    data: { accounts: accounts.map(stableJson) },
    text: (terminal) =>
      table(
        accounts,
        [
          { title: 'LOGIN', value: (account) => account.login },
          { title: 'UID', value: (account) => String(account.uid), align: 'right' },
          { title: 'STATE', value: (account) => account.state },
          { title: 'KIND', value: (account) => account.kind },
          { title: 'VO', value: (account) => account.vo, mayShrink: true },
          {
            title: 'LEASED',
            value: (account) => (account.leasedAtMs === undefined ? '' : timeText(account.leasedAtMs)),
          },
          { title: 'HOME', value: (account) => account.home, mayShrink: true },
        ],
        terminal,
        'There is no such account.',
      ),
  };
}

/** All digits are a uid; a login name never is. */
function findAccount(client: AccountsClient, name: string): Promise<Account> {
  return /^\d{1,10}$/.test(name) ? client.getAccountByUid(Number(name)) : client.getAccount(name);
}

async function showAccount(invocation: Invocation, _options: unknown, name: string): Promise<Report> {
  const account = await withAccounts(invocation, (client) => findAccount(client, name));
  return {
    data: stableJson(account),
    text: (terminal) => fields(accountFields(account, invocation.nowMs()), terminal),
  };
}

function accountFields(account: Account, nowMs: number): Parameters<typeof fields>[0] {
  return [
    ['Login', account.login],
    ['Person', account.globalUserId],
    ['GUID', account.guid],
    ['uid', String(account.uid)],
    ['gid', String(account.gid)],
    ['Home', account.home],
    ['Shell', account.shell],
    ['Kind', account.localName === '' ? account.kind : `${account.kind}, local account ${account.localName}`],
    ['State', account.state],
    ['FQANs', account.fqans],
    ['Lease', account.leaseId],
    ['Leased', account.leasedAtMs === undefined ? undefined : momentText(account.leasedAtMs, nowMs)],
    ['Ends', account.expiresAtMs === undefined ? undefined : momentText(account.expiresAtMs, nowMs)],
  ];
}

async function expireAccount(
  invocation: Invocation,
  options: { readonly yes?: boolean },
  name: string,
): Promise<Report> {
  await confirmPlainly(
    invocation.prompts,
    options.yes,
    `End the lease of ${name}, with its sessions and processes?`,
    `Ending the lease of ${name}`,
  );
  const login = await withAccounts(invocation, async (client) => {
    const account = await findAccount(client, name);
    await client.expireLease(account.login);
    return account.login;
  });
  return { data: { login, expired: true }, text: () => `The lease of ${login} has ended.\n` };
}

async function listSessions(
  invocation: Invocation,
  _options: unknown,
  name: string | undefined,
): Promise<Report> {
  const sessions = await withAccounts(invocation, async (client) =>
    name === undefined ? client.listSessions() : client.listSessions((await findAccount(client, name)).login),
  );
  return {
    data: { sessions: sessions.map(stableJson) },
    text: (terminal) =>
      table(
        sessions,
        [
          { title: 'SESSION', value: (session) => session.sessionId, mayShrink: true },
          { title: 'LOGIN', value: (session) => session.login },
          { title: 'SERVICE', value: (session) => session.service },
          { title: 'TTY', value: (session) => session.tty },
          { title: 'FROM', value: (session) => session.remoteHost, mayShrink: true },
          { title: 'PID', value: (session) => String(session.leaderPid), align: 'right' },
          { title: 'SINCE', value: (session) => timeText(session.openedAtMs) },
        ],
        terminal,
        'There are no sessions.',
      ),
  };
}
