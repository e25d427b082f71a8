/**
 * The one source of the protocol between the C modules (pam/, nss/) and xos-accounts. `generate.ts` writes
 * `generated/xos_module_protocol.h` and `generated/codec.ts` from it; docs/module-protocol.md is its page for people.
 */

/** A field: `text` and `texts` are UTF-8 without NUL; `max` is bytes (of one element), `count` elements of a list. */
export type FieldSchema =
  | { readonly name: string; readonly kind: 'u32' | 'i32'; readonly doc: string }
  | { readonly name: string; readonly kind: 'text' | 'bytes'; readonly max: number; readonly doc: string }
  | {
      readonly name: string;
      readonly kind: 'texts';
      readonly max: number;
      readonly count: number;
      readonly doc: string;
    }
  | { readonly name: string; readonly kind: 'u32s'; readonly count: number; readonly doc: string };

export interface MessageSchema {
  /** camelCase name, the TypeScript discriminant; C spells it snake_case. */
  readonly name: string;
  readonly type: number;
  readonly from: 'module' | 'daemon';
  readonly doc: string;
  readonly fields: readonly FieldSchema[];
}

export interface ConstantSchema {
  readonly name: string;
  readonly value: number | string;
  readonly doc: string;
}

export const constants: readonly ConstantSchema[] = [
  { name: 'PROTOCOL', value: 0x5801, doc: "First u16 of every frame: 'X' and version 1." },
  { name: 'FRAME_HEADER_BYTES', value: 8, doc: 'u16 protocol, u16 type, u32 payload length.' },
  { name: 'FRAME_MAX_BYTES', value: 65536, doc: 'Header and payload; a longer frame closes the connection.' },
  { name: 'UID_MIN', value: 2030043136, doc: 'First managed uid (docs/architecture.md, names and ids).' },
  { name: 'UID_MAX', value: 2147352575, doc: 'Last managed uid.' },
  { name: 'GID_MIN', value: 2013265920, doc: 'First gid of VO groups; primary gids equal the uid.' },
  { name: 'GID_MAX', value: 2030043135, doc: 'Last gid of VO groups.' },
  { name: 'LOGIN_NAME_MAX_BYTES', value: 32, doc: '`user@alias` in all (utmp holds 32).' },
  { name: 'GROUP_NAME_MAX_BYTES', value: 160, doc: '`group.subgroup@alias` in all.' },
  { name: 'ALIAS_MAX_BYTES', value: 16, doc: "A site's local name of a VO." },
  { name: 'TEXT_MAX_BYTES', value: 4096, doc: 'Prompts, messages, tty, rhost and the like.' },
  { name: 'PATH_MAX_BYTES', value: 1024, doc: 'Home directories and shells.' },
  { name: 'HANDLE_MAX_BYTES', value: 128, doc: 'The single-use login handle; [A-Za-z0-9._-].' },
  { name: 'SESSION_ID_MAX_BYTES', value: 128, doc: 'A session id; [A-Za-z0-9._-].' },
  {
    name: 'CREDENTIAL_MAX_BYTES',
    value: 32000,
    doc: 'Session credential; the kernel keeps at most 32,767 bytes in a key of type user.',
  },
  {
    name: 'SSH_AUTH_INFO_MAX_BYTES',
    value: 24576,
    doc: 'SSH_AUTH_INFO_0: the methods and the certificates.',
  },
  { name: 'CERTIFICATE_MAX_BYTES', value: 16384, doc: "An OpenSSH certificate in base64, sshd's %k." },
  { name: 'ENVIRONMENT_MAX_ENTRIES', value: 64, doc: 'NAME=value pairs of a session.' },
  { name: 'ENVIRONMENT_ENTRY_MAX_BYTES', value: 4096, doc: 'One NAME=value.' },
  { name: 'GROUPS_MAX', value: 8192, doc: 'Supplementary gids of one user on the wire.' },
  { name: 'MEMBERS_MAX', value: 1500, doc: 'Members of one group on the wire; longer lists are sent empty.' },
  { name: 'PRINCIPALS_MAX', value: 64, doc: 'Principals of one SSH certificate.' },
  {
    name: 'SILENCE_MAX_MS',
    value: 1000,
    doc: 'A module gives up when no frame begins within this time after its request, unless `working` said longer.',
  },
  { name: 'WORKING_MAX_MS', value: 10000, doc: 'The longest promise one `working` frame can make.' },
  {
    name: 'REQUEST_MAX_MS',
    value: 60000,
    doc: 'A module gives up this long after its last request or response.',
  },
  { name: 'NSS_DEADLINE_MS', value: 1000, doc: 'Connect, ask and answer of one NSS look-up.' },
  { name: 'KEY_TYPE', value: 'user', doc: 'Type of the session credential key.' },
  { name: 'KEY_DESCRIPTION', value: 'xos:credential', doc: 'Description of the session credential key.' },
  {
    name: 'HANDLE_VARIABLE',
    value: 'XOS_LOGIN_HANDLE',
    doc: 'PAM environment from authenticate to open_session.',
  },
  {
    name: 'SESSION_VARIABLE',
    value: 'XOS_SESSION_ID',
    doc: 'PAM environment, set by pam_xos for the session.',
  },
  { name: 'NSS_SOCKET_PATH', value: '/run/xtreemos/accounts/nss.sock', doc: 'Where libnss_xos asks.' },
  { name: 'PAM_SOCKET_PATH', value: '/run/xtreemos/accounts/pam.sock', doc: 'Where pam_xos asks.' },
  { name: 'NSS_MAP_PATH', value: '/run/xtreemos/nss/accounts.map', doc: 'The map libnss_xos reads.' },
];

const login = 32;
const group = 160;
const text = 4096;
const path = 1024;
const token = 128;

const user = { name: 'user', kind: 'text', max: login, doc: 'login name `user@alias`' } as const;
const where = [
  { name: 'service', kind: 'text', max: text, doc: 'PAM_SERVICE' },
  { name: 'tty', kind: 'text', max: text, doc: 'PAM_TTY or empty' },
  { name: 'rhost', kind: 'text', max: text, doc: 'PAM_RHOST or empty' },
] as const satisfies readonly FieldSchema[];

export const messages: readonly MessageSchema[] = [
  {
    name: 'getPasswdByName',
    type: 0x0101,
    from: 'module',
    doc: 'NSS: answered by passwdEntry, notFound or unavailable.',
    fields: [{ name: 'name', kind: 'text', max: login, doc: 'login name' }],
  },
  {
    name: 'getPasswdByUid',
    type: 0x0102,
    from: 'module',
    doc: 'NSS: answered by passwdEntry, notFound or unavailable.',
    fields: [{ name: 'uid', kind: 'u32', doc: 'UID_MIN..UID_MAX' }],
  },
  {
    name: 'getGroupByName',
    type: 0x0103,
    from: 'module',
    doc: 'NSS: answered by groupEntry, notFound or unavailable.',
    fields: [
      { name: 'name', kind: 'text', max: group, doc: 'VO group, or a login name (its private group)' },
    ],
  },
  {
    name: 'getGroupByGid',
    type: 0x0104,
    from: 'module',
    doc: 'NSS: answered by groupEntry, notFound or unavailable.',
    fields: [{ name: 'gid', kind: 'u32', doc: 'GID_MIN..UID_MAX (a private group has its user id)' }],
  },
  {
    name: 'getGroupsOfUser',
    type: 0x0105,
    from: 'module',
    doc: 'NSS initgroups: answered by groupList, notFound or unavailable.',
    fields: [{ name: 'name', kind: 'text', max: login, doc: 'login name' }],
  },
  {
    name: 'passwdEntry',
    type: 0x0181,
    from: 'daemon',
    doc: 'One account. pw_passwd is always `*` and not sent.',
    fields: [
      { name: 'name', kind: 'text', max: login, doc: 'login name' },
      { name: 'uid', kind: 'u32', doc: 'UID_MIN..UID_MAX' },
      { name: 'gid', kind: 'u32', doc: 'equal to uid, or GID_MIN..GID_MAX' },
      { name: 'gecos', kind: 'text', max: path, doc: "the person's name" },
      { name: 'home', kind: 'text', max: path, doc: 'absolute path' },
      { name: 'shell', kind: 'text', max: path, doc: 'absolute path' },
    ],
  },
  {
    name: 'groupEntry',
    type: 0x0182,
    from: 'daemon',
    doc: 'One group.',
    fields: [
      { name: 'name', kind: 'text', max: group, doc: 'group name' },
      { name: 'gid', kind: 'u32', doc: 'GID_MIN..UID_MAX' },
      {
        name: 'members',
        kind: 'texts',
        max: login,
        count: 1500,
        doc: 'login names, or empty if they do not fit',
      },
    ],
  },
  {
    name: 'groupList',
    type: 0x0183,
    from: 'daemon',
    doc: 'Supplementary groups of a user, the primary one left out or not.',
    fields: [{ name: 'gids', kind: 'u32s', count: 8192, doc: 'GID_MIN..UID_MAX each' }],
  },
  { name: 'notFound', type: 0x0184, from: 'daemon', doc: 'NSS: no such account or group.', fields: [] },
  {
    name: 'unavailable',
    type: 0x0185,
    from: 'daemon',
    doc: 'NSS: cannot tell now (starting, database broken).',
    fields: [],
  },
  {
    name: 'authenticate',
    type: 0x0201,
    from: 'module',
    doc: 'pam_sm_authenticate: answered by prompt/response pairs and `working`, at last `result` with a handle.',
    fields: [user, ...where, { name: 'ruser', kind: 'text', max: text, doc: 'PAM_RUSER or empty' }],
  },
  {
    name: 'response',
    type: 0x0202,
    from: 'module',
    doc: 'What the person typed at the last prompt; empty after an info or error prompt.',
    fields: [
      {
        name: 'text',
        kind: 'bytes',
        max: text,
        doc: 'bytes as typed, any encoding; a secret: wipe after use',
      },
    ],
  },
  {
    name: 'account',
    type: 0x0203,
    from: 'module',
    doc: 'pam_sm_acct_mgmt: membership, policy, lease. Answered by `working`, then `result`.',
    fields: [user, ...where],
  },
  {
    name: 'openSession',
    type: 0x0204,
    from: 'module',
    doc: 'pam_sm_open_session: answered by `working`, then `session` or `result` with an error code.',
    fields: [
      user,
      ...where,
      {
        name: 'handle',
        kind: 'text',
        max: token,
        doc: 'from `result`, empty when authentication was not ours',
      },
      { name: 'sshAuthInfo', kind: 'text', max: 24576, doc: "sshd's SSH_AUTH_INFO_0 or empty" },
    ],
  },
  {
    name: 'sessionKey',
    type: 0x0205,
    from: 'module',
    doc: 'On the connection of openSession: the key made for the credential. Answered by `result`.',
    fields: [
      { name: 'sessionId', kind: 'text', max: token, doc: 'from `session`' },
      { name: 'keySerial', kind: 'i32', doc: 'key_serial_t, so that the daemon can have the key revoked' },
    ],
  },
  {
    name: 'closeSession',
    type: 0x0206,
    from: 'module',
    doc: 'pam_sm_close_session: answered by `working`, then `result`.',
    fields: [{ name: 'sessionId', kind: 'text', max: token, doc: 'from `session`' }],
  },
  {
    name: 'principals',
    type: 0x0207,
    from: 'module',
    doc: 'xos-ssh-principals: may this SSH certificate log in as user? Answered by `principalList`.',
    fields: [
      user,
      { name: 'keyId', kind: 'text', max: text, doc: "sshd's %i" },
      { name: 'serial', kind: 'text', max: 20, doc: "sshd's %s, decimal u64" },
      { name: 'caFingerprint', kind: 'text', max: token, doc: "sshd's %F, `SHA256:...`" },
      { name: 'certificate', kind: 'text', max: 16384, doc: "sshd's %k, base64" },
    ],
  },
  {
    name: 'prompt',
    type: 0x0281,
    from: 'daemon',
    doc: 'Ask or tell the person something; always answered by `response`.',
    fields: [
      { name: 'style', kind: 'u32', doc: 'PROMPT_STYLE: 1 echo off, 2 echo on, 3 error, 4 info' },
      { name: 'text', kind: 'text', max: text, doc: 'shown as it is' },
    ],
  },
  {
    name: 'working',
    type: 0x0282,
    from: 'daemon',
    doc: 'Heartbeat: the next frame begins within this time.',
    fields: [
      { name: 'milliseconds', kind: 'u32', doc: '1..WORKING_MAX_MS; more is taken as WORKING_MAX_MS' },
    ],
  },
  {
    name: 'result',
    type: 0x0283,
    from: 'daemon',
    doc: 'The end of a PAM request.',
    fields: [
      { name: 'pamCode', kind: 'u32', doc: 'PAM_CODE; 0 is success' },
      { name: 'message', kind: 'text', max: text, doc: 'one sentence for the person, or empty' },
      { name: 'handle', kind: 'text', max: token, doc: 'after authenticate, else empty' },
    ],
  },
  {
    name: 'session',
    type: 0x0284,
    from: 'daemon',
    doc: 'A session was opened; with a credential the module answers `sessionKey`.',
    fields: [
      { name: 'sessionId', kind: 'text', max: token, doc: 'never empty' },
      {
        name: 'credential',
        kind: 'bytes',
        max: 32000,
        doc: 'proxy, its key, the chain (PEM), or empty: no key is made',
      },
      {
        name: 'credentialTimeoutSeconds',
        kind: 'u32',
        doc: 'seconds the key lives; not 0 with a credential',
      },
      {
        name: 'environment',
        kind: 'texts',
        max: 4096,
        count: 64,
        doc: 'NAME=value; the module takes XOS_*, X509_* and BEARER_TOKEN_FILE and refuses others',
      },
      { name: 'message', kind: 'text', max: text, doc: 'one sentence for the person, or empty' },
    ],
  },
  {
    name: 'principalList',
    type: 0x0285,
    from: 'daemon',
    doc: 'The principals under which the certificate may log in; empty refuses.',
    fields: [
      { name: 'names', kind: 'texts', max: 255, count: 64, doc: 'global user ids, printable, no blanks' },
    ],
  },
];

/** Return codes of Linux-PAM that the daemon may send; any other code is taken as PAM_SYSTEM_ERR. */
export const pamCodes = {
  SUCCESS: 0,
  SYSTEM_ERR: 4,
  PERM_DENIED: 6,
  AUTH_ERR: 7,
  CRED_INSUFFICIENT: 8,
  AUTHINFO_UNAVAIL: 9,
  USER_UNKNOWN: 10,
  MAXTRIES: 11,
  NEW_AUTHTOK_REQD: 12,
  ACCT_EXPIRED: 13,
  SESSION_ERR: 14,
  CRED_UNAVAIL: 15,
  CRED_EXPIRED: 16,
  CRED_ERR: 17,
  ABORT: 26,
} as const;

/** Styles of a prompt; the numbers are PAM's. */
export const promptStyles = { ECHO_OFF: 1, ECHO_ON: 2, ERROR: 3, INFO: 4 } as const;
