/**
 * PID 1 as far as xos-helper needs it for home volumes, where the sandbox has none: org.freedesktop.systemd1 on a bus of its own, running
 * what systemd/system/xos-home@.service says. Everything else that is asked about has never been loaded.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { XosError } from '@xtreemos/base';
import { connectBus, type DbusValue, startPrivateBus } from '@xtreemos/dbus';
import { type Daemon, startDaemon } from './daemon.ts';
import { command } from './one-host-grid.ts';

const checkout = path.resolve(import.meta.dirname, '../..');
const managerPath = '/org/freedesktop/systemd1';

/** An error of systemd's own name. */
class NoSuchUnit extends XosError<'XOS_NOT_FOUND'> {
  override get dbusName(): string {
    return 'org.freedesktop.systemd1.NoSuchUnit';
  }
}

export interface HomeUnitManager {
  /** BusAddress= of helper.conf. */
  readonly address: string;
  readonly units: ReadonlyMap<string, Daemon>;
  /** Why jobs failed, with what the unit said. */
  readonly failures: readonly string[];
  stop(): Promise<void>;
}

export async function startHomeUnitManager(): Promise<HomeUnitManager> {
  const bus = await startPrivateBus();
  const connection = await connectBus({ address: bus.address });
  const units = new Map<string, Daemon>();
  const failures: string[] = [];
  let jobs = 0;

  async function start(unit: string): Promise<void> {
    if (units.has(unit)) return;
    const [words, environment] = commandOf('ExecStart', unit);
    const daemon = await startDaemon({
      name: unit,
      command: expanded(words, environment),
      readyWithinMs: 10_000,
    });
    units.set(unit, daemon);
  }

  async function stop(unit: string): Promise<void> {
    const daemon = units.get(unit);
    if (daemon === undefined) return;
    await daemon.stop();
    units.delete(unit);
    const [words, environment] = commandOf('ExecStopPost', unit);
    await command(expanded(words, environment));
  }

  const known = (unit: string) => {
    if (!units.has(unit)) throw new NoSuchUnit('XOS_NOT_FOUND', { what: 'unit', name: unit });
  };
  const job = (unit: string, work: Promise<void>): readonly DbusValue[] => {
    const number = ++jobs;
    const name = `${managerPath}/job/${number}`;
    const end = (result: string) => exported.emit('JobRemoved', [number, name, unit, result]);
    work.then(
      () => end('done'),
      (error: unknown) => {
        failures.push(String(error));
        end('failed');
      },
    );
    return [name];
  };
  const exported = connection.exportInterface(managerPath, {
    name: 'org.freedesktop.systemd1.Manager',
    methods: {
      Subscribe: { handle: () => [] },
      StartUnit: {
        input: { name: 's', mode: 's' },
        output: { job: 'o' },
        handle: ([unit]) => job(String(unit), start(String(unit))),
      },
      StopUnit: {
        input: { name: 's', mode: 's' },
        output: { job: 'o' },
        handle: ([unit]) => {
          known(String(unit));
          return job(String(unit), stop(String(unit)));
        },
      },
      KillUnit: {
        input: { name: 's', who: 's', signal: 'i' },
        handle: ([unit]) => {
          known(String(unit));
          return [];
        },
      },
      ResetFailedUnit: {
        input: { name: 's' },
        handle: ([unit]) => {
          known(String(unit));
          return [];
        },
      },
      GetUnit: {
        input: { name: 's' },
        output: { unit: 'o' },
        handle: ([unit]) => {
          known(String(unit));
          return [`${managerPath}/unit/one`];
        },
      },
    },
    signals: { JobRemoved: { id: 'u', job: 'o', unit: 's', result: 's' } },
  });
  await connection.ownName('org.freedesktop.systemd1');
  return {
    address: bus.address,
    units,
    failures,
    async stop() {
      await Promise.all([...units.keys()].map(stop));
      await connection.close();
      await bus.remove();
    },
  };
}

/** The words of a line of the unit, and what its EnvironmentFile= holds. */
function commandOf(key: string, unit: string): readonly [readonly string[], ReadonlyMap<string, string>] {
  const text = readFileSync(`${checkout}/systemd/system/xos-home@.service`, 'utf8');
  const setting = (name: string) => new RegExp(`^${name}=-?(.*)$`, 'm').exec(text)?.[1] ?? '';
  const instance = /@(.*)\.service$/.exec(unit)?.[1] ?? '';
  const file = setting('EnvironmentFile').replace('%i', instance);
  const lines = readFileSync(file, 'utf8').matchAll(/^([A-Z_]+)="(.*)"$/gm);
  const environment = new Map([...lines].map(([, name = '', value = '']) => [name, value]));
  // The packages carry a bundle.
  const words = setting(key).replace(
    '/usr/lib/xtreemos/daemons/mount.js',
    `${checkout}/daemons/mount/main.ts`,
  );
  return [words.split(' '), environment];
}

function expanded(words: readonly string[], environment: ReadonlyMap<string, string>): readonly string[] {
  return words.map((word) =>
    word.replace(/^\$\{(\w+)\}$/, (_all, name: string) => environment.get(name) ?? ''),
  );
}
