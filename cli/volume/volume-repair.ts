/** `xos volume repair`. */
import type { CheckVolumeResponse_Finding, RepairVolumeResponse } from '@xtreemos/rpc';
import type { Invocation } from '../invocation.ts';
import { progressBar, type TellProgress } from '../output/progress.ts';
import type { Report } from '../output/report.ts';
import { table } from '../output/table.ts';
import { type Terminal, terminalOf } from '../output/terminal.ts';
import { confirmPlainly } from '../prompt/confirmation.ts';
import type { VolumeAdministration } from './volume-administration.ts';
import { allFindings, type Finding, findingOf, harmless, unlessRefused } from './volume-check.ts';
import { withMrc } from './volume-verbs.ts';

export interface RepairOptions {
  readonly dryRun?: boolean;
  readonly deleteOrphans?: boolean;
  readonly yes?: boolean;
}

interface Repair extends Finding {
  readonly action: string;
  readonly before: string;
}

interface Repairs {
  readonly repaired: readonly Repair[];
  /** What stays as it is; the action says why. */
  readonly left: readonly Repair[];
  /** Findings that the MRC did not keep, since there are too many of their kind. */
  readonly leftOut: number;
}

/** Counters first, since other repairs count on; what depends on names after them. */
const order = ['usage', 'name-mismatch', 'dangling-name', 'nameless', 'link-count', 'beyond-end', 'orphan'];

/** A repair may show more that is wrong, and what is in use changes. */
const mostRounds = 10;

/** Exit code 0 when nothing is wrong any more, 1 when something stays or, with `--dry-run`, is to be repaired, 2 when something was not examined. */
export async function repairVolume(
  invocation: Invocation,
  options: RepairOptions,
  name: string,
): Promise<Report> {
  const { dryRun = false } = options;
  return await unlessRefused(invocation, { name, dryRun }, () =>
    withMrc(invocation, (mrc) => repairWith(mrc, invocation, options, name)),
  );
}

async function repairWith(
  mrc: VolumeAdministration,
  invocation: Invocation,
  { dryRun = false, deleteOrphans = false, yes }: RepairOptions,
  name: string,
): Promise<Report> {
  const { id } = await mrc.find(name);
  const round = (isDry: boolean) =>
    invocation.slowly(`Checking ${name}`, (tell) =>
      repairRound(mrc, { name, id, dryRun: isDry, deleteOrphans, tell }),
    );
  const planned = await round(true);
  if (dryRun || planned.repaired.length === 0) return reportOf(name, dryRun, planned);
  if (yes !== true) invocation.prompts.say(repairTable(planned.repaired, terminalOf({}, {})));
  const count = planned.repaired.length === 1 ? 'this' : `these ${planned.repaired.length}`;
  await confirmPlainly(invocation.prompts, yes, `Repair ${count}?`, `Repairing ${name}`);
  const repaired: Repair[] = [];
  let last: Repairs;
  let rounds = 0;
  do {
    last = await round(false);
    repaired.push(...last.repaired);
    rounds += 1;
  } while (last.repaired.length > 0 && rounds < mostRounds);
  return reportOf(name, false, { ...last, repaired });
}

interface Round {
  readonly name: string;
  readonly id: string;
  readonly dryRun: boolean;
  readonly deleteOrphans: boolean;
  readonly tell: TellProgress;
}

async function repairRound(mrc: VolumeAdministration, round: Round): Promise<Repairs> {
  const { name, id, tell } = round;
  const { messages, leftOut } = await allFindings(mrc, { name, content: false, tell });
  const repaired: Repair[] = [];
  const left: Repair[] = [];
  const ofUsage = messages.filter(({ kind }) => kind === 'usage');
  const inOrder = messages.toSorted((one, other) => order.indexOf(one.kind) - order.indexOf(other.kind));
  let recounted: RepairVolumeResponse | undefined;
  for (const [index, message] of inOrder.entries()) {
    tell(`Repairing ${name}: ${message.kind} ${progressBar(index, inOrder.length)}`);
    // All counters of the volume are one repair.
    const isUsage = ofUsage.includes(message);
    const answer = (isUsage ? recounted : undefined) ?? (await mrc.repair(name, message, round));
    if (isUsage) recounted = answer;
    const { outcome } = answer;
    if (outcome !== 'outdated')
      (outcome === 'repaired' ? repaired : left).push(repairOf(message, id, answer));
  }
  return { repaired, left, leftOut };
}

function repairOf(
  message: CheckVolumeResponse_Finding,
  id: string,
  { action, before }: RepairVolumeResponse,
): Repair {
  return { ...findingOf(message, id), action, before };
}

function reportOf(name: string, dryRun: boolean, { repaired, left, leftOut }: Repairs): Report {
  const isLeft = left.some(({ kind }) => !harmless.includes(kind)) || leftOut > 0;
  const isPartial = left.some(({ kind }) => kind === 'not-examined');
  const isWrong = isLeft || (dryRun && repaired.length > 0);
  const did = dryRun ? 'To be repaired' : 'Repaired';
  return {
    data: {
      name,
      dryRun,
      repaired: repaired.map((repair) => ({ ...repair })),
      left: left.map((repair) => ({ ...repair })),
      leftOut,
    },
    text: (terminal) =>
      (repaired.length === 0 ? '' : `${did}:\n${repairTable(repaired, terminal)}`) +
      (left.length === 0 ? '' : `Left as it is:\n${repairTable(left, terminal)}`) +
      (leftOut === 0 ? '' : `${leftOut} more of the same kinds were not looked at: repair again.\n`) +
      (repaired.length + left.length === 0 ? `Nothing is to be repaired in volume ${name}.\n` : ''),
    exitCode: isWrong ? 1 : isPartial ? 2 : 0,
  };
}

function repairTable(repairs: readonly Repair[], terminal: Terminal): string {
  return table(
    repairs,
    [
      { title: 'WHAT', value: ({ kind }) => kind },
      { title: 'PATH OR FILE', value: ({ path, file }) => path ?? file ?? '' },
      { title: 'OSD', value: ({ osd }) => osd ?? '' },
      { title: 'FOUND', value: ({ detail }) => detail, mayShrink: true },
      { title: 'REPAIR', value: ({ action }) => action, mayShrink: true },
    ],
    terminal,
    '',
  );
}
