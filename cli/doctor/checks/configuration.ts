import { existsSync } from 'node:fs';
import type { Check } from '../check.ts';
import type { ExaminedHost } from '../examined-host.ts';
import { type Finding, failure, notInstalled, ok, unchecked, warning } from '../finding.ts';

/** What each daemon itself says of its configuration; a bad one keeps it from starting again. */
export const configuration: Check = {
  name: 'configuration',
  about: 'configuration files, as each daemon judges them, and the records of joined VOs',
  examine: async (host) => {
    const records = host.badRecords.map((reason) =>
      failure(reason, 'mend or remove the record; xos node join writes it anew'),
    );
    const daemons = [
      ...(host.parts.accounts ? ['accounts', 'helper'] : []),
      ...(host.parts.vo ? ['vo'] : []),
    ];
    const found = await Promise.all(daemons.map((daemon) => judge(host, daemon)));
    if (daemons.length === 0 && records.length === 0) return [notInstalled('a daemon of ours')];
    const all = [...records, ...found.flat()];
    return all.length === 0 ? [ok(`${daemons.map((name) => `xos-${name}`).join(', ')} accept theirs`)] : all;
  },
};

async function judge(host: ExaminedHost, daemon: string): Promise<readonly Finding[]> {
  const node = host.at('/usr/lib/xtreemos/bin/node');
  const bundle = host.at(`/usr/lib/xtreemos/daemons/${daemon}.js`);
  if (!existsSync(node) || !existsSync(bundle)) {
    return [unchecked(`xos-${daemon}: ${existsSync(node) ? bundle : node} is not there`)];
  }
  const { status, stderr } = await host.run(node, [bundle, '--check-config']);
  const lines = stderr
    .split('\n')
    .map((line) => line.replace(/^<\d>/, '').trim())
    .filter((line) => line !== '');
  const look = `xos config cat ${daemon}; then systemctl reload xos-${daemon}`;
  if (status === 2) return lines.map((line) => failure(line, look));
  if (status === null) return [unchecked(`xos-${daemon} --check-config gave no answer in time`)];
  if (status !== 0)
    return [unchecked(`xos-${daemon} --check-config did not end as it should (${lines[0] ?? ''})`)];
  return lines.map((line) => warning(line, look));
}
