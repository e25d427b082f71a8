import { isXosError, XosError } from '@xtreemos/base';
import { type HostRole, type NodeToken, VoClient } from '@xtreemos/vo-client';
import type { HostPaths } from '../host-paths.ts';
import type { Invocation } from '../invocation.ts';
import { durationText, timeText } from '../output/time-text.ts';
import { localGid } from './local-account.ts';

/** What path validation forgives (docs/path-validation.md). */
const toleratedSkewMs = 300_000;
const askTimeoutMs = 10_000;

/** Before the token is used. @throws XosError XOS_STATE_WRONG where nobody could use what joining installs. */
export function refuseMissingPackages(paths: HostPaths, roles: readonly HostRole[]): void {
  if (!roles.includes('accounts') || localGid(paths.groupFile, 'xos-accounts') !== undefined) return;
  throw new XosError('XOS_STATE_WRONG', {
    attempt: 'join a VO',
    what: 'the package xtreemos-accounts',
    state: 'not installed',
    wanted: 'installed first: apt install xtreemos-resource, or dnf install xtreemos-resource',
  });
}

/** Other hosts and people will know this host by its name. @throws XosError XOS_USAGE for one that every host has. */
export function refuseUnusableHostname(hostname: string): void {
  if (!/^localhost(?:\.|$)/.test(hostname) && hostname !== '') return;
  throw new XosError('XOS_USAGE', {
    reason:
      `this host calls itself ${hostname === '' ? 'nothing' : hostname}; give it a name of its own ` +
      '(hostnamectl set-hostname NAME), or give --hostname',
    help: '`xos node join --help`',
  });
}

/**
 * Asks the service for its time, before the token is used up, since that can be done only once: whether it is the one the
 * token names, can be reached, and agrees with this host's clock.
 * @throws XosError XOS_STATE_WRONG for the clock; XOS_UNREACHABLE, XOS_TIMEOUT, XOS_CHAIN_*
 */
export async function refuseUnreadyService(invocation: Invocation, token: NodeToken): Promise<void> {
  const client = new VoClient({
    url: token.url,
    trust: { kind: 'fingerprint', rootFingerprint: token.caFingerprint },
    timeoutMs: askTimeoutMs,
    nowMs: invocation.nowMs,
  });
  try {
    const { timeMs } = await invocation.slowly(`Waiting for ${token.url}`, () => client.status());
    const skewMs = timeMs - invocation.nowMs();
    if (Math.abs(skewMs) <= toleratedSkewMs) return;
    const direction = skewMs > 0 ? 'behind' : 'ahead of';
    throw wrongClock(token, `${durationText(Math.abs(skewMs))} ${direction} the VO service`);
  } catch (error) {
    if (isXosError(error, 'XOS_CREDENTIAL_EXPIRED') || isXosError(error, 'XOS_CREDENTIAL_NOT_YET_VALID')) {
      const verdict = error.code === 'XOS_CREDENTIAL_EXPIRED' ? 'has expired' : 'is not valid yet';
      const nowText = timeText(invocation.nowMs());
      throw wrongClock(token, `${nowText}, by which the certificate of the VO service ${verdict}`, error);
    }
    if (isXosError(error, 'XOS_UNREACHABLE')) {
      throw new XosError(
        'XOS_UNREACHABLE',
        {
          what: `the VO service of ${token.vo}`,
          address: token.url,
          reason:
            `${error.details['reason']}. Nothing was changed and the token is still good; ` +
            'is the name right, xos-vo running there, and its port open (systemctl status xos-vo)?',
        },
        { cause: error },
      );
    }
    throw error;
  } finally {
    client.close();
  }
}

function wrongClock(token: NodeToken, state: string, cause?: unknown): XosError {
  return new XosError(
    'XOS_STATE_WRONG',
    {
      attempt: `join ${token.vo}`,
      what: "this host's clock",
      state,
      wanted:
        'right within 5 minutes (timedatectl set-ntp true). Nothing was changed and the token is still good',
    },
    { cause },
  );
}
