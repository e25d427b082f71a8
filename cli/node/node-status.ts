import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { reasonOf } from '@xtreemos/base';
import { parseCertificateChain } from '@xtreemos/identity';
import type { HostPaths } from '../host-paths.ts';
import type { Invocation } from '../invocation.ts';
import type { Report } from '../output/report.ts';
import { stableJson } from '../output/stable-json.ts';
import { table } from '../output/table.ts';
import { momentText } from '../output/time-text.ts';
import { listHostVoRecords, type VoRecord } from '../vo-record.ts';

/** A host certificate on disk. */
export interface HostCertificateState {
  readonly role: string;
  readonly hostname: string;
  readonly notAfterMs: number;
}

export interface JoinedVoState {
  readonly vo: string;
  readonly alias: string;
  readonly serviceUrl: string | null;
  readonly certificates: readonly HostCertificateState[];
  /** What is wrong and what to do, one sentence each. */
  readonly problems: readonly string[];
}

/** `xos node status`: read from the files alone, so that it works while no daemon runs. */
export async function nodeStatus(invocation: Invocation): Promise<Report> {
  const vos = joinedVos(invocation.paths, invocation.nowMs());
  return {
    data: { vos: vos.map(stableJson) },
    exitCode: vos.some(({ problems }) => problems.length > 0) ? 1 : 0,
    text: (terminal) => {
      const overview = table(
        vos,
        [
          { title: 'VO', value: ({ vo }) => vo },
          { title: 'ALIAS', value: ({ alias }) => alias },
          { title: 'SERVICE', value: ({ serviceUrl }) => serviceUrl ?? '', mayShrink: true },
          { title: 'ROLES', value: ({ certificates }) => certificates.map(({ role }) => role).join(' ') },
          {
            title: 'CERTIFICATES UNTIL',
            value: ({ certificates }) =>
              certificates.length === 0
                ? ''
                : momentText(
                    Math.min(...certificates.map(({ notAfterMs }) => notAfterMs)),
                    invocation.nowMs(),
                  ),
            mayShrink: true,
          },
        ],
        terminal,
        'This host has joined no VO. Join one: xos node join',
      );
      const problems = vos.flatMap(({ vo, problems: list }) => list.map((problem) => `${vo}: ${problem}`));
      return overview + problems.map((problem) => `${terminal.paint.bad('problem')}: ${problem}\n`).join('');
    },
  };
}

export function joinedVos(paths: HostPaths, nowMs: number): readonly JoinedVoState[] {
  return listHostVoRecords(paths).map((record) => voState(paths, record, nowMs));
}

function voState(paths: HostPaths, record: VoRecord, nowMs: number): JoinedVoState {
  const directory = join(paths.hostKeyDirectory, record.vo);
  const problems: string[] = [];
  const certificates: HostCertificateState[] = [];
  for (const file of existsSync(directory) ? readdirSync(directory).sort() : []) {
    const role = /^([a-z]+)\.pem$/.exec(file)?.[1];
    if (role === undefined) continue;
    try {
      const certificate = parseCertificateChain(readFileSync(join(directory, file)))[0];
      if (certificate === undefined) throw new Error('it holds no certificate');
      const notAfterMs = certificate.notAfter.getTime();
      certificates.push({ role, hostname: certificate.subject.commonName ?? '', notAfterMs });
      if (notAfterMs <= nowMs) {
        problems.push(`the certificate of role ${role} has expired; join again with a new token`);
      }
      if (!existsSync(join(directory, `${role}.key`))) {
        problems.push(`the key of role ${role} is missing; join again with a new token`);
      }
    } catch (error) {
      problems.push(
        `${join(directory, file)} is not usable: ${reasonOf(error)}; join again with a new token`,
      );
    }
  }
  if (certificates.length === 0 && problems.length === 0) {
    problems.push('there is no host certificate; join again with a new token');
  }
  return {
    vo: record.vo,
    alias: record.alias,
    serviceUrl: record.serviceUrl ?? null,
    certificates,
    problems,
  };
}
