import { reasonOf } from '@xtreemos/base';
import { voProblems } from '../../session/vo-problems.ts';
import type { Check } from '../check.ts';
import { failure, notInstalled, ok, problemsOr, unchecked, warning } from '../finding.ts';
import { lookAtUnit } from '../remedies.ts';

/** What xos-accounts itself says of the VOs: whether news of revocations reach this host. */
export const accounts: Check = {
  name: 'accounts',
  about:
    'that xos-accounts answers on D-Bus, is connected to the VO services and holds their membership lists',
  examine: async (host) => {
    if (!host.parts.accounts) return [notInstalled('xtreemos-accounts')];
    let vos: Awaited<ReturnType<typeof host.askAccounts>>['vos'];
    try {
      ({ vos } = await host.askAccounts());
    } catch (error) {
      const text = `xos-accounts could not be asked over D-Bus: ${reasonOf(error)}`;
      // Before the host has joined a VO nobody misses it.
      return [(host.vos.length === 0 ? warning : failure)(text, lookAtUnit('xos-accounts'))];
    }
    if (host.vos.length === 0 && vos.length === 0)
      return [unchecked('xos-accounts answers; no VO joined yet')];
    const joined = host.vos.map(({ vo }) => vo);
    const findings = voProblems(vos, joined, host.nowMs()).map(({ text, action, isFatal }) =>
      isFatal ? failure(text, action) : warning(text, action),
    );
    return problemsOr(findings, () => {
      const members = vos.reduce((sum, { members: count }) => sum + count, 0);
      return ok(`connected to ${vos.length} VO services; ${members} members have names here`);
    });
  },
};
