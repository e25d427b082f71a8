import { reasonOf, XosError } from '@xtreemos/base';
import type { DbusConnection, DbusValue } from '@xtreemos/dbus';

/** A property of a transient unit: name, D-Bus signature, value. */
export type UnitProperty = readonly [name: string, signature: string, value: DbusValue];

/** PID 1 as org.freedesktop.systemd1.Manager. */
export interface ServiceManager {
  /** Waits until the unit's start job is done. @throws XosError XOS_EXISTS, XOS_LAUNCH_FAILED */
  startTransientUnit(unit: string, properties: readonly UnitProperty[], uid: number): Promise<void>;
  /** @throws XosError XOS_NOT_FOUND, XOS_LAUNCH_FAILED */
  startUnit(unit: string, uid: number): Promise<void>;
  /** False when there is no such unit. */
  stopUnit(unit: string): Promise<boolean>;
  /** SIGKILL to all of its processes. False when there is no such unit. */
  killUnit(unit: string): Promise<boolean>;
  /** Forgets that a unit failed. False when there is no such unit. */
  resetFailedUnit(unit: string): Promise<boolean>;
  /** 0 when the unit has no main process. */
  mainPid(unit: string): Promise<number>;
  /** How a service fared when it last ran; undefined when it is not loaded: it ended well, or never ran. */
  outcome(unit: string): Promise<ServiceOutcome | undefined>;
}

export interface ServiceOutcome {
  /** `success`, `timeout`, `exit-code`, `signal`...: Result of org.freedesktop.systemd1.Service. */
  readonly result: string;
  /** What it said last by STATUS=; may be empty. */
  readonly statusText: string;
}

const destination = 'org.freedesktop.systemd1';
const managerPath = '/org/freedesktop/systemd1';
const managerInterface = 'org.freedesktop.systemd1.Manager';
const jobTimeoutMs = 100_000;
const sigkill = 9;

/** @param connect asked at the first request and again after it failed, so that a late bus delays nobody's start. */
export function createServiceManager(connect: () => Promise<DbusConnection>): ServiceManager {
  let opening: Promise<{ bus: DbusConnection; jobs: JobResults }> | undefined;

  function open(): Promise<{ bus: DbusConnection; jobs: JobResults }> {
    opening ??= openManager(connect).catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  }

  async function call(
    member: string,
    signature: string,
    body: readonly DbusValue[],
  ): Promise<readonly DbusValue[]> {
    const { bus } = await open();
    return await bus.call({
      destination,
      path: managerPath,
      interface: managerInterface,
      member,
      signature,
      body,
      timeoutMs: jobTimeoutMs,
    });
  }

  async function runJob(
    unit: string,
    member: string,
    signature: string,
    body: readonly DbusValue[],
    uid: number,
  ): Promise<void> {
    const { jobs } = await open();
    const [job] = await call(member, signature, body);
    const result = await jobs.wait(String(job));
    if (result !== 'done') {
      throw new XosError('XOS_LAUNCH_FAILED', { what: unit, uid, reason: `its job ended as "${result}"` });
    }
  }

  async function serviceProperty(path: string, name: string): Promise<DbusValue> {
    const { bus } = await open();
    return await bus.getProperty({ destination, path, interface: 'org.freedesktop.systemd1.Service', name });
  }

  async function unlessNoSuchUnit(action: () => Promise<unknown>): Promise<boolean> {
    try {
      await action();
      return true;
    } catch (error) {
      if (isBusError(error, 'org.freedesktop.systemd1.NoSuchUnit')) return false;
      throw error;
    }
  }

  return {
    async startTransientUnit(unit, properties, uid) {
      const variants = properties.map(([name, signature, value]) => [name, { signature, value }]);
      try {
        await runJob(unit, 'StartTransientUnit', 'ssa(sv)a(sa(sv))', [unit, 'fail', variants, []], uid);
      } catch (error) {
        if (isBusError(error, 'org.freedesktop.systemd1.UnitExists')) {
          throw new XosError('XOS_EXISTS', { what: 'Unit', name: unit }, { cause: error });
        }
        throw launchFailed(error, unit, uid);
      }
    },
    async startUnit(unit, uid) {
      try {
        await runJob(unit, 'StartUnit', 'ss', [unit, 'replace'], uid);
      } catch (error) {
        if (isBusError(error, 'org.freedesktop.systemd1.NoSuchUnit')) {
          throw new XosError('XOS_NOT_FOUND', { what: 'unit', name: unit }, { cause: error });
        }
        throw launchFailed(error, unit, uid);
      }
    },
    stopUnit: (unit) =>
      unlessNoSuchUnit(async () => {
        const { jobs } = await open();
        const [job] = await call('StopUnit', 'ss', [unit, 'replace']);
        await jobs.wait(String(job));
      }),
    killUnit: (unit) => unlessNoSuchUnit(() => call('KillUnit', 'ssi', [unit, 'all', sigkill])),
    resetFailedUnit: (unit) => unlessNoSuchUnit(() => call('ResetFailedUnit', 's', [unit])),
    async mainPid(unit) {
      const [path] = await call('GetUnit', 's', [unit]);
      return Number(await serviceProperty(String(path), 'MainPID'));
    },
    async outcome(unit) {
      let outcome: ServiceOutcome | undefined;
      await unlessNoSuchUnit(async () => {
        const path = String((await call('GetUnit', 's', [unit]))[0]);
        const [result, statusText] = await Promise.all([
          serviceProperty(path, 'Result'),
          serviceProperty(path, 'StatusText'),
        ]);
        outcome = { result: String(result), statusText: String(statusText) };
      });
      return outcome;
    },
  };
}

interface JobResults {
  wait(job: string): Promise<string>;
}

/** Results of the last jobs are kept, because JobRemoved may overtake the reply that names the job. */
const keptResults = 256;

async function openManager(
  connect: () => Promise<DbusConnection>,
): Promise<{ bus: DbusConnection; jobs: JobResults }> {
  const bus = await connect();
  const results = new Map<string, string>();
  const waiting = new Map<string, (result: string) => void>();
  await bus.subscribe(
    { sender: destination, path: managerPath, interface: managerInterface, member: 'JobRemoved' },
    ({ body }) => {
      const [, job, , result] = body.map(String);
      if (job === undefined || result === undefined) return;
      const waiter = waiting.get(job);
      if (waiter !== undefined) {
        waiting.delete(job);
        waiter(result);
        return;
      }
      results.set(job, result);
      const oldest = results.keys().next();
      if (results.size > keptResults && oldest.done !== true) results.delete(oldest.value);
    },
  );
  await bus.call({ destination, path: managerPath, interface: managerInterface, member: 'Subscribe' });
  return {
    bus,
    jobs: {
      wait: (job) =>
        new Promise((resolve, reject) => {
          const known = results.get(job);
          if (known !== undefined) {
            results.delete(job);
            resolve(known);
            return;
          }
          const timer = setTimeout(() => {
            waiting.delete(job);
            reject(
              new XosError('XOS_TIMEOUT', {
                what: 'PID 1',
                timeoutMs: jobTimeoutMs,
                attempt: `finish ${job}`,
              }),
            );
          }, jobTimeoutMs);
          waiting.set(job, (result) => {
            clearTimeout(timer);
            resolve(result);
          });
        }),
    },
  };
}

function isBusError(error: unknown, name: string): boolean {
  return error instanceof XosError && error.details['dbusName'] === name;
}

function launchFailed(error: unknown, unit: string, uid: number): XosError {
  if (error instanceof XosError && error.code !== 'XOS_REMOTE') return error;
  return new XosError('XOS_LAUNCH_FAILED', { what: unit, uid, reason: reasonOf(error) }, { cause: error });
}
