import type { VoState } from '@xtreemos/accounts-client';
import { isXosError, reasonOf } from '@xtreemos/base';
import { withAccounts } from '../accounts-connection.ts';
import type { Invocation, Perform } from '../invocation.ts';
import { joinedVos } from '../node/node-status.ts';
import type { Report } from '../output/report.ts';
import { stableJson } from '../output/stable-json.ts';
import { table } from '../output/table.ts';
import type { Terminal } from '../output/terminal.ts';
import { durationText } from '../output/time-text.ts';
import { type DaemonState, daemonStates } from '../session/daemon-state.ts';
import { voProblems } from '../session/vo-problems.ts';
import { addCommand, type XosCommand } from '../xos-command.ts';

export function addStatusCommand(program: XosCommand, perform: Perform): void {
  addCommand(program, 'status', {
    summary: 'how this host is doing, and what to do about problems',
    description:
      'How this host is doing: daemons, VOs and their services, ages of membership and revocation lists; and each problem ' +
      'with what to do. Exits with 1 where there is one.',
    examples: [['xos status --json=pretty', '']],
  }).action(perform(status));
}

async function status(invocation: Invocation): Promise<Report> {
  const nowMs = invocation.nowMs();
  const daemons = await daemonStates(invocation.paths);
  const joined = joinedVos(invocation.paths, nowMs);
  const problems: string[] = [...daemons.flatMap(({ problem }) => (problem === null ? [] : [problem]))];
  for (const { vo, problems: list } of joined) problems.push(...list.map((problem) => `${vo}: ${problem}`));

  let vos: readonly VoState[] = [];
  if (joined.length > 0) {
    try {
      vos = await withAccounts(invocation, (client) => client.vos());
      problems.push(
        ...voProblems(
          vos,
          joined.map(({ vo }) => vo),
          nowMs,
        ).map(({ text, action }) => `${text}; ${action}`),
      );
    } catch (error) {
      if (!isXosError(error)) throw error;
      problems.push(`xos-accounts could not be asked over D-Bus: ${reasonOf(error)}`);
    }
  }
  return {
    data: { daemons: daemons.map(stableJson), vos: vos.map(stableJson), problems },
    exitCode: problems.length > 0 ? 1 : 0,
    text: (terminal) => statusText(daemons, vos, problems, nowMs, terminal),
  };
}

function statusText(
  daemons: readonly DaemonState[],
  vos: readonly VoState[],
  problems: readonly string[],
  nowMs: number,
  terminal: Terminal,
): string {
  const { paint } = terminal;
  const age = (timeMs: number | undefined): string =>
    timeMs === undefined ? 'never' : `${durationText(nowMs - timeMs)} ago`;
  const parts = [
    table(
      daemons,
      [
        { title: 'DAEMON', value: ({ name }) => name },
        { title: 'STATE', value: ({ state }) => state },
        { title: 'SOCKET', value: ({ socket }) => socket, mayShrink: true },
      ],
      terminal,
      '',
    ),
    table(
      vos,
      [
        { title: 'VO', value: ({ vo }) => vo },
        { title: 'ALIAS', value: ({ alias }) => alias },
        { title: 'SERVICE', value: ({ connected }) => (connected ? 'connected' : 'not connected') },
        { title: 'MEMBERS', value: ({ members }) => String(members), align: 'right' },
        { title: 'LIST', value: ({ lastListAtMs }) => age(lastListAtMs) },
        {
          title: 'CRL',
          value: ({ crlAgeMs }) => (crlAgeMs === undefined ? 'none' : `${durationText(crlAgeMs)} old`),
        },
      ],
      terminal,
      'No VO is in use on this host.',
    ),
    problems.length === 0
      ? `${paint.good('No problems.')}\n`
      : problems.map((problem) => `${paint.bad('problem')}: ${problem}\n`).join(''),
  ];
  return parts.join('\n');
}
