/** Commands as transient services: in a unit, a cgroup and an environment of their own, as nothing started from outside is. */

export interface RunOptions {
  /** Local or grid user; root where absent. */
  readonly user?: string;
  readonly input?: string;
  /** 60 s where absent; the command is ended then. */
  readonly timeoutMs?: number;
}

/** The words by which a system's root has its systemd run a shell command line, with the caller's input and outputs. */
export function transientService(
  line: string,
  options: { readonly user?: string; readonly timeoutMs: number },
): string[] {
  return [
    'systemd-run',
    '--quiet',
    '--pipe',
    '--wait',
    '--collect',
    '--service-type=exec',
    '--property=DefaultDependencies=no',
    `--property=RuntimeMaxSec=${Math.ceil(options.timeoutMs / 1000)}`,
    ...(options.user === undefined ? ['--setenv=HOME=/root'] : [`--uid=${options.user}`]),
    ...['--', '/bin/sh', '-c', line],
  ];
}
