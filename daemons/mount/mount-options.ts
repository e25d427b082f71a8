/** What mount(8) passes to its helpers: `mount.xtreemfs DIR[:PORT]/VOLUME MOUNTPOINT [-sfnv] [-N NS] [-o OPTIONS] [-t TYPE]`. */
import { parseByteSize, parseTimeSpan } from '@xtreemos/base';

export interface MountOptions {
  /** As it was given, for mount tables. */
  readonly source: string;
  readonly directory: { readonly address: string; readonly port: number };
  readonly volume: string;
  readonly mountPoint: string;
  /** Undefined: hard. */
  readonly softMs: number | undefined;
  readonly readOnly: boolean;
  readonly setuid: boolean;
  readonly devices: boolean;
  readonly noExec: boolean;
  /** Undefined: as the volume has it. */
  readonly accessTimes: 'noatime' | 'relatime' | undefined;
  readonly allowOther: boolean;
  /** The only one who may enter; undefined: the mounting user where `allowOther` is false. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
  /** The root of the mount is the owner's home in the volume. */
  readonly home: boolean;
  /** What a new home begins with. */
  readonly skeleton: string;
  readonly foreground: boolean;
  readonly verbose: boolean;
  /** What libmount's table is to have of them (`_netdev`, `x-...`); undefined with -n, which wants nothing in it. */
  readonly tableOptions: readonly string[] | undefined;
  /** -f of mount(8): everything but mounting. */
  readonly fake: boolean;
  readonly writeBufferBytes: number;
  readonly readAheadBytes: number;
  /** How long the kernel keeps what the MRC would tell changes of. */
  readonly cacheSeconds: number;
  readonly identityMap: string;
  readonly sessionDirectory: string;
  readonly metricsSocket: string | undefined;
  readonly allowPlainText: boolean;
  /** The servers are those of XtreemFS 1.5 or 1.6. */
  readonly stock: boolean;
  /** `Vo`, `HostDirectory`...: of the section [Security] of the servers. */
  readonly security: Readonly<Record<string, string>>;
}

/** Wrong use of the command: exit status 1, as mount(8) has it. */
export class UsageError extends Error {}

export const usage = `Usage: mount.xtreemfs DIR[:PORT]/VOLUME MOUNTPOINT [-sfnv] [--foreground] [-o OPTION,...]
  hard | soft, timeo=TIME       wait for servers that are away (default), or fail after TIME (60s)
  ro, suid, dev, noexec         as mount(8); set-user-id bits and devices do not count unless asked for
  noatime, relatime             whether reads set the time of access (as the volume has it)
  noallow_other                 only the mounting user may enter
  user_id=UID, group_id=GID     only this user may enter, nobody else, not even root
  home                          mount the directory of that user in the volume, which is made if it is not there
  skeleton=DIRECTORY            what is copied into a home that is new (/etc/skel)
  write_buffer=SIZE             data that are written later, of the whole mount (64MiB)
  readahead=SIZE                of one file (4MiB)
  cache=TIME                    what the kernel keeps while the MRC tells of changes (60s)
  vo=ID                         the VO of the servers, where this host has joined several
  metrics=SOCKET                serve OpenMetrics text there
  plain                         no TLS, everybody is believed: closed test networks alone
  stock                         servers of XtreemFS 1.5 or 1.6, which know no user's credentials: goes with plain
`;

const defaultPort = 32_638;
const sourcePattern = /^(\[[\da-fA-F:.]+\]|[^\s/:[\]]+)(?::(\d{1,5}))?\/([^/]+)$/;
/** Of mount(8) and fstab(5): of no concern to a helper. */
const ignored = new Set(
  'rw,nosuid,nodev,exec,auto,noauto,user,nouser,users,nousers,owner,group,defaults,_netdev,nofail,atime,norelatime,diratime,nodiratime,lazytime,nolazytime,sync,async,dirsync,hard,allow_other,default_permissions'.split(
    ',',
  ),
);
const securityKeys: Readonly<Record<string, string>> = {
  vo: 'Vo',
  host_directory: 'HostDirectory',
  vo_directory: 'VoDirectory',
  trust_directory: 'TrustDirectory',
  crl_directory: 'CrlDirectory',
};

/** @throws UsageError */
export function parseMountArguments(argv: readonly string[]): MountOptions {
  const positional: string[] = [];
  const given: string[] = [];
  const flags = new Set<string>();
  for (let at = 0; at < argv.length; at++) {
    const argument = argv[at] ?? '';
    if (argument === '-o') given.push(...(argv[++at] ?? '').split(','));
    else if (argument.startsWith('-o')) given.push(...argument.slice(2).split(','));
    else if (argument === '-t' || argument === '-N') at += 1;
    else if (argument === '--foreground') flags.add('foreground');
    else if (/^-[sfnvrw]+$/.test(argument)) for (const letter of argument.slice(1)) flags.add(letter);
    else if (argument.startsWith('-')) throw new UsageError(`unknown option ${argument}`);
    else positional.push(argument);
  }
  const [source, mountPoint, ...more] = positional;
  if (source === undefined || mountPoint === undefined || more.length > 0)
    throw new UsageError('a volume and a mount point are needed');
  const match = sourcePattern.exec(source);
  if (match === null) throw new UsageError(`${source} is not of the form DIR[:PORT]/VOLUME`);
  const [, host = '', port, volume = ''] = match;
  const settings = parseOptions(given, flags.has('s'));
  const owner = ownerOf(settings);
  return {
    source,
    directory: {
      address: host.replace(/^\[|\]$/g, ''),
      port: port === undefined ? defaultPort : Number(port),
    },
    volume,
    mountPoint,
    foreground: flags.has('foreground') || settings.has('foreground'),
    verbose: flags.has('v'),
    fake: flags.has('f'),
    tableOptions: flags.has('n') ? undefined : given.filter((option) => /^(_netdev$|x-)/.test(option)),
    readOnly: flags.has('r') || settings.has('ro'),
    setuid: settings.has('suid'),
    devices: settings.has('dev'),
    noExec: settings.has('noexec'),
    accessTimes: accessTimesOf(settings),
    allowOther: !settings.has('noallow_other') && owner === undefined,
    owner,
    home: settings.has('home'),
    skeleton: settings.get('skeleton') ?? '/etc/skel',
    softMs: settings.has('soft') ? timeOf(settings, 'timeo', '60s') : undefined,
    writeBufferBytes: sizeOf(settings, 'write_buffer', '64MiB', 1 << 20),
    readAheadBytes: sizeOf(settings, 'readahead', '4MiB', 0),
    cacheSeconds: timeOf(settings, 'cache', '60s') / 1000,
    identityMap: settings.get('identity_map') ?? '/run/xtreemos/nss/accounts.map',
    sessionDirectory: settings.get('session_directory') ?? '/run/xtreemos/session',
    metricsSocket: settings.get('metrics'),
    allowPlainText: settings.has('plain'),
    stock: stockOf(settings),
    security: Object.fromEntries(
      Object.entries(securityKeys).flatMap(([option, key]) => {
        const value = settings.get(option);
        return value === undefined ? [] : [[key, value]];
      }),
    ),
  };
}

const withoutValue = new Set(
  'foreground,ro,suid,dev,noexec,noatime,relatime,strictatime,noallow_other,home,soft,plain,stock'.split(','),
);
const withValue = new Set([
  'timeo',
  'user_id',
  'group_id',
  'skeleton',
  'write_buffer',
  'readahead',
  'cache',
  'identity_map',
  'session_directory',
  'metrics',
  ...Object.keys(securityKeys),
]);

/** @param isSloppy unknown options are passed over, as -s of mount(8) has it */
function parseOptions(given: readonly string[], isSloppy: boolean): ReadonlyMap<string, string> {
  const settings = new Map<string, string>();
  for (const option of given.filter((text) => text !== '')) {
    const at = option.indexOf('=');
    const name = at < 0 ? option : option.slice(0, at);
    const value = at < 0 ? '' : option.slice(at + 1);
    if (name === 'hard') settings.delete('soft');
    if (withoutValue.has(name) || (withValue.has(name) && value !== '')) settings.set(name, value);
    else if (withValue.has(name)) throw new UsageError(`the option ${name} needs a value`);
    else if (!ignored.has(name) && !name.startsWith('x-') && !name.startsWith('comment') && !isSloppy)
      throw new UsageError(`unknown mount option ${option}`);
    // Later ones count: `defaults,suid,nosuid`.
    if (name === 'rw') settings.delete('ro');
    if (name === 'exec') settings.delete('noexec');
    if (name === 'nosuid') settings.delete('suid');
    if (name === 'nodev') settings.delete('dev');
    if (name === 'noatime') for (const other of ['relatime', 'strictatime']) settings.delete(other);
    if (name === 'relatime' || name === 'strictatime') settings.delete('noatime');
  }
  return settings;
}

/** `strictatime` is as near as this file system comes to it. */
function accessTimesOf(settings: ReadonlyMap<string, string>): MountOptions['accessTimes'] {
  if (settings.has('noatime')) return 'noatime';
  return settings.has('relatime') || settings.has('strictatime') ? 'relatime' : undefined;
}

/** @throws UsageError for one of both, no ids, and `home` of nobody */
function ownerOf(settings: ReadonlyMap<string, string>): MountOptions['owner'] {
  const [uid, gid] = [settings.get('user_id'), settings.get('group_id')];
  if (uid === undefined && gid === undefined) {
    if (settings.has('home')) throw new UsageError('home needs user_id= and group_id=');
    return undefined;
  }
  for (const id of [uid, gid]) {
    if (id === undefined || !/^(0|[1-9]\d{0,9})$/.test(id) || Number(id) >= 2 ** 32 - 1)
      throw new UsageError('user_id= and group_id= go together, and are numbers');
  }
  return { uid: Number(uid), gid: Number(gid) };
}

/** @throws UsageError where nobody said that everybody is believed, and for what such servers do not have */
function stockOf(settings: ReadonlyMap<string, string>): boolean {
  if (!settings.has('stock')) return false;
  if (!settings.has('plain'))
    throw new UsageError('stock needs plain: servers of XtreemFS 1.5 and 1.6 believe every caller');
  if (settings.has('home')) throw new UsageError('servers of XtreemFS 1.5 and 1.6 have no homes');
  return true;
}

function timeOf(settings: ReadonlyMap<string, string>, name: string, otherwise: string): number {
  const text = settings.get(name) ?? otherwise;
  const milliseconds = parseTimeSpan(text);
  if (milliseconds === undefined) throw new UsageError(`${name}=${text} is no time, as 60s`);
  return milliseconds;
}

function sizeOf(
  settings: ReadonlyMap<string, string>,
  name: string,
  otherwise: string,
  least: number,
): number {
  const text = settings.get(name) ?? otherwise;
  const bytes = parseByteSize(text);
  if (bytes === undefined) throw new UsageError(`${name}=${text} is no size, as 64MiB`);
  if (bytes < least) throw new UsageError(`${name}=${text} is too little`);
  return bytes;
}
