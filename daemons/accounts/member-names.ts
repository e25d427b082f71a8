/** Spelling of names as docs/architecture.md fixes it. */
export const VO_ID = /^[a-z0-9][a-z0-9.-]{0,62}$/;
export const VO_ALIAS = /^[a-z0-9][a-z0-9-]{0,15}$/;
export const USER_NAME = /^[a-z][a-z0-9._-]*$/;
/** One component of a group's path. */
export const GROUP_COMPONENT = /^[A-Za-z0-9_][A-Za-z0-9_-]*$/;
/** Bytes of a whole login name; useradd(8) and utmp(5) both stop at 32. */
export const LOGIN_NAME_BYTES = 32;

/** The group every member is in. */
export const EVERYONE = 'members';

/** `user@alias`, taken apart; undefined when it is not spelled as a login name. */
export function parseLoginName(login: string): { user: string; alias: string } | undefined {
  if (login.length > LOGIN_NAME_BYTES) return undefined;
  const at = login.indexOf('@');
  const user = login.slice(0, at);
  const alias = login.slice(at + 1);
  return at > 0 && USER_NAME.test(user) && VO_ALIAS.test(alias) ? { user, alias } : undefined;
}

/** `user@<VO id>`, taken apart; undefined when it is not spelled as a global user id. */
export function parseGlobalUserId(text: string): { user: string; vo: string } | undefined {
  if (text.length > 128) return undefined;
  const at = text.indexOf('@');
  const user = text.slice(0, at);
  const vo = text.slice(at + 1);
  return at > 0 && USER_NAME.test(user) && VO_ID.test(vo) ? { user, vo } : undefined;
}

/**
 * Paths below the VO of the groups an FQAN list speaks of, parents included, roles left out: `/vo/a/b/Role=x` gives `a`
 * and `a/b`. FQANs of another VO give nothing.
 */
export function groupPaths(vo: string, fqans: readonly string[]): string[] {
  const paths = new Set<string>();
  for (const fqan of fqans) {
    const parts = fqan.split('/');
    if (parts[0] !== '' || parts[1] !== vo) continue;
    const groups = parts.slice(2).filter((part) => !part.startsWith('Role=') && part !== '');
    for (let depth = 1; depth <= groups.length; depth++) paths.add(groups.slice(0, depth).join('/'));
  }
  return [...paths].sort();
}

/** Name of a VO group in NSS: `group.subgroup@alias`. */
export function groupName(path: string, alias: string): string {
  return `${path.replaceAll('/', '.')}@${alias}`;
}
