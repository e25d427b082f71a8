import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseCertificateChain } from '@xtreemos/identity';
import type { Check } from '../check.ts';
import { type Finding, noVoJoined, ok, problemsOr, warning } from '../finding.ts';

/** A host that was renamed is still known to its VOs under the former name. */
export const hostname: Check = {
  name: 'hostname',
  about: "that this host's name is the one in its certificates",
  examine: async (host) => {
    const name = await host.hostname();
    const unqualified = name.includes('.')
      ? []
      : [
          warning(
            `${name} has no domain: other sites cannot tell it from theirs`,
            'add it to /etc/hosts: ADDRESS HOST.DOMAIN HOST (hosts(5)), so that hostname --fqdn says it',
          ),
        ];
    const findings = host.vos.flatMap(({ vo }): readonly Finding[] => {
      const file = join(host.paths.hostKeyDirectory, vo, 'accounts.pem');
      if (!existsSync(file)) return [];
      const certified = parseCertificateChain(readFileSync(file))[0]?.subject.commonName ?? '';
      if (certified === name) return [];
      return [
        warning(
          `${vo} knows this host as ${certified}, it calls itself ${name}`,
          `hostnamectl set-hostname ${certified}, or: xos node leave ${vo} && xos node join`,
        ),
      ];
    });
    if (host.vos.length === 0 && unqualified.length === 0) return [noVoJoined()];
    return problemsOr([...unqualified, ...findings], () => ok(`${name}, as in the certificates`));
  },
};
