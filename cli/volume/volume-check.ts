/** `xos volume check`. */
import { isXosError } from '@xtreemos/base';
import type { CheckVolumeResponse, CheckVolumeResponse_Finding } from '@xtreemos/rpc';
import type { Invocation } from '../invocation.ts';
import { progressBar, type TellProgress } from '../output/progress.ts';
import type { JsonValue, Report } from '../output/report.ts';
import { table } from '../output/table.ts';
import type { VolumeAdministration } from './volume-administration.ts';
import { withMrc } from './volume-verbs.ts';

export interface Finding {
  readonly kind: string;
  readonly path?: string;
  /** `VOLUME:NUMBER`, as OSDs have it. */
  readonly file?: string;
  readonly osd?: string;
  readonly detail: string;
}

/** What is no damage: fallocate(2) and truncate(2) make files that go on without data; and what could not be looked at. */
export const harmless = ['short', 'not-examined'];

/** Exit code 1 for findings, and for nothing else; 2 where there is none and something, or all, was not examined. */
export async function checkVolume(
  invocation: Invocation,
  { content = false }: { readonly content?: boolean },
  name: string,
): Promise<Report> {
  return await unlessRefused(invocation, { name, content }, () => examine(invocation, content, name));
}

/** Exit code 2 where the MRC does not answer or refuses. */
export async function unlessRefused(
  invocation: Invocation,
  data: { readonly [key: string]: JsonValue },
  work: () => Promise<Report>,
): Promise<Report> {
  try {
    return await work();
  } catch (error) {
    if (!isXosError(error) || error.code !== 'XOS_REMOTE') throw error;
    const failure = error.message;
    invocation.note(failure);
    return { data: { ...data, failure }, text: () => '', exitCode: 2 };
  }
}

async function examine(invocation: Invocation, content: boolean, name: string): Promise<Report> {
  const { findings, leftOut } = await withMrc(invocation, async (mrc) => {
    const { id } = await mrc.find(name);
    const found = await invocation.slowly(`Checking ${name}`, (tell) =>
      allFindings(mrc, { name, content, tell }),
    );
    return { leftOut: found.leftOut, findings: found.messages.map((message) => findingOf(message, id)) };
  });
  const isDamaged = findings.some(({ kind }) => !harmless.includes(kind));
  const isPartial = findings.some(({ kind }) => kind === 'not-examined');
  return {
    data: { name, content, findings: findings.map((finding) => ({ ...finding })), leftOut },
    text: (terminal) =>
      table(
        findings,
        [
          { title: 'WHAT', value: ({ kind }) => kind },
          { title: 'PATH OR FILE', value: ({ path, file }) => path ?? file ?? '' },
          { title: 'OSD', value: ({ osd }) => osd ?? '' },
          { title: 'DETAIL', value: ({ detail }) => detail, mayShrink: true },
        ],
        terminal,
        `Nothing is wrong with volume ${name}${content ? '' : ', as far as can be said without reading its content'}.`,
      ) + (leftOut === 0 ? '' : `${leftOut} more are not shown.\n`),
    exitCode: isDamaged ? 1 : isPartial ? 2 : 0,
  };
}

export async function allFindings(
  mrc: VolumeAdministration,
  { name, content, tell }: { readonly name: string; readonly content: boolean; readonly tell: TellProgress },
): Promise<{ readonly messages: readonly CheckVolumeResponse_Finding[]; readonly leftOut: number }> {
  const messages: CheckVolumeResponse_Finding[] = [];
  let check: bigint | undefined;
  for (;;) {
    const after = messages.length;
    const answer: CheckVolumeResponse = await mrc.check(name, {
      content,
      after,
      ...(check === undefined ? {} : { check }),
    });
    check = answer.check;
    messages.push(...answer.findings);
    if (answer.finished && answer.findings.length === 0) return { messages, leftOut: Number(answer.leftOut) };
    const bar = progressBar(Number(answer.done), Number(answer.total));
    tell(`Checking ${name}: ${answer.step} ${bar === '' ? answer.done : bar}`);
  }
}

export function findingOf(
  { kind, node, path, osd, detail }: CheckVolumeResponse_Finding,
  volumeId: string,
): Finding {
  return {
    kind,
    ...(path === '' ? {} : { path }),
    ...(node === 0n ? {} : { file: `${volumeId}:${node}` }),
    ...(osd === '' ? {} : { osd }),
    detail,
  };
}
