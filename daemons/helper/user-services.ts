import { mkdir, writeFile } from 'node:fs/promises';
import { XosError } from '@xtreemos/base';
import type {
  ServiceLimits,
  StartServiceReply,
  StartServiceRequest,
  StopServiceReply,
  StopServiceRequest,
} from '@xtreemos/helper-client';
import { type CgroupTree, hasController } from './cgroup-tree.ts';
import type { Launcher, StartedProgram } from './launcher.ts';
import { splitLoginName } from './login-name.ts';
import type { ServiceManager, UnitProperty } from './service-manager.ts';

/** Programs of users, started by PID 1 or, where that is not systemd, by the launcher. */
export interface UserServices {
  start(request: StartServiceRequest): Promise<StartServiceReply>;
  stop(request: StopServiceRequest): Promise<StopServiceReply>;
}

export interface UserServiceOptions {
  /** `/home` */
  readonly homeRoot: string;
  /** `/run/xtreemos/exec`: `<name>/stdin`, `stdout`, `stderr` beneath it are the service's streams. */
  readonly stdioDirectory: string;
  /** `xos-exec` */
  readonly pamService: string;
}

/** The uid is part of the name: who names another account's service finds none. */
export function unitOf({ uid, name }: { readonly uid: number; readonly name: string }): string {
  return `xos-job-${uid}-${name}.service`;
}

export function createSystemdServices(manager: ServiceManager, options: UserServiceOptions): UserServices {
  return {
    async start(request) {
      const unit = unitOf(request);
      await manager.startTransientUnit(unit, unitProperties(request, options), request.uid);
      // A short program may have ended and its unit be gone by now.
      const mainPid = await manager.mainPid(unit).catch(() => 0);
      return { unit, startedBy: 'systemd', mainPid };
    },
    async stop(request) {
      return { stopped: await manager.stopUnit(unitOf(request)) };
    },
  };
}

/** systemd.exec(5), systemd.resource-control(5), by their D-Bus names. Nothing here is text of the caller's choosing. */
export function unitProperties(
  request: StartServiceRequest,
  options: UserServiceOptions,
): readonly UnitProperty[] {
  const [program = '', ...others] = request.command;
  const home = homeOf(request, options);
  const directory = `${options.stdioDirectory}/${request.name}`;
  const stdio: readonly UnitProperty[] =
    request.stdio === 'sockets'
      ? [
          ['StandardInputFile', 's', `${directory}/stdin`],
          ['StandardOutputFile', 's', `${directory}/stdout`],
          ['StandardErrorFile', 's', `${directory}/stderr`],
        ]
      : [
          ['StandardInput', 's', 'null'],
          ['StandardOutput', 's', 'null'],
          ['StandardError', 's', 'null'],
        ];
  return [
    ['Description', 's', `XtreemOS job ${request.name} of ${request.loginName}`],
    ['Type', 's', 'exec'],
    ['Slice', 's', `user-${request.uid}.slice`],
    ['CollectMode', 's', 'inactive-or-failed'],
    ['User', 's', String(request.uid)],
    ['Group', 's', String(request.gid)],
    ['SupplementaryGroups', 'as', request.supplementaryGids.map(String)],
    ['PAMName', 's', options.pamService],
    ['WorkingDirectory', 's', workingDirectory(request, home)],
    [
      'Environment',
      'as',
      Object.entries(environmentOf(request, home)).map(([name, value]) => `${name}=${value}`),
    ],
    ['ExecStart', 'a(sasb)', [[program, [program, ...others], false]]],
    ...stdio,
    ...limitProperties(request.limits),
  ];
}

const limitUnits: readonly (readonly [keyof ServiceLimits, string, number])[] = [
  ['memoryBytes', 'MemoryMax', 1],
  ['tasks', 'TasksMax', 1],
  ['cpuPercent', 'CPUQuotaPerSecUSec', 10_000],
  ['runtimeSeconds', 'RuntimeMaxUSec', 1_000_000],
  ['openFiles', 'LimitNOFILE', 1],
  ['fileSizeBytes', 'LimitFSIZE', 1],
  ['coreSizeBytes', 'LimitCORE', 1],
  ['cpuSeconds', 'LimitCPU', 1],
];

function limitProperties(limits: ServiceLimits): readonly UnitProperty[] {
  return limitUnits.flatMap(([name, property, factor]) => {
    const value = limits[name];
    return value === undefined ? [] : [[property, 't', BigInt(value) * BigInt(factor)] as const];
  });
}

export function createLauncherServices(
  launcher: Launcher,
  tree: CgroupTree | undefined,
  options: UserServiceOptions,
): UserServices {
  const running = new Map<string, StartedProgram>();
  return {
    async start(request) {
      if (tree === undefined) {
        throw new XosError('XOS_NOT_SUPPORTED', {
          what: 'Starting services',
          reason: 'no cgroup2 is mounted',
        });
      }
      const unit = unitOf(request);
      if (running.has(unit)) throw new XosError('XOS_EXISTS', { what: 'Service', name: unit });
      const cgroup = await makeServiceCgroup(tree, request);
      try {
        const program = await launcher.run({
          uid: request.uid,
          options: launcherOptions(request, cgroup, options),
          command: request.command,
          environment: environmentOf(request, homeOf(request, options)),
        });
        running.set(unit, program);
        void program.ended.then(() => running.delete(unit));
        return { unit, startedBy: 'launcher', mainPid: program.launcherPid };
      } catch (error) {
        await tree.pruneOne(request.uid, cgroupName(request.name));
        throw error;
      }
    },
    async stop(request) {
      const program = running.get(unitOf(request));
      if (program !== undefined) {
        program.stop();
        await program.ended;
        return { stopped: true };
      }
      // Started before this process was: no parent of ours to ask, so at once.
      return { stopped: (await tree?.killOne(request.uid, cgroupName(request.name))) ?? false };
    },
  };
}

function launcherOptions(
  request: StartServiceRequest,
  cgroup: string,
  options: UserServiceOptions,
): readonly string[] {
  const { limits } = request;
  const resourceLimits = [
    ['open-files', limits.openFiles],
    ['file-size', limits.fileSizeBytes],
    ['core-size', limits.coreSizeBytes],
    ['cpu-seconds', limits.cpuSeconds],
  ] as const;
  return [
    ...['--uid', String(request.uid), '--gid', String(request.gid), '--login-name', request.loginName],
    ...['--directory', workingDirectory(request, homeOf(request, options)), '--cgroup', cgroup],
    ...['--pam-service', options.pamService],
    ...(request.supplementaryGids.length > 0 ? ['--groups', request.supplementaryGids.join(',')] : []),
    ...(request.stdio === 'sockets' ? ['--stdio', `${options.stdioDirectory}/${request.name}`] : []),
    ...(limits.runtimeSeconds === undefined ? [] : ['--runtime-seconds', String(limits.runtimeSeconds)]),
    ...resourceLimits.flatMap(([name, value]) =>
      value === undefined ? [] : ['--limit', `${name}=${value}`],
    ),
  ];
}

/** No session id begins with an underscore. */
function cgroupName(service: string): string {
  return `_job-${service}`;
}

const cpuPeriodUs = 100_000;

async function makeServiceCgroup(tree: CgroupTree, request: StartServiceRequest): Promise<string> {
  const { memoryBytes, tasks, cpuPercent } = request.limits;
  const wanted = [
    ['memory', 'memory.max', memoryBytes],
    ['pids', 'pids.max', tasks],
    [
      'cpu',
      'cpu.max',
      cpuPercent === undefined ? undefined : `${cpuPercent * (cpuPeriodUs / 100)} ${cpuPeriodUs}`,
    ],
  ] as const;
  const accountCgroup = `${tree.directory}/${request.uid}`;
  await mkdir(accountCgroup, { recursive: true });
  for (const [controller, , value] of wanted) {
    if (value === undefined) continue;
    for (const parent of [tree.directory, accountCgroup]) {
      // Refused where the controller is not ours to give; the limit's file is then missing below.
      await writeFile(`${parent}/cgroup.subtree_control`, `+${controller}`).catch(() => undefined);
    }
  }
  const cgroup = await tree.make(request.uid, cgroupName(request.name));
  for (const [controller, file, value] of wanted) {
    if (value === undefined) continue;
    if (!(await hasController(cgroup, file))) {
      await tree.pruneOne(request.uid, cgroupName(request.name));
      throw new XosError('XOS_NOT_SUPPORTED', {
        what: `The limit ${file}`,
        reason: `the cgroup2 tree at ${tree.directory} has no ${controller} controller`,
      });
    }
    await writeFile(`${cgroup}/${file}`, String(value));
  }
  return cgroup;
}

function homeOf(request: StartServiceRequest, options: UserServiceOptions): string {
  const { user, alias } = splitLoginName(request.loginName);
  return `${options.homeRoot}/${alias}/${user}`;
}

function workingDirectory(request: StartServiceRequest, home: string): string {
  return request.workingDirectory === '' ? home : `${home}/${request.workingDirectory}`;
}

/** What login(1) would set stands beneath what the job sets. */
function environmentOf(request: StartServiceRequest, home: string): Readonly<Record<string, string>> {
  return {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    SHELL: '/bin/sh',
    ...request.environment,
    HOME: home,
    USER: request.loginName,
    LOGNAME: request.loginName,
  };
}
