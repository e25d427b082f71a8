import type { KeyObject } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isXosError, reasonOf, XosError } from '@xtreemos/base';
import {
  certificatePem,
  certificateRequestPem,
  generateKey,
  makeCertificateRequest,
  parseCertificateChain,
  plainPrivateKeyPem,
} from '@xtreemos/identity';
import {
  type HostRole,
  type NodeJoinResult,
  type NodeToken,
  parseNodeToken,
  VoClient,
} from '@xtreemos/vo-client';
import type { HostPaths } from '../host-paths.ts';
import type { Invocation } from '../invocation.ts';
import { printable } from '../output/printable.ts';
import type { Report } from '../output/report.ts';
import { rfc3339 } from '../output/stable-json.ts';
import { timeText } from '../output/time-text.ts';
import { confirmPlainly } from '../prompt/confirmation.ts';
import { defaultAlias, hostVoRecordText, listHostVoRecords } from '../vo-record.ts';
import { tellAccounts } from './accounts-notice.ts';
import { type FileOwnership, FileTransaction } from './file-transaction.ts';
import { groupOfRole } from './host-role.ts';
import { thisHostname } from './hostname.ts';
import { localGid, localUid } from './local-account.ts';
import { withSshAuthorities } from './ssh-authorities.ts';
import { type CheckedTrust, checkTrust, installAnchors, manifestFile } from './trust-installation.ts';

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
  const token = await readToken(invocation, options.tokenFile);
  const hostname = options.hostname ?? (await thisHostname());
  const roles = [...new Set(options.role ?? (['accounts'] as const))];
  const alias = chooseAlias(paths, token.vo, options.alias);
  prompts.say(consentText(token, hostname, alias, roles));
  await confirmPlainly(prompts, options.yes, 'Join?', 'Joining');

  // Directories and rights are tried out before the token is used up: it is good only once.
  const transaction = new FileTransaction();
  makeDirectories(transaction, paths, token.vo);
  const client = new VoClient({
    url: token.url,
    trust: { kind: 'fingerprint', rootFingerprint: token.caFingerprint },
    nowMs: invocation.nowMs,
  });
  try {
    const keys = new Map<HostRole, KeyObject>();
    for (const role of roles) keys.set(role, await generateKey());
    const joined = await invocation.slowly(`Joining ${token.vo}`, () =>
      client.joinNode(token.vo, { secret: token.secret, hostname, csrs: requestsFor(keys, hostname) }),
    );
    try {
      const crls = await client.crls(token.vo);
      const trust = checkTrust(joined.trust, crls, joined, {
        vo: token.vo,
        hostname,
        roles,
        nowMs: invocation.nowMs(),
      });
      stageFiles(transaction, invocation, { token, alias, keys, joined, trust });
      transaction.commit();
    } catch (error) {
      await leaveAgain(token, hostname, keys, joined, error);
      throw error;
    }
  } catch (error) {
    transaction.rollBack();
    throw error;
  } finally {
    client.close();
  }
  const notice = await tellAccounts(token.vo);
  return {
    data: { vo: token.vo, alias, hostname, roles, serviceUrl: token.url, accountsTold: notice.told },
    text: () => `${hostname} has joined ${token.vo}; its members log in as USER@${alias}.\n${notice.text}`,
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
      reason: `it expired at ${rfc3339(token.expiresAtMs)}; ask the administrator of ${token.vo} for a new one`,
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
      name: `${alias}, that of ${holder.vo}; give another with --alias. It`,
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

function makeDirectories(transaction: FileTransaction, paths: HostPaths, vo: string): void {
  const open: FileOwnership = { mode: 0o755 };
  for (const directory of [
    paths.gridSecurityDirectory,
    paths.voDirectory,
    join(paths.hostKeyDirectory, vo),
    join(paths.sshUserCaFile, '..'),
  ]) {
    transaction.makeDirectory(directory, open);
  }
  transaction.makeDirectory(paths.crlDirectory, accountsOwned(paths, 0o755));
}

function accountsOwned(paths: HostPaths, mode: number): FileOwnership {
  const uid = localUid(paths.passwdFile, 'xos-accounts');
  const gid = localGid(paths.groupFile, 'xos-accounts');
  return { mode, ...(uid === undefined ? {} : { uid }), ...(gid === undefined ? {} : { gid }) };
}

function requestsFor(
  keys: ReadonlyMap<HostRole, KeyObject>,
  hostname: string,
): Readonly<Partial<Record<HostRole, string>>> {
  return Object.fromEntries(
    [...keys].map(([role, key]) => [
      role,
      certificateRequestPem(makeCertificateRequest({ key, commonName: hostname })),
    ]),
  );
}

interface Installation {
  readonly token: NodeToken;
  readonly alias: string;
  readonly keys: ReadonlyMap<HostRole, KeyObject>;
  readonly joined: NodeJoinResult;
  readonly trust: CheckedTrust;
}

/** vo.d comes last: it is what makes xos-accounts take the VO up. */
function stageFiles(transaction: FileTransaction, invocation: Invocation, installation: Installation): void {
  const { paths } = invocation;
  const { token, trust } = installation;
  const { vo } = token;
  const anchors = installAnchors(transaction, paths, trust, accountsOwned(paths, 0o644));
  const directory = join(paths.hostKeyDirectory, vo);
  for (const [role, key] of installation.keys) {
    const pem = installation.joined.certificates[role] ?? '';
    transaction.put(join(directory, `${role}.key`), plainPrivateKeyPem(key), keyOwnership(invocation, role));
    transaction.put(join(directory, `${role}.pem`), certificatePem(...parseCertificateChain(pem)), {
      mode: 0o644,
    });
  }
  transaction.put(manifestFile(paths, vo), `${[...new Set(anchors)].join('\n')}\n`, { mode: 0o644 });
  const former = existsSync(paths.sshUserCaFile) ? readFileSync(paths.sshUserCaFile, 'utf8') : '';
  transaction.put(paths.sshUserCaFile, withSshAuthorities(former, vo, trust.sshUserCas), { mode: 0o644 });
  transaction.put(
    join(paths.voDirectory, `${vo}.conf`),
    hostVoRecordText({
      vo,
      alias: installation.alias,
      serviceUrl: token.url,
      caFingerprint: trust.rootFingerprint,
      serviceCaFingerprint: undefined,
    }),
    { mode: 0o644 },
  );
}

/** root:<daemon> 0640; where the daemon's group is not there yet, root alone. */
function keyOwnership(invocation: Invocation, role: HostRole): FileOwnership {
  const group = groupOfRole[role];
  const gid = localGid(invocation.paths.groupFile, group);
  if (gid !== undefined) return { mode: 0o640, gid };
  invocation.note(
    `there is no group ${group}: only root can read the key of role ${role} until chgrp ${group}`,
  );
  return { mode: 0o600 };
}

/** The service counts this node in, but it could not be set up here: it leaves again, so that both sides agree. */
async function leaveAgain(
  token: NodeToken,
  hostname: string,
  keys: ReadonlyMap<HostRole, KeyObject>,
  joined: NodeJoinResult,
  cause: unknown,
): Promise<void> {
  const key = keys.get('accounts');
  const pem = joined.certificates.accounts;
  if (key === undefined || pem === undefined) return;
  const client = new VoClient({
    url: token.url,
    trust: { kind: 'fingerprint', rootFingerprint: token.caFingerprint },
    credential: { certificateChain: pem, privateKey: key },
  });
  try {
    await client.leaveVo(token.vo, hostname);
  } catch (error) {
    throw new XosError(
      'XOS_REMOTE',
      {
        peer: `The VO service of ${token.vo}`,
        attempt: `take ${hostname} out again after the set-up failed (${reasonOf(cause)})`,
        reason: `${isXosError(error) ? error.message : reasonOf(error)}; let the administrator revoke the node`,
      },
      { cause },
    );
  } finally {
    client.close();
  }
}
