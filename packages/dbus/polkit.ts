import { isXosError } from '@xtreemos/base';
import type { BusSession } from './bus-session.ts';

const polkitName = 'org.freedesktop.PolicyKit1';
const allowUserInteraction = 1;
/** A person may be typing a password meanwhile. */
const polkitTimeoutMs = 120_000;

/**
 * Asks polkit whether a caller may do something. Where polkit is not on the bus, uid 0 may and nobody else.
 * @throws XosError when polkit is there and does not answer: that is no permission, and no refusal either.
 */
export async function checkAuthorization(
  session: BusSession,
  caller: { readonly uniqueName: string; readonly uid: number },
  action: string,
): Promise<boolean> {
  if (caller.uid === 0) return true;
  try {
    const [result] = await session.call({
      destination: polkitName,
      path: '/org/freedesktop/PolicyKit1/Authority',
      interface: 'org.freedesktop.PolicyKit1.Authority',
      member: 'CheckAuthorization',
      signature: '(sa{sv})sa{ss}us',
      body: [
        ['system-bus-name', { name: { signature: 's', value: caller.uniqueName } }],
        action,
        {},
        allowUserInteraction,
        '',
      ],
      timeoutMs: polkitTimeoutMs,
    });
    return Array.isArray(result) && result[0] === true;
  } catch (error) {
    if (isXosError(error, 'XOS_UNREACHABLE')) return false;
    throw error;
  }
}
