import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import {
  createMetrics,
  createServiceSockets,
  type Logger,
  type ManualClock,
  manualClock,
  parseConfiguration,
  silentLogger,
  XosError,
} from '@xtreemos/base';
import type { Helper } from '@xtreemos/helper-client';
import {
  type DaemonMessage,
  encodeMessage,
  FrameReader,
  type ModuleMessage,
  readNssMap,
} from '@xtreemos/module-protocol';
import { memfd } from '@xtreemos/native-sys';
import { temporaryDirectory } from './account-fixtures.ts';
import { AccountsService } from './accounts-service.ts';
import { accountsConfiguration } from './configuration.ts';
import type { FakeVo } from './grid-fixtures.ts';

/** What the helper was asked, and what it pretends to have. For tests. */
export class FakeHelper {
  readonly files = new Map<string, Buffer>();
  readonly calls: string[] = [];
  readonly sessions = new Map<string, string>();
  readonly homes = new Set<string>();
  readonly revokedKeys: number[] = [];
  map: Buffer | undefined;
  down = false;
  /** What happens before a leader is in its cgroup. */
  placing: () => Promise<void> = async () => undefined;
  readonly mountedHomes = new Set<number>();
  /** Where it notes them. */
  homeVolumeDirectory = '';
  /** What happens before a home volume is mounted, and unmounted. */
  mounting: () => Promise<void> = async () => undefined;
  unmounting: () => Promise<void> = async () => undefined;
  /** What happens before a home is there. */
  makingHome: () => Promise<void> = async () => undefined;

  get helper(): Helper {
    const note = (call: string) => {
      if (this.down)
        throw new XosError('XOS_UNREACHABLE', { what: 'xos-helper', address: 'nowhere', reason: 'down' });
      this.calls.push(call);
    };
    const unused = (): never => {
      throw new Error('not asked by xos-accounts');
    };
    return {
      listCredentialFiles: async () => {
        note('list');
        const files = [...this.files].map(([name, { length }]) => ({
          name,
          directory: '/media',
          sizeBytes: length,
          modifiedMs: 0,
        }));
        return { files, truncated: false };
      },
      openCredentialFile: async (name) => {
        note(`open ${name}`);
        const content = this.files.get(name);
        if (content === undefined)
          throw new XosError('XOS_CREDENTIAL_MISSING', { who: 'this login', where: name });
        const descriptor = memfd('credential');
        writeSync(descriptor, content);
        return { descriptor, path: `/media/${name}`, sizeBytes: content.length };
      },
      makeHome: async ({ uid, loginName }) => {
        note(`home ${loginName}`);
        await this.makingHome();
        this.homes.add(`${loginName} ${uid}`);
        return { home: `/home/${loginName}`, created: true };
      },
      writeSession: async ({ uid, sessionId }, credential) => {
        note('write-session');
        this.sessions.set(sessionId, Buffer.from(credential).toString('latin1'));
        const directory = `/run/xtreemos/session/${uid}/${sessionId}`;
        return { directory, proxyPath: `${directory}/proxy.pem` };
      },
      removeSession: async ({ sessionId }) => {
        note('remove-session');
        return { removed: this.sessions.delete(sessionId) };
      },
      listSessions: async () => {
        note('list-sessions');
        const sessions = [...this.sessions.keys()].map((sessionId) => ({ uid: 2_030_043_136, sessionId }));
        return { sessions, isMore: false };
      },
      revokeKeys: async (serials) => {
        note('revoke-keys');
        this.revokedKeys.push(...serials);
        return { revoked: serials, absent: [], refused: [] };
      },
      publishMap: async (map) => {
        note('publish-map');
        this.map = Buffer.from(map);
        return { path: '/run/xtreemos/nss/accounts.map', sizeBytes: map.length };
      },
      placeProcess: async () => {
        await this.placing();
        note('place-process');
        return { placedBy: 'helper' };
      },
      endAccount: async (uid) => {
        note(`end-account ${uid}`);
        return { cgroupsKilled: 1, sliceStopped: false, processesLeft: 0 };
      },
      sweep: async ({ uid }) => {
        note(`sweep ${uid}`);
        return {
          filesRemoved: 0,
          directoriesKept: [],
          sharedMemoryRemoved: 0,
          semaphoresRemoved: 0,
          messageQueuesRemoved: 0,
          cronEntriesRemoved: 0,
          lingerRemoved: false,
          keyringsCleared: 0,
          sessionsRemoved: 0,
          problems: [],
          complete: true,
        };
      },
      installHostCertificate: unused,
      startService: unused,
      stopService: unused,
      startHome: async ({ uid, vo, volume, directory, loginName }) => {
        note(`start-home ${loginName} ${volume} of ${vo} at ${directory}`);
        await this.mounting();
        this.mountedHomes.add(uid);
        writeFileSync(join(this.homeVolumeDirectory, `${uid}.env`), '');
        return { unit: `xos-home@${uid}.service`, home: `/home/${loginName}` };
      },
      stopHome: async (uid) => {
        note('stop-home');
        await this.unmounting();
        rmSync(join(this.homeVolumeDirectory, `${uid}.env`), { force: true });
        return { stopped: this.mountedHomes.delete(uid) };
      },
    };
  }

  /** Names that the published map resolves. */
  get mapNames(): string[] {
    return this.map === undefined
      ? []
      : readNssMap(this.map)
          .passwd.map(({ name }) => name)
          .sort();
  }
}

export interface TestHost {
  readonly service: AccountsService;
  readonly helper: FakeHelper;
  readonly clock: ManualClock;
  readonly directory: string;
  /** One request on a connection of its own; `answers` to prompts in order. Resolves with all that came back. */
  ask(
    socket: 'pam' | 'nss',
    request: ModuleMessage,
    answers?: readonly (string | Buffer)[],
  ): Promise<DaemonMessage[]>;
  /** Who the daemon takes its socket clients for. */
  peer: { uid: number; gid: number; pid: number };
  leader: { pid: number; start: string | undefined };
  /** Uids that processes are of. */
  readonly busyUids: Set<number>;
}

type TestContext = { after(work: () => void | Promise<void>): void };

export const TEST_NOW = new Date('2026-11-01T12:00:00Z');

/** xos-accounts in this process, in a directory of its own, joined to the given VOs. */
export async function startHost(
  context: TestContext,
  vos: readonly FakeVo[],
  options: {
    readonly configuration?: string;
    readonly login?: string;
    readonly directory?: string;
    readonly logger?: Logger;
  } = {},
): Promise<TestHost> {
  const directory = options.directory ?? temporaryDirectory(context as { after(work: () => void): void });
  for (const vo of vos) await vo.install(directory);
  const content = `[Accounts]
StateDirectory=${directory}/state
VoDirectory=${directory}/vo.d
MappingFile=${directory}/mapping.conf
TrustDirectory=${directory}/trust
HostDirectory=${directory}/host
HomeVolumeDirectory=${directory}/home-volumes
QueryNameServices=no
${options.configuration ?? ''}
[Login]
PamSocket=${directory}/pam.sock
NssSocket=${directory}/nss.sock
${options.login ?? ''}
`;
  const configuration = parseConfiguration(accountsConfiguration, [{ file: 'accounts.conf', content }]).value;
  const helper = new FakeHelper();
  helper.homeVolumeDirectory = join(directory, 'home-volumes');
  mkdirSync(helper.homeVolumeDirectory, { recursive: true });
  const clock = manualClock(TEST_NOW.getTime());
  const host = {
    peer: { uid: 0, gid: 0, pid: 4242 },
    leader: { pid: 4242, start: '100' as string | undefined },
    busyUids: new Set<number>(),
  };
  const sockets = createServiceSockets([]);
  const service = await AccountsService.start(
    {
      configuration,
      logger: options.logger ?? silentLogger,
      metrics: createMetrics({ clock }),
      clock,
      sockets,
      setStatus: () => undefined,
    },
    {
      helper: helper.helper,
      connect: ({ vo }) => {
        const found = vos.find(({ id }) => id === vo);
        if (found === undefined) throw new Error(`no VO ${vo}`);
        return found.service();
      },
      processes: {
        startTime: (pid) => (pid === host.leader.pid ? host.leader.start : undefined),
        hasUser: (uid) => host.busyUids.has(uid),
      },
      peer: () => host.peer,
    },
  );
  context.after(async () => {
    await service.stop();
    sockets.removeFiles();
  });
  return Object.assign(host, {
    service,
    helper,
    clock,
    directory,
    ask: (socket: 'pam' | 'nss', request: ModuleMessage, answers: readonly (string | Buffer)[] = []) =>
      converse(join(directory, `${socket}.sock`), request, answers),
  });
}

/** Speaks the module's side: answers prompts in order, hangs up when it has no answer left or the result is there. */
export function converse(
  path: string,
  request: ModuleMessage,
  answers: readonly (string | Buffer)[],
): Promise<DaemonMessage[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const reader = new FrameReader();
    const received: DaemonMessage[] = [];
    const left = [...answers];
    socket.setTimeout(10_000, () => socket.destroy(new Error(`no answer to ${request.type}`)));
    socket.once('connect', () => socket.write(encodeMessage(request)));
    socket.once('error', reject);
    socket.once('close', () => resolve(received));
    socket.on('data', (chunk: Buffer) => {
      for (const message of reader.push(chunk) as DaemonMessage[]) {
        if (message.type === 'working') continue;
        received.push(message);
        const answer = message.type === 'prompt' ? left.shift() : undefined;
        if (answer !== undefined)
          socket.write(encodeMessage({ type: 'response', text: Buffer.from(answer) }));
        else if (message.type === 'session' && message.credential.length > 0) {
          socket.write(
            encodeMessage({
              type: 'sessionKey',
              sessionId: message.sessionId,
              keySerial: keySerialOf(message.sessionId),
            }),
          );
        } else socket.end();
      }
    });
  });
}

/** A serial that a test can recognise. */
export function keySerialOf(sessionId: string): number {
  return createHash('sha256').update(sessionId).digest().readUInt32LE(0) & 0x3fffffff;
}

/** Waits until `holds` does, at most 10 s; used where the daemon works in the background. */
export async function eventually(holds: () => boolean, what: string): Promise<void> {
  const untilMs = performance.now() + 10_000;
  while (!holds()) {
    if (performance.now() > untilMs) throw new Error(`not within 10 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
