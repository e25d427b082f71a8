import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { isXosError, XosError } from '@xtreemos/base';
import {
  connectBus,
  type DbusConnection,
  type DbusValue,
  type PrivateBus,
  startPrivateBus,
} from '@xtreemos/dbus';
import type { StartServiceRequest } from '@xtreemos/helper-client';
import { endAccount } from './account-end.ts';
import { createServiceManager, type ServiceManager } from './service-manager.ts';
import { createSystemdServices } from './user-services.ts';

const uid = 2_030_043_210;
const path = '/org/freedesktop/systemd1';
const options = { homeRoot: '/home', stdioDirectory: '/run/xtreemos/exec', pamService: 'xos-exec' };
const request: StartServiceRequest = {
  type: 'start-service',
  name: 'job-1',
  uid,
  gid: uid,
  loginName: 'alice@physics',
  supplementaryGids: [2_013_265_920],
  command: ['/bin/echo', 'a b', '%h $HOME'],
  environment: { LANG: 'C', HOME: '/elsewhere' },
  workingDirectory: 'work',
  limits: { memoryBytes: 2 ** 30, tasks: 5, cpuPercent: 150, runtimeSeconds: 60, openFiles: 99 },
  stdio: 'sockets',
};

/** An error of systemd's own name. */
class SystemdError extends XosError<'XOS_NOT_FOUND'> {
  readonly #name: string;

  constructor(name: string) {
    super('XOS_NOT_FOUND', { what: 'unit', name });
    this.#name = name;
  }

  override get dbusName(): string {
    return `org.freedesktop.systemd1.${this.#name}`;
  }
}

/** What this test needs of org.freedesktop.systemd1, in systemd's own signatures. */
class FakeSystemd {
  readonly calls: (readonly DbusValue[])[] = [];
  readonly units = new Set<string>([`user-${uid}.slice`, `user@${uid}.service`, `xos-home@${uid}.service`]);
  jobResult = 'done';
  /** systemd may send JobRemoved before the reply that names the job. */
  signalsFirst = false;
  #jobs = 0;
  readonly #bus: DbusConnection;

  constructor(bus: DbusConnection) {
    this.#bus = bus;
    const exported = bus.exportInterface(path, {
      name: 'org.freedesktop.systemd1.Manager',
      methods: {
        Subscribe: { handle: () => [] },
        StartTransientUnit: {
          input: { name: 's', mode: 's', properties: 'a(sv)', aux: 'a(sa(sv))' },
          output: { job: 'o' },
          handle: (args) => {
            const unit = String(args[0]);
            if (this.units.has(unit)) throw new SystemdError('UnitExists');
            this.units.add(unit);
            return this.#job('StartTransientUnit', args);
          },
        },
        StartUnit: {
          input: { name: 's', mode: 's' },
          output: { job: 'o' },
          handle: (args) => this.#known(args) ?? this.#job('StartUnit', args),
        },
        StopUnit: {
          input: { name: 's', mode: 's' },
          output: { job: 'o' },
          handle: (args) => this.#known(args) ?? this.#job('StopUnit', args),
        },
        KillUnit: {
          input: { name: 's', who: 's', signal: 'i' },
          handle: (args) => {
            this.#known(args);
            this.calls.push(['KillUnit', ...args]);
            return [];
          },
        },
        ResetFailedUnit: {
          input: { name: 's' },
          handle: (args) => {
            this.#known(args);
            this.calls.push(['ResetFailedUnit', ...args]);
            return [];
          },
        },
        GetUnit: {
          input: { name: 's' },
          output: { unit: 'o' },
          handle: (args) => this.#known(args) ?? [`${path}/unit/one`],
        },
      },
      signals: { JobRemoved: { id: 'u', job: 'o', unit: 's', result: 's' } },
    });
    bus.exportInterface(`${path}/unit/one`, {
      name: 'org.freedesktop.systemd1.Service',
      properties: {
        MainPID: { signature: 'u', get: () => 4711 },
        Result: { signature: 's', get: () => 'exit-code' },
        StatusText: { signature: 's', get: () => 'no DIR answers' },
      },
    });
    this.#emit = (job, unit) => exported.emit('JobRemoved', [this.#jobs, job, unit, this.jobResult]);
  }

  readonly #emit: (job: string, unit: string) => void;

  #known([unit]: readonly DbusValue[]): undefined {
    if (!this.units.has(String(unit))) throw new SystemdError('NoSuchUnit');
    return undefined;
  }

  #job(member: string, args: readonly DbusValue[]): readonly DbusValue[] {
    this.calls.push([member, ...args]);
    const job = `${path}/job/${++this.#jobs}`;
    if (this.signalsFirst) this.#emit(job, String(args[0]));
    else setImmediate(() => this.#emit(job, String(args[0])));
    return [job];
  }

  async start(): Promise<void> {
    await this.#bus.ownName('org.freedesktop.systemd1');
  }
}

let bus: PrivateBus;
let server: DbusConnection;
let client: DbusConnection;
let systemd: FakeSystemd;
let manager: ServiceManager;

before(async () => {
  bus = await startPrivateBus();
});
after(() => bus.remove());
beforeEach(async () => {
  server = await connectBus({ address: bus.address });
  systemd = new FakeSystemd(server);
  await systemd.start();
  client = await connectBus({ address: bus.address });
  manager = createServiceManager(() => Promise.resolve(client));
});
afterEach(async () => {
  await client.close();
  await server.close();
});

test('a service is a transient unit of the user, with PAM, limits and streams by their D-Bus types', async () => {
  const services = createSystemdServices(manager, options);
  const unit = `xos-job-${uid}-job-1.service`;
  assert.deepEqual(await services.start(request), { unit, startedBy: 'systemd', mainPid: 4711 });
  const [member, name, mode, properties] = systemd.calls[0] ?? [];
  assert.deepEqual([member, name, mode], ['StartTransientUnit', unit, 'fail']);
  const sent = new Map(
    (properties as [string, { signature: string; value: unknown }][]).map(([key, { signature, value }]) => [
      key,
      [signature, value],
    ]),
  );
  const home = '/home/physics/alice';
  const expected: Readonly<Record<string, readonly [string, unknown]>> = {
    User: ['s', String(uid)],
    Group: ['s', String(uid)],
    SupplementaryGroups: ['as', ['2013265920']],
    PAMName: ['s', 'xos-exec'],
    Slice: ['s', `user-${uid}.slice`],
    WorkingDirectory: ['s', `${home}/work`],
    ExecStart: ['a(sasb)', [['/bin/echo', ['/bin/echo', 'a b', '%h $HOME'], false]]],
    StandardOutputFile: ['s', '/run/xtreemos/exec/job-1/stdout'],
    MemoryMax: ['t', 2n ** 30n],
    TasksMax: ['t', 5n],
    CPUQuotaPerSecUSec: ['t', 1_500_000n],
    RuntimeMaxUSec: ['t', 60_000_000n],
    LimitNOFILE: ['t', 99n],
  };
  for (const [key, value] of Object.entries(expected)) assert.deepEqual(sent.get(key), value, key);
  const environment = (sent.get('Environment') ?? [])[1] as string[];
  assert.ok(environment.includes(`HOME=${home}`));
  assert.equal(sent.has('LimitCORE'), false);

  await assert.rejects(services.start(request), (error) => isXosError(error, 'XOS_EXISTS'));
  assert.deepEqual(await services.stop({ type: 'stop-service', name: 'job-1', uid }), { stopped: true });
  const foreign = { type: 'stop-service', name: 'job-1', uid: uid + 1 } as const;
  assert.deepEqual(await services.stop(foreign), { stopped: false });
});

test('a job that ends otherwise than done says so', async () => {
  systemd.jobResult = 'failed';
  await assert.rejects(createSystemdServices(manager, options).start(request), (error) => {
    assert.ok(isXosError(error, 'XOS_LAUNCH_FAILED'));
    assert.match(error.message, /"failed"/);
    return true;
  });
});

test('a result that overtakes the reply naming its job is not missed', async () => {
  systemd.signalsFirst = true;
  await manager.startUnit(`xos-home@${uid}.service`, uid);
});

test('a unit that does not exist is not started, and stopping it is no failure', async () => {
  await assert.rejects(manager.startUnit('xos-home@1.service', uid), (error) =>
    isXosError(error, 'XOS_NOT_FOUND'),
  );
  assert.equal(await manager.stopUnit('absent.service'), false);
});

test('how a unit ended is asked of it, unless it is forgotten', async () => {
  assert.deepEqual(await manager.outcome(`xos-home@${uid}.service`), {
    result: 'exit-code',
    statusText: 'no DIR answers',
  });
  assert.equal(await manager.outcome('xos-home@1.service'), undefined);
});

test('the end of an account kills and stops its slice, then every process of the uid', async () => {
  const killed: number[] = [];
  const launcher = {
    killUid: async (id: number) => {
      killed.push(id);
      return 0;
    },
    removeLeftovers: () => assert.fail(),
    run: () => assert.fail(),
  };
  const reply = await endAccount(uid, { tree: undefined, manager, launcher, isLeased: () => true });
  assert.deepEqual(reply, { cgroupsKilled: 0, sliceStopped: true, processesLeft: 0 });
  assert.deepEqual(systemd.calls, [
    ['KillUnit', `user-${uid}.slice`, 'all', 9],
    ['StopUnit', `user-${uid}.slice`, 'replace'],
    ['ResetFailedUnit', `user@${uid}.service`],
  ]);
  assert.deepEqual(killed, [uid]);
  assert.equal(
    (await endAccount(uid + 1, { tree: undefined, manager, launcher, isLeased: () => true })).sliceStopped,
    false,
  );
});

test('a bus that is not there yet is asked again', async () => {
  let attempts = 0;
  const late = createServiceManager(async () => {
    if (++attempts === 1) throw new XosError('XOS_UNREACHABLE', { what: 'bus', address: '', reason: 'late' });
    return client;
  });
  await assert.rejects(late.stopUnit('absent.service'), (error) => isXosError(error, 'XOS_UNREACHABLE'));
  assert.equal(await late.stopUnit('absent.service'), false);
});
