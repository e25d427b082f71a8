import type { ExaminedHost } from './examined-host.ts';

/** A unit as systemctl(1) `show` gives it. */
export interface UnitState {
  /** loaded, not-found, masked, bad-setting */
  readonly load: string;
  /** active, inactive, failed, activating... */
  readonly active: string;
  readonly result: string;
  /** enabled, disabled, static... */
  readonly enabled: string;
  /** By Restart=, since the unit was started by hand or at boot. */
  readonly restarts: number;
  /** When its main process began; undefined where there is none. */
  readonly startedAtMs: number | undefined;
}

/** undefined where systemd does not answer. */
export async function unitStates(
  host: ExaminedHost,
  names: readonly string[],
): Promise<ReadonlyMap<string, UnitState> | undefined> {
  const wanted = 'Id,LoadState,ActiveState,Result,UnitFileState,NRestarts,ExecMainStartTimestamp,MainPID';
  const outcome = await host.run('systemctl', [
    'show',
    '--no-pager',
    '--timestamp=unix',
    `--property=${wanted}`,
    ...names,
  ]);
  if (outcome.status !== 0) return undefined;
  const states = new Map<string, UnitState>();
  for (const block of outcome.stdout.trim().split(/\n\n+/)) {
    const fields = new Map(block.split('\n').map((line) => splitAtEquals(line)));
    const started = Number(fields.get('ExecMainStartTimestamp')?.replace('@', '') ?? '');
    const isRunning = (fields.get('MainPID') ?? '0') !== '0';
    states.set(fields.get('Id') ?? '', {
      load: fields.get('LoadState') ?? '',
      active: fields.get('ActiveState') ?? '',
      result: fields.get('Result') ?? '',
      enabled: fields.get('UnitFileState') ?? '',
      restarts: Number(fields.get('NRestarts') ?? 0),
      startedAtMs: isRunning && started > 0 ? started * 1000 : undefined,
    });
  }
  return states;
}

function splitAtEquals(line: string): readonly [string, string] {
  const at = line.indexOf('=');
  return [line.slice(0, at), line.slice(at + 1)];
}
