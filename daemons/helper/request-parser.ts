import { XosError } from '@xtreemos/base';
import type {
  HelperRequest,
  HelperRequestType,
  HostRole,
  ServiceLimits,
  StartServiceRequest,
} from '@xtreemos/helper-client';
import { type IdRanges, isAccountUid, isInRange } from './configuration.ts';
import { isLoginName } from './login-name.ts';

type Fields = Readonly<Record<string, unknown>>;

/**
 * Turns a decoded message into a request, or refuses it: every field known, of its type, in its range, by its grammar.
 * Behind this parser uids and gids are managed ones and no string can leave the directory it is joined to.
 * @throws XosError XOS_INPUT_BAD, XOS_UID_OUT_OF_RANGE
 */
export function parseRequest(message: Fields, ids: IdRanges): HelperRequest {
  const type = message['type'];
  if (typeof type !== 'string' || !Object.hasOwn(parsers, type)) throw bad('type', 'no known request');
  const parser = parsers[type as HelperRequestType];
  for (const name of Object.keys(message)) {
    if (name !== 'type' && !(parser.fields as readonly string[]).includes(name))
      throw bad(name.slice(0, 64), 'unknown field');
  }
  return parser.parse(message, ids);
}

interface Parser<Request extends HelperRequest> {
  readonly fields: readonly (keyof Request & string)[];
  readonly parse: (message: Fields, ids: IdRanges) => Request;
}

const parsers: { readonly [Type in HelperRequestType]: Parser<Extract<HelperRequest, { type: Type }>> } = {
  'list-credential-files': { fields: [], parse: () => ({ type: 'list-credential-files' }) },
  'open-credential-file': {
    fields: ['name'],
    parse: (message) => ({ type: 'open-credential-file', name: credentialName(message) }),
  },
  'make-home': {
    fields: ['uid', 'gid', 'loginName'],
    parse: (message, ids) => ({
      type: 'make-home',
      uid: managedUid(message, ids, 'make a home'),
      gid: managedGid(message, ids, 'make a home'),
      loginName: loginName(message),
    }),
  },
  'write-session': {
    fields: ['uid', 'gid', 'sessionId'],
    parse: (message, ids) => {
      const uid = accountUid(message, ids, 'write a session');
      return {
        type: 'write-session',
        uid,
        gid: isInRange(uid, ids.uids) ? managedGid(message, ids, 'write a session') : localGid(message),
        sessionId: sessionId(message),
      };
    },
  },
  'remove-session': {
    fields: ['uid', 'sessionId'],
    parse: (message, ids) => ({
      type: 'remove-session',
      uid: accountUid(message, ids, 'remove a session'),
      sessionId: sessionId(message),
    }),
  },
  'list-sessions': {
    fields: ['afterUid'],
    parse: (message) => ({ type: 'list-sessions', afterUid: integer(message, 'afterUid', 0, 2 ** 32 - 1) }),
  },
  'revoke-keys': {
    fields: ['serials'],
    parse: (message) => ({
      type: 'revoke-keys',
      serials: list(message, 'serials', 256).map((serial) => integerOf(serial, 'serials', 1, 2 ** 31 - 1)),
    }),
  },
  'publish-map': { fields: [], parse: () => ({ type: 'publish-map' }) },
  'place-process': {
    fields: ['pid', 'startTime', 'uid', 'sessionId'],
    parse: (message, ids) => ({
      type: 'place-process',
      // 2^22 is the kernel's PID_MAX_LIMIT; 1 is init, which nobody moves.
      pid: integer(message, 'pid', 2, 2 ** 22),
      startTime: integer(message, 'startTime', 0, Number.MAX_SAFE_INTEGER),
      uid: accountUid(message, ids, 'place a process'),
      sessionId: sessionId(message),
    }),
  },
  'end-account': {
    fields: ['uid'],
    parse: (message, ids) => ({ type: 'end-account', uid: accountUid(message, ids, 'end the account') }),
  },
  sweep: {
    fields: ['uid', 'loginName'],
    parse: (message, ids) => ({
      type: 'sweep',
      uid: accountUid(message, ids, 'sweep'),
      loginName: loginName(message),
    }),
  },
  'install-host-certificate': {
    fields: ['vo', 'role', 'pem'],
    parse: (message) => ({
      type: 'install-host-certificate',
      vo: text(message, 'vo', voId),
      role: hostRole(message),
      pem: text(message, 'pem', /^[\x20-\x7e\r\n]{1,32768}$/),
    }),
  },
  'start-service': {
    fields: [
      'name',
      'uid',
      'gid',
      'loginName',
      'supplementaryGids',
      'command',
      'environment',
      'workingDirectory',
      'limits',
      'stdio',
    ],
    parse: startService,
  },
  'stop-service': {
    fields: ['name', 'uid'],
    parse: (message, ids) => ({
      type: 'stop-service',
      name: serviceName(message),
      uid: managedUid(message, ids, 'stop a service'),
    }),
  },
  'start-home': {
    fields: ['uid', 'gid', 'loginName', 'vo', 'volume', 'directory'],
    parse: (message, ids) => ({
      type: 'start-home',
      uid: managedUid(message, ids, 'mount the home'),
      gid: managedGid(message, ids, 'mount the home'),
      loginName: loginName(message),
      vo: text(message, 'vo', voId),
      volume: text(message, 'volume', /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/),
      directory: text(message, 'directory', directoryAddress),
    }),
  },
  'stop-home': {
    fields: ['uid'],
    parse: (message, ids) => ({ type: 'stop-home', uid: managedUid(message, ids, 'unmount the home') }),
  },
};

function startService(message: Fields, ids: IdRanges): StartServiceRequest {
  const stdio = message['stdio'];
  if (stdio !== 'null' && stdio !== 'sockets') throw bad('stdio', 'neither "null" nor "sockets"');
  return {
    type: 'start-service',
    name: serviceName(message),
    uid: managedUid(message, ids, 'start a service'),
    gid: managedGid(message, ids, 'start a service'),
    loginName: loginName(message),
    supplementaryGids: list(message, 'supplementaryGids', 64).map((gid) =>
      groupGidOf(integerOf(gid, 'supplementaryGids', 0, 2 ** 32 - 1), ids),
    ),
    command: command(message),
    environment: environment(message),
    workingDirectory: workingDirectory(message),
    limits: limits(message),
    stdio,
  };
}

function bad(where: string, reason: string): XosError {
  return new XosError('XOS_INPUT_BAD', { what: 'The helper request', where, reason });
}

function text(message: Fields, name: string, grammar: RegExp): string {
  const value = message[name];
  if (typeof value !== 'string' || !grammar.test(value)) throw bad(name, `does not match ${grammar.source}`);
  return value;
}

function integer(message: Fields, name: string, minimum: number, maximum: number): number {
  return integerOf(message[name], name, minimum, maximum);
}

function integerOf(value: unknown, name: string, minimum: number, maximum: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < minimum || value > maximum) {
    throw bad(name, `no integer from ${minimum} to ${maximum}`);
  }
  return value;
}

function list(message: Fields, name: string, most: number): readonly unknown[] {
  const value = message[name];
  if (!Array.isArray(value) || value.length > most) throw bad(name, `no list of at most ${most}`);
  return value;
}

function outOfRange(attempt: string, uid: number, range: string): XosError {
  return new XosError('XOS_UID_OUT_OF_RANGE', { attempt, uid, range });
}

function managedUid(message: Fields, ids: IdRanges, attempt: string): number {
  const uid = integer(message, 'uid', 0, 2 ** 32 - 1);
  if (!isInRange(uid, ids.uids)) throw outOfRange(attempt, uid, `${ids.uids.minimum}-${ids.uids.maximum}`);
  return uid;
}

/** The primary group: the private one (gid = uid) or a VO group. */
function managedGid(message: Fields, ids: IdRanges, attempt: string): number {
  const gid = integer(message, 'gid', 0, 2 ** 32 - 1);
  if (gid !== message['uid'] && !isInRange(gid, ids.groupGids)) {
    throw outOfRange(`${attempt} with gid ${gid}`, Number(message['uid']), `gid = uid, or a VO group's`);
  }
  return gid;
}

function groupGidOf(gid: number, ids: IdRanges): number {
  if (!isInRange(gid, ids.groupGids)) {
    throw outOfRange('add a group', gid, `${ids.groupGids.minimum}-${ids.groupGids.maximum}`);
  }
  return gid;
}

/** Of any kind of account; what may be done to which kind is the handlers' matter. */
function accountUid(message: Fields, ids: IdRanges, attempt: string): number {
  const uid = integer(message, 'uid', 0, 2 ** 32 - 1);
  if (!isAccountUid(uid, ids)) {
    throw outOfRange(attempt, uid, `${ids.uids.minimum}-${ids.uids.maximum}, PoolUids= and StaticUids=`);
  }
  return uid;
}

/** Group of a local account's session files; never one of the system's. */
function localGid(message: Fields): number {
  return integer(message, 'gid', 100, 2 ** 31 - 1);
}

function sessionId(message: Fields): string {
  return text(message, 'sessionId', /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/);
}

function loginName(message: Fields): string {
  const value = message['loginName'];
  if (typeof value !== 'string' || !isLoginName(value)) throw bad('loginName', 'is not user@alias');
  return value;
}

function serviceName(message: Fields): string {
  return text(message, 'name', /^[a-z0-9][a-z0-9-]{0,63}$/);
}

/** A path relative to a credential directory or absolute; its resolution is `openCredentialFile`'s matter. */
function credentialName(message: Fields): string {
  const name = message['name'];
  if (typeof name !== 'string' || name === '' || Buffer.byteLength(name) > 1024) {
    throw bad('name', 'no text of 1 to 1024 bytes');
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (/[\u0000-\u001f\u007f]/.test(name)) throw bad('name', 'has control characters');
  const components = (name.startsWith('/') ? name.slice(1) : name).split('/');
  if (components.some((component) => component === '' || component === '.' || component === '..')) {
    throw bad('name', 'has empty, "." or ".." components');
  }
  return name;
}

const voId = /^[a-z0-9][a-z0-9.-]{0,62}$/;
/** A name, an IPv4 address or an IPv6 address in brackets, and a port: neither option nor path, and one word. */
const directoryAddress =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\]):[1-9][0-9]{0,4}$/;

function hostRole(message: Fields): HostRole {
  return text(message, 'role', /^(accounts|dir|mrc|osd|srds|exec)$/) as HostRole;
}

function command(message: Fields): readonly string[] {
  const words = list(message, 'command', 1024);
  const [program] = words;
  if (typeof program !== 'string' || !program.startsWith('/'))
    throw bad('command', 'no absolute program path');
  return words.map((word) => {
    if (typeof word !== 'string' || word.includes('\0'))
      throw bad('command', 'an argument is no text or has NUL');
    return word;
  });
}

/** XOS_LOGIN_HANDLE authorizes opening a session and belongs in no job. */
function environment(message: Fields): Readonly<Record<string, string>> {
  const value = message['environment'];
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw bad('environment', 'no object');
  const entries = Object.entries(value);
  if (entries.length > 256) throw bad('environment', 'more than 256 variables');
  for (const [name, content] of entries) {
    if (!/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(name) || name === 'XOS_LOGIN_HANDLE') {
      throw bad('environment', `variable ${name.slice(0, 64)} is not allowed`);
    }
    if (typeof content !== 'string' || content.includes('\0'))
      throw bad('environment', `${name} is no text or has NUL`);
  }
  return Object.freeze(Object.fromEntries(entries)) as Readonly<Record<string, string>>;
}

function workingDirectory(message: Fields): string {
  const value = message['workingDirectory'];
  if (typeof value !== 'string' || value.length > 1024 || value.includes('\0'))
    throw bad('workingDirectory', 'no path');
  if (value !== '' && value.split('/').some((part) => part === '' || part === '.' || part === '..')) {
    throw bad('workingDirectory', 'is not relative to the home, or has empty, "." or ".." components');
  }
  return value;
}

const limitRanges: { readonly [Name in keyof ServiceLimits]-?: readonly [number, number] } = {
  memoryBytes: [2 ** 20, 2 ** 46],
  tasks: [1, 4_194_304],
  cpuPercent: [1, 1_638_400],
  runtimeSeconds: [1, 31_536_000],
  openFiles: [16, 1_048_576],
  fileSizeBytes: [0, 2 ** 52],
  coreSizeBytes: [0, 2 ** 52],
  cpuSeconds: [1, 31_536_000],
};

function limits(message: Fields): ServiceLimits {
  const value = message['limits'];
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad('limits', 'no object');
  for (const [name, limit] of Object.entries(value)) {
    if (!Object.hasOwn(limitRanges, name)) throw bad('limits', `unknown limit ${name.slice(0, 64)}`);
    integerOf(limit, `limits.${name}`, ...limitRanges[name as keyof ServiceLimits]);
  }
  return value as ServiceLimits;
}
