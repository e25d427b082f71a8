import { XosError } from '@xtreemos/base';
import { defaultSubjectPatterns, parseCertificate, renderSigningPolicy } from '@xtreemos/identity';
import type { CrlBundle, TrustAnchor, TrustBundle } from '@xtreemos/vo-client';
import type { AuthorityRow, AuthorityRowKind } from './database-schema.ts';
import type { VoContext } from './vo-context.ts';

const kindOrder: readonly AuthorityRowKind[] = ['root', 'services', 'cda', 'rca'];

/** Anchors of a VO, or of a domain where no VO has the name. Throws XOS_NOT_FOUND. */
export async function trustBundle(context: VoContext, name: string): Promise<TrustBundle> {
  const { read } = context.database;
  const vo = await read
    .selectFrom('vo')
    .select(['id', 'domain', 'ssh_ca'])
    .where('id', '=', name)
    .where('destroyed_at', 'is', null)
    .executeTakeFirst();
  const domain = vo?.domain ?? name;
  const rows = await authorities(context, domain, vo?.id);
  const root = rows.find((row) => row.kind === 'root' && row.domain === domain);
  if (root === undefined) throw new XosError('XOS_NOT_FOUND', { what: 'VO or trust domain', name });
  return {
    domain,
    vo: vo?.id ?? null,
    anchors: rows.map(anchorOf),
    sshUserCas: vo === undefined ? [] : [vo.ssh_ca],
    rootFingerprint: root.fingerprint,
  };
}

/** Throws XOS_NOT_FOUND. */
export async function crlBundle(context: VoContext, name: string): Promise<CrlBundle> {
  const vo = await context.database.read
    .selectFrom('vo')
    .select(['id', 'domain', 'crl_version'])
    .where('id', '=', name)
    .where('destroyed_at', 'is', null)
    .executeTakeFirst();
  if (vo === undefined) throw new XosError('XOS_NOT_FOUND', { what: 'VO', name });
  const rows = await authorities(context, vo.domain, vo.id);
  return {
    vo: vo.id,
    version: vo.crl_version,
    crls: rows.map((row) => ({
      issuer: row.kind,
      pem: row.crl,
      thisUpdateMs: row.crl_this_update,
      nextUpdateMs: row.crl_next_update,
    })),
  };
}

/**
 * Root and services authority of the domain, CDA and RCA of the VO; a VO with a root of its own also needs the default
 * domain's root and services authority, which vouch for the service itself.
 */
async function authorities(
  context: VoContext,
  domain: string,
  vo: string | undefined,
): Promise<readonly AuthorityRow[]> {
  const rows = await context.database.read
    .selectFrom('authority')
    .selectAll()
    .where('revoked_at', 'is', null)
    .where((where) =>
      where.or([
        where.and([where('domain', 'in', [domain, context.settings.domain]), where('vo', 'is', null)]),
        ...(vo === undefined ? [] : [where('vo', '=', vo)]),
      ]),
    )
    .execute();
  const rank = (row: AuthorityRow) => kindOrder.indexOf(row.kind) * 2 + (row.domain === domain ? 0 : 1);
  return rows.sort((a, b) => rank(a) - rank(b));
}

function anchorOf(row: AuthorityRow): TrustAnchor {
  const certificate = parseCertificate(row.certificate);
  const subjectPatterns = defaultSubjectPatterns(certificate);
  const authority = certificate.subject.oneline;
  return {
    kind: row.kind,
    certificate: row.certificate,
    signingPolicy: renderSigningPolicy({ rules: [{ authority, subjectPatterns }] }),
    namespaces: namespacesOf(authority, subjectPatterns),
    fingerprint: row.fingerprint,
  };
}

/** The EUGridPMA form of the same rules, for software that reads `.namespaces`. */
function namespacesOf(authority: string, subjectPatterns: readonly string[]): string {
  const rules = subjectPatterns.map((pattern) => {
    const expression = pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.');
    return `TO Issuer "${authority}" \\\n  PERMIT Subject "${expression}"\n`;
  });
  return rules.join('\n');
}
