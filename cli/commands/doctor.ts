import { Argument } from 'commander';
import { allChecks } from '../doctor/checks.ts';
import { doctorReport } from '../doctor/doctor-report.ts';
import { examine } from '../doctor/examination.ts';
import { thisHost } from '../doctor/this-host.ts';
import type { Invocation, Perform } from '../invocation.ts';
import type { Report } from '../output/report.ts';
import { addCommand, type XosCommand } from '../xos-command.ts';

export function addDoctorCommand(program: XosCommand, perform: Perform): void {
  const names = allChecks.map(({ name }) => name);
  addCommand(program, 'doctor', {
    summary: 'examine this host, and say what to do about what is wrong',
    description:
      'Examine this host: a line for each thing looked at, and what to do about each that is wrong. Changes nothing, needs ' +
      'no daemon, takes a few seconds. Some checks need root. Exits with 1 where something failed.',
    examples: [
      ['sudo xos doctor', 'everything'],
      ['sudo xos doctor clock service crl', 'these checks only'],
      ['sudo xos doctor --json=pretty', ''],
    ],
  })
    .addArgument(new Argument('[check...]', 'names of checks (default: all)').choices(names))
    .addHelpText('after', `\nChecks:\n${allChecks.map(helpLine).join('\n')}`)
    .action(perform(doctor));
}

const helpLine = ({ name, about }: (typeof allChecks)[number]): string => `  ${name.padEnd(14)} ${about}`;

async function doctor(invocation: Invocation, _options: unknown, names: readonly string[]): Promise<Report> {
  const chosen = allChecks.filter(({ name }) => names.length === 0 || names.includes(name));
  const host = thisHost(invocation, invocation.root);
  const results = await invocation.slowly('Examining this host', () => examine(host, chosen));
  return doctorReport(results);
}
