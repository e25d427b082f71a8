import { existsSync } from 'node:fs';
import type { Check } from '../check.ts';
import type { ExaminedHost } from '../examined-host.ts';
import { type Finding, failure, notInstalled, ok, problemsOr, unchecked } from '../finding.ts';

const dropIn = '/etc/ssh/sshd_config.d/60-xtreemos.conf';
const reload = `/etc/ssh/sshd_config has to begin with "Include /etc/ssh/sshd_config.d/*.conf" and ${dropIn} has to be as packaged; then: systemctl reload ssh`;

/** What sshd says is effective for grid users, whatever file it comes from. */
export const ssh: Check = {
  name: 'ssh',
  about:
    'what sshd would do with a grid user (sshd -T): certificates of the VO only, PAM for everything else',
  examine: async (host) => {
    if (!host.parts.accounts) return [notInstalled('xtreemos-accounts')];
    if (!host.parts.sshd) return [unchecked('no sshd here: grid users log in on the console only')];
    if (!host.isRoot) return [unchecked('needs root: sshd reads its host keys to say what is effective')];
    const [grid, local] = await Promise.all([
      effective(host, `alice@${host.vos[0]?.alias ?? 'vo'}`),
      effective(host, 'root'),
    ]);
    if (typeof grid === 'string' && grid.includes('privilege separation directory')) {
      return [unchecked('sshd does not run, and cannot say without /run/sshd', 'systemctl start ssh')];
    }
    if (typeof grid === 'string') return [failure(`sshd refuses its configuration: ${grid}`, 'sshd -t')];
    const findings = judgeGrid(grid, host);
    if (typeof local !== 'string' && local.get('trustedusercakeys') === host.paths.sshUserCaFile) {
      findings.push(
        failure(
          `sshd trusts the VOs' authorities for local users too: a VO could sign a certificate for root`,
          `TrustedUserCAKeys ${host.paths.sshUserCaFile} may stand in "Match User *@*" only: grep -r TrustedUserCAKeys /etc/ssh`,
        ),
      );
    }
    return problemsOr(findings, () =>
      ok('for grid users sshd takes SSH certificates of the VO, and asks PAM'),
    );
  },
};

/** Keys as sshd prints them, in lower case; or why it does not. */
async function effective(host: ExaminedHost, user: string): Promise<ReadonlyMap<string, string> | string> {
  const connection = `user=${user},host=localhost,addr=127.0.0.1`;
  const { status, stdout, stderr } = await host.run('sshd', ['-T', '-C', connection]);
  if (status !== 0) return stderr.trim().split('\n')[0] || 'it gave no answer';
  return new Map(
    stdout.split('\n').map((line) => {
      const [key = '', ...values] = line.split(' ');
      return [key, values.join(' ')];
    }),
  );
}

function judgeGrid(grid: ReadonlyMap<string, string>, host: ExaminedHost): Finding[] {
  const wanted: readonly (readonly [key: string, value: string, otherwise: string])[] = [
    ['usepam', 'yes', 'grid users get no account, no home, no credential'],
    ['kbdinteractiveauthentication', 'yes', 'nobody can log in with certificate file or VO password'],
    ['authorizedkeysfile', 'none', 'a key in ~/.ssh/authorized_keys would outlive the membership'],
    ['authorizedkeyscommand', 'none', 'keys from elsewhere would outlive the membership'],
    ['authorizedprincipalsfile', 'none', 'principals from elsewhere would outlive the membership'],
    ['hostbasedauthentication', 'no', 'other hosts could speak for grid users'],
    ['trustedusercakeys', host.paths.sshUserCaFile, 'SSH certificates of the VO are refused'],
  ];
  const findings = wanted.flatMap(([key, value, otherwise]) => {
    const actual = grid.get(key) ?? 'none';
    return actual === value
      ? []
      : [failure(`sshd has ${key} ${actual} for grid users: ${otherwise}`, reload)];
  });
  if (grid.get('authorizedprincipalscommand')?.includes('xos-ssh-principals') !== true) {
    findings.push(
      failure('sshd does not ask xos-ssh-principals: SSH certificates of the VO are refused', reload),
    );
  }
  if (host.vos.length > 0 && !existsSync(host.paths.sshUserCaFile)) {
    findings.push(
      failure(
        `${host.paths.sshUserCaFile} is missing: SSH certificates of the VO are refused`,
        'xos node join',
      ),
    );
  }
  return findings;
}
