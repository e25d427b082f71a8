import { isIP } from 'node:net';
import { XosError } from '@xtreemos/base';

/** Grammar of names (docs/architecture.md, "Names and ids"), as sources of regular expressions for the route schemas too. */
export const namePatterns = {
  vo: '^[a-z0-9][a-z0-9.-]{0,62}$',
  user: '^[a-z][a-z0-9._-]{0,29}$',
  group: '^[a-z0-9][a-z0-9_-]{0,30}(?:/[a-z0-9][a-z0-9_-]{0,30}){0,7}$',
  role: '^[a-z][a-z0-9_-]{0,30}$',
  hostname: '^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$',
} as const;

/** `services` is the OU of the VO services' own certificates. */
const reservedVoIds: ReadonlySet<string> = new Set(['services']);

/** Throws XOS_INPUT_BAD. */
export function checkVoId(id: string): void {
  if (!new RegExp(namePatterns.vo).test(id))
    throw badName('VO id', id, 'lower-case letters, digits, dots and hyphens');
  if (reservedVoIds.has(id)) throw badName('VO id', id, 'it is reserved');
}

/** Throws XOS_INPUT_BAD; `members` is the group of all members on every node. */
export function checkGroup(path: string): void {
  if (!new RegExp(namePatterns.group).test(path)) {
    throw badName('group', path, 'names of lower-case letters, digits, _ and - joined by /, at most 8 deep');
  }
  if (path === 'members' || path.startsWith('members/'))
    throw badName('group', path, 'the name members is reserved');
}

/** A group and those above it, the outermost first: `a/b` gives `a`, `a/b`. */
export function withParents(path: string): readonly string[] {
  const parts = path.split('/');
  return parts.map((_part, index) => parts.slice(0, index + 1).join('/'));
}

/** The VO itself is path ''. */
export function fqanOf(vo: string, path: string, role?: string): string {
  const group = path === '' ? `/${vo}` : `/${vo}/${path}`;
  return role === undefined ? group : `${group}/Role=${role}`;
}

export function adminFqan(vo: string): string {
  return fqanOf(vo, '', 'admin');
}

/** Host names apart from addresses, as certificates want them. */
export function splitAddresses(names: readonly string[]): {
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
} {
  return {
    dnsNames: names.filter((name) => isIP(name) === 0),
    ipAddresses: names.filter((name) => isIP(name) !== 0),
  };
}

function badName(what: string, name: string, reason: string): XosError {
  return new XosError('XOS_INPUT_BAD', { what, where: name, reason });
}
