import type { AccessRequest } from './access-request.ts';
import type { PolicyEvaluator } from './decision.ts';

/** What one entry of the deny list names. */
export type DenyEntry =
  | { readonly kind: 'user'; readonly globalUserId: string }
  | { readonly kind: 'vo'; readonly vo: string }
  | { readonly kind: 'fqan'; readonly fqan: string };

const VO_ID = /^[a-z0-9][a-z0-9.-]{0,62}$/;
const USER = /^[a-z][a-z0-9._-]*$/;
const FQAN = /^(?:\/[A-Za-z0-9_.-]+)+(?:\/Role=[A-Za-z0-9_.-]+)?$/;

/**
 * Reads one word of `Deny=` in accounts.conf: `user@<VO id>`, `@<VO id>` (the whole VO) or `/vo/group[/Role=role]`.
 * @throws Error with a sentence that names the word
 */
export function parseDenyEntry(word: string): DenyEntry {
  if (word.startsWith('/')) {
    if (FQAN.test(word)) return { kind: 'fqan', fqan: word };
  } else {
    const at = word.indexOf('@');
    const user = word.slice(0, at);
    const vo = word.slice(at + 1);
    if (at >= 0 && VO_ID.test(vo)) {
      if (user === '') return { kind: 'vo', vo };
      if (USER.test(user)) return { kind: 'user', globalUserId: word };
    }
  }
  throw new Error(`"${word}" is neither user@vo, @vo nor /vo/group[/Role=role]`);
}

/** The site's word: an implicit permit over which the entries only forbid. */
export function siteDenyList(entries: readonly DenyEntry[]): PolicyEvaluator {
  const users = new Set(entries.flatMap((entry) => (entry.kind === 'user' ? [entry.globalUserId] : [])));
  const vos = new Set(entries.flatMap((entry) => (entry.kind === 'vo' ? [entry.vo] : [])));
  const fqans = entries.flatMap((entry) => (entry.kind === 'fqan' ? [entry.fqan] : []));
  return {
    name: 'site',
    evaluate({ principal }: AccessRequest) {
      if (users.has(principal.globalUserId)) return refuse(principal.globalUserId);
      if (vos.has(principal.vo)) return refuse(`@${principal.vo}`);
      const fqan = fqans.find((denied) => principal.fqans.some((held) => isWithin(held, denied)));
      return fqan === undefined
        ? { allowed: true, reason: 'nothing in Deny= names this person' }
        : refuse(fqan);
    },
  };
}

function refuse(entry: string): { allowed: false; reason: string } {
  return { allowed: false, reason: `Deny= in accounts.conf names ${entry}` };
}

/** A denied group covers its subgroups and the roles held in them; a denied role covers only itself. */
function isWithin(held: string, denied: string): boolean {
  return held === denied || (!denied.includes('/Role=') && held.startsWith(`${denied}/`));
}
