import { XosError } from '@xtreemos/base';
import { type HostRole, type NodeToken, parseNodeToken } from '@xtreemos/vo-client';
import type { HostPaths } from '../host-paths.ts';
import type { Invocation } from '../invocation.ts';
import { printable } from '../output/printable.ts';
import type { Report } from '../output/report.ts';
import { rfc3339 } from '../output/stable-json.ts';
import { timeText } from '../output/time-text.ts';
import { confirmPlainly } from '../prompt/confirmation.ts';
import { defaultAlias, listHostVoRecords } from '../vo-record.ts';
import { tellAccounts } from './accounts-notice.ts';
import { fitFileSystemServers } from './file-system-servers.ts';
import { thisHostname } from './hostname.ts';
import { refuseMissingPackages, refuseUnreadyService, refuseUnusableHostname } from './join-readiness.ts';
import { joinAndInstall } from './node-installation.ts';
import { type JoinedVoState, joinedVos } from './node-status.ts';

export interface JoinOptions {
  readonly tokenFile?: string;
  readonly hostname?: string;
  readonly alias?: string;
  readonly role?: readonly HostRole[];
  readonly yes?: boolean;
}

/** `xos node join`: all files at once, or none and the node out of the VO again. */
export async function joinNode(invocation: Invocation, options: JoinOptions): Promise<Report> {
  const { paths, prompts } = invocation;
  const roles = [...new Set(options.role ?? (['accounts'] as const))];
  const token = await readToken(invocation, options.tokenFile);
  refuseMissingPackages(paths, roles);
  const hostname = options.hostname ?? (await thisHostname());
  refuseUnusableHostname(hostname);
  const present = joinedVos(paths, invocation.nowMs()).find(({ vo }) => vo === token.vo);
  if (present !== undefined && isWhole(present, hostname, roles)) return alreadyJoined(present, hostname);
  const alias = chooseAlias(paths, token.vo, options.alias);
  await refuseUnreadyService(invocation, token);
  prompts.say(consentText(token, hostname, alias, roles));
  await confirmPlainly(prompts, options.yes, 'Join?', 'Joining');
  await withSignalsHeld(invocation, () => joinAndInstall(invocation, { token, hostname, alias, roles }));
  const notice = await tellAccounts(token.vo);
  const servers = await fitFileSystemServers(invocation, { joined: roles });
  return {
    data: {
      vo: token.vo,
      alias,
      hostname,
      roles,
      serviceUrl: token.url,
      alreadyJoined: false,
      accountsTold: notice.told,
    },
    text: () =>
      `${hostname} has joined ${token.vo}; its members log in as USER@${alias}.\n${notice.text}${servers}${nextText(token, alias)}`,
  };
}

/** For somebody who does this for the first time. */
function nextText({ vo, url }: NodeToken, alias: string): string {
  const host = new URL(url).hostname;
  return [
    'Next:',
    '  examine this host:          xos doctor',
    `  is a member's name known:   getent passwd USER@${alias}`,
    `  invite a person, on ${host}:  xos vo invite USER@${vo}`,
    '',
  ].join('\n');
}

/** Half a join is worse than a late Ctrl-C: every wait inside has a time-out. */
async function withSignalsHeld(invocation: Invocation, act: () => Promise<void>): Promise<void> {
  const hold = (signal: NodeJS.Signals): void =>
    invocation.note(`${signal} comes too late: this is finished or undone first`);
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, hold);
  try {
    await act();
  } finally {
    for (const signal of signals) process.off(signal, hold);
  }
}

function isWhole(present: JoinedVoState, hostname: string, roles: readonly HostRole[]): boolean {
  return (
    present.problems.length === 0 &&
    roles.every((role) =>
      present.certificates.some(
        (certificate) => certificate.role === role && certificate.hostname === hostname,
      ),
    )
  );
}

function alreadyJoined(present: JoinedVoState, hostname: string): Report {
  return {
    data: {
      vo: present.vo,
      alias: present.alias,
      hostname,
      roles: present.certificates.map(({ role }) => role),
      serviceUrl: present.serviceUrl,
      alreadyJoined: true,
      accountsTold: false,
    },
    text: () =>
      `${hostname} has joined ${present.vo} before and everything is in place: nothing was changed, the token is not used.\n`,
  };
}

async function readToken(invocation: Invocation, file: string | undefined): Promise<NodeToken> {
  const text = await invocation.prompts.secret(
    { what: 'node token', option: '--token-file', file },
    'Node token:',
  );
  const token = parseNodeToken(text);
  if (token.expiresAtMs <= invocation.nowMs()) {
    throw new XosError('XOS_TOKEN_INVALID', {
      what: 'node',
      reason:
        `it expired at ${rfc3339(token.expiresAtMs)}, and this host's clock says ${rfc3339(invocation.nowMs())}; ask the ` +
        `administrator of ${token.vo} for a new one`,
    });
  }
  return token;
}

function chooseAlias(paths: HostPaths, vo: string, wanted: string | undefined): string {
  const records = listHostVoRecords(paths);
  const alias = wanted ?? records.find((record) => record.vo === vo)?.alias ?? defaultAlias(vo);
  if (!/^[a-z0-9][a-z0-9-]{0,15}$/.test(alias)) {
    throw new XosError('XOS_USAGE', {
      reason: `${alias} cannot be an alias: at most 16 lower-case letters, digits and hyphens; give --alias`,
      help: '`xos node join --help`',
    });
  }
  const holder = records.find((record) => record.alias === alias && record.vo !== vo);
  if (holder !== undefined) {
    throw new XosError('XOS_EXISTS', {
      what: 'The alias',
      name: `${alias} (of VO ${holder.vo}; give another with --alias)`,
    });
  }
  return alias;
}

function consentText(token: NodeToken, hostname: string, alias: string, roles: readonly HostRole[]): string {
  return [
    `This host, ${printable(hostname)}, is to join a Virtual Organization:`,
    `  VO:           ${token.vo} (here: ${alias})`,
    `  Service:      ${printable(token.url)}`,
    `  Root SHA-256: ${token.caFingerprint}`,
    `  Roles:        ${roles.join(', ')}`,
    `  Token until:  ${timeText(token.expiresAtMs)}`,
    'Members of the VO may then log in here, as far as mapping.conf and Deny= of accounts.conf allow.',
  ].join('\n');
}
