import type { AuditEntry } from '@xtreemos/vo-client';
import type { CertificateRow, CertificateRowKind } from './database-schema.ts';
import type { Change } from './registry-change.ts';
import type { VoContext } from './vo-context.ts';

/** Puts a certificate that is about to be handed out into the record and the audit log. */
export async function recordCertificate(
  context: VoContext,
  change: Change,
  owner: {
    readonly vo: string;
    readonly kind: CertificateRowKind;
    /** User, or host name. */
    readonly subject: string;
    readonly details?: AuditEntry['details'];
  },
  issued: { readonly serial: string; readonly notBefore: Date; readonly notAfter: Date },
): Promise<void> {
  const row: CertificateRow = {
    vo: owner.vo,
    kind: owner.kind,
    serial: issued.serial,
    subject: owner.subject,
    not_before: issued.notBefore.getTime(),
    not_after: issued.notAfter.getTime(),
    revoked_at: null,
    revocation_reason: null,
  };
  await change.write.insertInto('certificate').values(row).execute();
  change.afterCommit(() => context.metrics.certificates.increment({ kind: row.kind }));
  await change.audit({
    vo: owner.vo,
    action: 'certificate.issue',
    subject: owner.subject,
    details: { kind: row.kind, serial: row.serial, notAfterMs: row.not_after, ...owner.details },
  });
}
