import { existsSync, readFileSync } from 'node:fs';
import type { Check } from '../check.ts';
import type { ExaminedHost } from '../examined-host.ts';
import { type Finding, failure, notInstalled, ok, problemsOr, unchecked, warning } from '../finding.ts';
import { loadProblems } from '../loadable.ts';
import { type PamLine, parsePamFile } from '../pam-file.ts';

type Stack = 'auth' | 'account' | 'password' | 'session';

/** The stacks that others include: Debian's, and those of authselect on Fedora and its kin. */
const layouts: readonly { readonly files: Readonly<Record<Stack, string>>; readonly mend: string }[] = [
  {
    files: {
      auth: 'common-auth',
      account: 'common-account',
      password: 'common-password',
      session: 'common-session',
    },
    mend: 'pam-auth-update --enable xtreemos xtreemos-password',
  },
  {
    files: { auth: 'system-auth', account: 'system-auth', password: 'system-auth', session: 'system-auth' },
    mend: 'authselect select xtreemos (see authselect list; authselect check says what was edited)',
  },
];

const why: Readonly<Record<Stack, string>> = {
  auth: 'grid users cannot log in with certificate or VO password',
  account: 'membership and policy are not asked: sshd refuses grid users, or lets them in without a lease',
  password: "passwd is not told that a grid user's password is not here",
  session: 'grid users get no home directory and no credential',
};

/** The PAM stack: pam_xos in all four parts, and before pam_unix where the first answer counts. */
export const pam: Check = {
  name: 'pam',
  about: 'pam_xos in the PAM stack, in the right order to pam_unix, and that pam_xos.so is there and loads',
  examine: async (host) => {
    const { accounts, pamModule } = host.parts;
    if (!accounts && pamModule === undefined) return [notInstalled('libpam-xtreemos')];
    const layout = layouts.find(({ files }) => existsSync(host.at(`/etc/pam.d/${files.auth}`)));
    if (layout === undefined) return [unchecked('/etc/pam.d has neither common-auth nor system-auth')];
    const findings: Finding[] = [];
    if (pamModule === undefined) {
      findings.push(
        failure('pam_xos.so is not installed: grid users cannot log in', 'apt install libpam-xtreemos'),
      );
    } else {
      findings.push(...(await loadProblems(host, pamModule, 'libpam-xtreemos')));
    }
    for (const stack of ['auth', 'account', 'password', 'session'] as const) {
      const file = `/etc/pam.d/${layout.files[stack]}`;
      const lines = existsSync(host.at(file)) ? parsePamFile(readFileSync(host.at(file), 'utf8')) : [];
      findings.push(...judgeStack(stack, file, lines, layout.mend));
    }
    findings.push(...included(host, Object.values(layout.files)));
    return problemsOr(findings, () =>
      ok('pam_xos stands in auth, account, password and session, before pam_unix'),
    );
  },
};

function judgeStack(stack: Stack, file: string, lines: readonly PamLine[], mend: string): readonly Finding[] {
  const own = lines.filter(({ type }) => type === stack);
  const xos = own.findIndex(({ module }) => module.endsWith('pam_xos.so'));
  const unix = own.findIndex(({ module }) => module.endsWith('pam_unix.so'));
  if (xos < 0) {
    const text = `${file}: pam_xos is not in ${stack}: ${why[stack]}`;
    return [stack === 'password' ? warning(text, mend) : failure(text, mend)];
  }
  if ((stack === 'auth' || stack === 'account') && unix >= 0 && unix < xos) {
    return [
      failure(`${file}: pam_unix stands before pam_xos in ${stack} and answers first for grid users`, mend),
    ];
  }
  return [];
}

/** Services by which people log in, that do not include the common stacks. */
function included(host: ExaminedHost, files: readonly string[]): readonly Finding[] {
  const known = new Set([...files, 'password-auth', 'system-login', 'system-remote-login', 'common-session']);
  return ['login', 'sshd'].flatMap((service) => {
    const file = host.at(`/etc/pam.d/${service}`);
    if (!existsSync(file)) return [];
    const lines = parsePamFile(readFileSync(file, 'utf8'));
    const reaches = lines.some(
      ({ control, module, type }) =>
        (type === 'account' || type === '') &&
        (module.endsWith('pam_xos.so') || (/include|substack/.test(control) && known.has(module))),
    );
    if (reaches) return [];
    return [
      warning(
        `/etc/pam.d/${service} includes neither ${files[1]} nor pam_xos for account: grid users cannot use it`,
        `compare /etc/pam.d/${service} with that of the distribution`,
      ),
    ];
  });
}
