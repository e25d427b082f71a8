import type { KeyObject } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isXosError, reasonOf, XosError } from '@xtreemos/base';
import {
  certificatePem,
  certificateRequestPem,
  generateKey,
  makeCertificateRequest,
  parseCertificateChain,
  plainPrivateKeyPem,
} from '@xtreemos/identity';
import { type HostRole, type NodeJoinResult, type NodeToken, VoClient } from '@xtreemos/vo-client';
import type { HostPaths } from '../host-paths.ts';
import type { Invocation } from '../invocation.ts';
import { hostVoRecordText } from '../vo-record.ts';
import { type FileOwnership, FileTransaction } from './file-transaction.ts';
import { groupOfRole } from './host-role.ts';
import { localGid, localUid } from './local-account.ts';
import { withSshAuthorities } from './ssh-authorities.ts';
import { type CheckedTrust, checkTrust, installAnchors, manifestFile } from './trust-installation.ts';

/** What was agreed on. */
export interface JoinPlan {
  readonly token: NodeToken;
  readonly hostname: string;
  readonly alias: string;
  readonly roles: readonly HostRole[];
}

/** The service's part and the files: both done, or both as before. @throws XosError saying why. */
export async function joinAndInstall(invocation: Invocation, plan: JoinPlan): Promise<void> {
  const { token, hostname, roles } = plan;
  // Directories and rights are tried out before the token is used up: it is good only once.
  const transaction = new FileTransaction();
  makeDirectories(transaction, invocation.paths, token.vo);
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
      stageFiles(transaction, invocation, { token, alias: plan.alias, keys, joined, trust });
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
}

function makeDirectories(transaction: FileTransaction, paths: HostPaths, vo: string): void {
  const open: FileOwnership = { mode: 0o755 };
  for (const directory of [
    paths.gridSecurityDirectory,
    paths.voDirectory,
    join(paths.hostKeyDirectory, vo),
    dirname(paths.sshUserCaFile),
  ]) {
    transaction.makeDirectory(directory, open);
  }
  for (const directory of [dirname(paths.crlDirectory), paths.crlDirectory]) {
    transaction.makeDirectory(directory, accountsOwned(paths, 0o755));
  }
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
      serviceCaFingerprint: token.caFingerprint,
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
