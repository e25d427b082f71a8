import { createServer, type Server } from 'node:net';
import { type Logger, reasonOf } from '@xtreemos/base';
import {
  type DaemonMessage,
  MEMBERS_MAX,
  ModuleConnection,
  type ModuleMessage,
} from '@xtreemos/module-protocol';
import { events } from './account-events.ts';
import type { Assignment, GroupRecord } from './account-records.ts';
import type { AccountStore } from './account-store.ts';
import { EVERYONE, groupName, groupPaths, parseLoginName } from './member-names.ts';
import { type AccountLook, passwdOf } from './nss-map.ts';

export interface NssServerOptions {
  readonly store: AccountStore;
  readonly look: () => AccountLook;
  readonly logger: Logger;
  /** Called for a name of a joined VO that nobody has; limits its own rate. */
  readonly onMiss: (alias: string) => void;
  readonly onAnswered: (request: ModuleMessage['type'], found: boolean, seconds: number) => void;
}

/** Look-ups are short; who holds a connection longer is in the way of others. */
const IDLE_MS = 5000;
const MAXIMUM_CONNECTIONS = 512;

/** nss.sock: look-ups that the map file could not answer. Nothing is ever made or written here. */
export function createNssServer(options: NssServerOptions): Server {
  const server = createServer((socket) => {
    socket.setTimeout(IDLE_MS, () => socket.destroy());
    const connection = new ModuleConnection(socket);
    serve(connection, options)
      .catch((error: unknown) => {
        options.logger.debug(events.clientRefused, `NSS connection failed: ${reasonOf(error)}`);
        connection.destroy();
      })
      .finally(() => connection.close());
  });
  server.maxConnections = MAXIMUM_CONNECTIONS;
  return server;
}

async function serve(connection: ModuleConnection, options: NssServerOptions): Promise<void> {
  for (let request = await connection.next(); request !== undefined; request = await connection.next()) {
    const startedAt = performance.now();
    const answer = answerNss(request, options);
    options.onAnswered(request.type, answer.type !== 'notFound', (performance.now() - startedAt) / 1000);
    connection.send(answer);
    if (answer.type === 'unavailable') return;
  }
}

function answerNss(request: ModuleMessage, options: NssServerOptions): DaemonMessage {
  try {
    return lookUp(request, options) ?? { type: 'notFound' };
  } catch (error) {
    options.logger.error(events.requestFailed, `${request.type} failed: ${reasonOf(error)}`);
    return { type: 'unavailable' };
  }
}

function lookUp(
  request: ModuleMessage,
  { store, look, onMiss }: NssServerOptions,
): DaemonMessage | undefined {
  switch (request.type) {
    case 'getPasswdByName': {
      const name = parseLoginName(request.name);
      const assignment = name && store.byLogin(request.name);
      if (name !== undefined && assignment === undefined) onMiss(name.alias);
      return assignment && { type: 'passwdEntry', ...passwdOf(assignment, look()) };
    }
    case 'getPasswdByUid': {
      const assignment = store.byUid(request.uid);
      return assignment && { type: 'passwdEntry', ...passwdOf(assignment, look()) };
    }
    case 'getGroupByName':
      return groupByName(store, request.name);
    case 'getGroupByGid':
      return groupByGid(store, request.gid);
    case 'getGroupsOfUser': {
      const assignment = parseLoginName(request.name) && store.byLogin(request.name);
      return assignment && { type: 'groupList', gids: groupsOf(store, assignment) };
    }
    default:
      throw new Error(`${request.type} belongs on pam.sock`);
  }
}

function groupByName(store: AccountStore, name: string): DaemonMessage | undefined {
  const at = name.lastIndexOf('@');
  const vo = at > 0 ? store.voByAlias(name.slice(at + 1)) : undefined;
  if (vo === undefined) return undefined;
  // Group components hold no dots (member-names.ts), so the name of a group leads back to one path.
  const group = store.group(vo.vo, name.slice(0, at).replaceAll('.', '/'));
  if (group !== undefined) return groupEntry(store, group, vo.alias);
  const assignment = parseLoginName(name) && store.byLogin(name);
  return assignment && privateGroup(assignment);
}

function groupByGid(store: AccountStore, gid: number): DaemonMessage | undefined {
  const group = store.groupByGid(gid);
  const vo = group && store.vo(group.vo);
  if (group !== undefined && vo !== undefined) return groupEntry(store, group, vo.alias);
  const assignment = store.byUid(gid);
  return assignment && privateGroup(assignment);
}

function privateGroup(assignment: Assignment): DaemonMessage | undefined {
  if (assignment.gid !== assignment.uid) return undefined;
  return { type: 'groupEntry', name: assignment.login, gid: assignment.gid, members: [] };
}

function groupEntry(store: AccountStore, group: GroupRecord, alias: string): DaemonMessage {
  const isMember = (fqans: readonly string[]) =>
    group.path === EVERYONE || groupPaths(group.vo, fqans).includes(group.path);
  const members = store.memberCount(group.vo) > MEMBERS_MAX ? [] : store.membersOf(group.vo);
  const logins = members
    .filter(({ fqans, user }) => isMember(fqans) && store.byIdentity(group.vo, user) !== undefined)
    .map(({ user }) => `${user}@${alias}`);
  return {
    type: 'groupEntry',
    name: groupName(group.path, alias),
    gid: group.gid,
    members: logins.length <= MEMBERS_MAX ? logins : [],
  };
}

/** Gids of the VO groups that a member is in. */
export function groupsOf(store: AccountStore, { vo, user }: Assignment): number[] {
  const fqans = store.member(vo, user)?.fqans ?? [];
  return [...new Set([EVERYONE, ...groupPaths(vo, fqans)])].flatMap(
    (path) => store.group(vo, path)?.gid ?? [],
  );
}
