import type { Check } from '../check.ts';
import type { ExaminedHost } from '../examined-host.ts';
import { type Finding, failure, noVoJoined, ok, warning } from '../finding.ts';

/** Names of the VO services and of this host, as the programs of this host look them up. */
export const dns: Check = {
  name: 'dns',
  about: 'that the names of the VO services and of this host resolve, IPv4 and IPv6',
  examine: async (host) => {
    const services = new Set(host.vos.map(({ serviceUrl }) => serviceUrl).filter((url) => url !== undefined));
    const names = [...services].map((url) => new URL(url).hostname.replace(/^\[|\]$/g, ''));
    const found = await Promise.all([
      ownName(host),
      ...[...new Set(names)].map((name) => serviceName(host, name)),
    ]);
    return host.vos.length === 0 ? [...found, noVoJoined()] : found;
  },
};

async function serviceName(host: ExaminedHost, name: string): Promise<Finding> {
  const [v4, v6] = await addresses(host, name);
  if (v4.length + v6.length === 0) {
    return failure(
      `${name}, a VO service, has no address`,
      `getent ahosts ${name}; resolvectl status, or cat /etc/resolv.conf and /etc/hosts`,
    );
  }
  return ok(`${name} is ${[...v4, ...v6].join(', ')}${missing(v4, v6)}`);
}

async function ownName(host: ExaminedHost): Promise<Finding> {
  const name = await host.hostname();
  const [v4, v6] = await addresses(host, name);
  if (v4.length + v6.length === 0) {
    return warning(
      `this host's own name ${name} has no address: programs that look it up wait`,
      `add it to DNS, or to /etc/hosts: ADDRESS ${name}`,
    );
  }
  return ok(`own name ${name} is ${[...v4, ...v6].join(', ')}${missing(v4, v6)}`);
}

async function addresses(
  host: ExaminedHost,
  name: string,
): Promise<readonly [readonly string[], readonly string[]]> {
  return Promise.all([host.lookUp(name, 4), host.lookUp(name, 6)]);
}

const missing = (v4: readonly string[], v6: readonly string[]): string =>
  v4.length === 0 ? ' (IPv6 only)' : v6.length === 0 ? ' (IPv4 only)' : '';
