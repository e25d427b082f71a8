import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Check } from '../check.ts';
import type { ExaminedHost } from '../examined-host.ts';
import { type Finding, failure, notInstalled, ok, problemsOr, unchecked, warning } from '../finding.ts';
import { lookAtUnit } from '../remedies.ts';
import { type UnitState, unitStates } from '../unit-state.ts';

const manyRestarts = 3;

/** What systemd says of our units. */
export const units: Check = {
  name: 'units',
  about: 'units: failed, stopped, restarted again and again, sockets listening',
  examine: async (host) => {
    const { accounts, vo, systemd } = host.parts;
    if (!accounts && !vo) return [notInstalled('a daemon of ours')];
    if (!systemd) return [unchecked('PID 1 is not systemd: see xos status for what runs')];
    const names = [
      ...(accounts
        ? [
            'xos-accounts.service',
            'xos-accounts-nss.socket',
            'xos-accounts-pam.socket',
            'xos-helper.service',
            'xos-helper.socket',
          ]
        : []),
      ...(vo ? ['xos-vo.service'] : []),
      ...serverUnits(host),
    ];
    const states = await unitStates(host, names);
    if (states === undefined) return [unchecked('systemctl gives no answer')];
    const findings = names.flatMap((name) => judge(name, states.get(name), host));
    return problemsOr(findings, () => ok(summary(states)));
  },
};

/** Servers of XtreemFS run where the host joined with their role. */
function serverUnits({ parts, paths, vos }: ExaminedHost): readonly string[] {
  if (!parts.fileServers) return [];
  const hasRole = (role: string) =>
    vos.some(({ vo }) => existsSync(join(paths.hostKeyDirectory, vo, `${role}.pem`)));
  return ['dir', 'mrc', 'osd'].filter(hasRole).map((role) => `xos-${role}.service`);
}

function summary(states: ReadonlyMap<string, UnitState>): string {
  const running = [...states].filter(
    ([name, { active }]) => active === 'active' && name.endsWith('.service'),
  );
  const listening = [...states].filter(
    ([name, { active }]) => active === 'active' && name.endsWith('.socket'),
  );
  return `${running.map(([name]) => name.replace('.service', '')).join(', ')} active; ${listening.length} sockets listen`;
}

function judge(name: string, state: UnitState | undefined, host: ExaminedHost): readonly Finding[] {
  if (state === undefined || state.load !== 'loaded') {
    return state?.load === 'masked'
      ? [failure(`${name} is masked: it cannot start`, `systemctl unmask ${name}`)]
      : [failure(`systemd does not know ${name}`, 'systemctl daemon-reload, or install the package again')];
  }
  if (state.active === 'failed') {
    return [
      failure(`${name} failed (${state.result})`, `${lookAtUnit(name)}; then systemctl restart ${name}`),
    ];
  }
  if (state.restarts >= manyRestarts) {
    return [warning(`${name} was restarted ${state.restarts} times since it was started`, lookAtUnit(name))];
  }
  if (state.active === 'active' || state.active === 'reloading' || state.active === 'activating') return [];
  // The helper is started by its socket at the first request.
  if (name === 'xos-helper.service') return [];
  if (name === 'xos-vo.service' && state.enabled === 'disabled') {
    return [warning(`${name} is installed and was never started`, `systemctl enable --now ${name}`)];
  }
  // `systemctl disable` is how an administrator keeps a server away.
  if (/^xos-(?:dir|mrc|osd)\./.test(name) && state.enabled === 'disabled') return [];
  const isNeeded = name === 'xos-vo.service' || host.vos.length > 0;
  const text = `${name} is ${state.active}`;
  const start = `systemctl start ${name}`;
  return [isNeeded ? failure(text, start) : warning(text, start)];
}
