import type { ExaminedHost } from './examined-host.ts';
import { type Finding, failure } from './finding.ts';

/**
 * Whether the loader takes a shared object, with all that it needs: it is preloaded into a program that does nothing. The
 * loader says on standard error what it could not load, and a symbol that is nowhere ends the program (ld.so(8)).
 */
export async function loadProblems(
  host: ExaminedHost,
  file: string,
  packageName: string,
): Promise<readonly Finding[]> {
  const { status, stderr } = await host.run('true', [], {
    environment: { LD_PRELOAD: file, LD_BIND_NOW: '1', XTREEMOS_NSS: 'off' },
  });
  const said = stderr
    .split('\n')
    .find((line) => line.includes('ERROR: ld.so') || line.includes('symbol lookup'));
  if (said === undefined && status === 0) return [];
  const why = said?.replace(/^.*?: (?=object|symbol)/, '') ?? `a program with it ends with ${status}`;
  return [
    failure(`${file} cannot be loaded: ${why}`, `apt install --reinstall ${packageName} (dnf reinstall)`),
  ];
}
