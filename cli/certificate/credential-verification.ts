import { openTrustDirectories, type ValidatedPath, validatePath } from '@xtreemos/identity';
import type { Invocation } from '../invocation.ts';
import { fields } from '../output/fields.ts';
import type { Report } from '../output/report.ts';
import { rfc3339 } from '../output/stable-json.ts';
import { momentText } from '../output/time-text.ts';
import { listHostVoRecords } from '../vo-record.ts';
import { chooseCredential } from './credential-choice.ts';
import { certificatesOf } from './credential-display.ts';

interface VerifyOptions {
  readonly trustDirectory?: string;
  readonly crlDirectory?: string;
  readonly withoutCrls?: boolean;
  readonly passphraseFile?: string;
}

/** `xos cert verify`: the node's own judgement; refusals are thrown as they are (exit code 5). */
export async function verifyCredential(
  invocation: Invocation,
  options: VerifyOptions,
  file: string | undefined,
): Promise<Report> {
  const { paths } = invocation;
  const found = await chooseCredential(invocation, file);
  const { certificate, chain } = await certificatesOf(invocation, found, options.passphraseFile);
  const { current: store } = await openTrustDirectories({
    directories: [options.trustDirectory ?? paths.gridSecurityDirectory],
    crlDirectories: [
      ...(options.crlDirectory === undefined ? [] : [options.crlDirectory]),
      ...(options.trustDirectory === undefined ? [paths.crlDirectory] : []),
    ],
  });
  for (const problem of store.problems) invocation.note(`${problem.file}: ${problem.reason}`);
  const voRoots = new Map<string, string>();
  if (options.trustDirectory === undefined) {
    for (const record of listHostVoRecords(paths)) {
      if (record.caFingerprint !== undefined) voRoots.set(record.vo, record.caFingerprint);
    }
  }
  const validated = validatePath([certificate, ...chain], {
    store,
    now: new Date(invocation.nowMs()),
    voRoots,
    revocation: options.withoutCrls === true ? 'when-present' : 'required',
    // Judged for the person: which host may present it is that host's question.
    ...(certificate.xos.session === undefined ? {} : { presentedBy: certificate.xos.session.hostGuid }),
  });
  return verificationReport(invocation, validated, found.where);
}

function verificationReport(invocation: Invocation, validated: ValidatedPath, where: string): Report {
  const { user, host } = validated;
  const revocationKnownUntil = validated.revocationValidUntil;
  return {
    data: {
      valid: true,
      source: where,
      user:
        user === undefined
          ? null
          : {
              user: user.user,
              vo: user.vo,
              guid: user.guid,
              fqans: [...user.fqans],
              primaryFqan: user.primaryFqan,
            },
      host: host === undefined ? null : { hostname: host.hostname, vo: host.vo ?? null, role: host.role },
      limited: validated.limited,
      proxyDepth: validated.proxyDepth,
      root: validated.root.certificate.subject.oneline,
      notAfter: rfc3339(validated.notAfter.getTime()),
      revocationKnownUntil:
        revocationKnownUntil === undefined ? null : rfc3339(revocationKnownUntil.getTime()),
    },
    text: (terminal) =>
      `${terminal.paint.good('The certificate holds')}.\n${fields(
        [
          ['Speaks for', user === undefined ? undefined : `${user.user}@${user.vo}`],
          ['Speaks for', host === undefined ? undefined : `${host.hostname}, role ${host.role}`],
          ['FQANs', user?.fqans],
          ['Below', validated.root.certificate.subject.oneline],
          ['Until', momentText(validated.notAfter.getTime(), invocation.nowMs())],
          [
            'Revocation known until',
            revocationKnownUntil === undefined
              ? 'no revocation list was there'
              : momentText(revocationKnownUntil.getTime(), invocation.nowMs()),
          ],
        ],
        terminal,
      )}`,
  };
}
