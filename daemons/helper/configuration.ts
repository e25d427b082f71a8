import { type ConfigurationOf, defineConfiguration, kind, XosError } from '@xtreemos/base';

/** helper.conf; docs/helper-protocol.md explains each key. */
export const configurationSchema = defineConfiguration({
  Helper: {
    Socket: kind.path('/run/xtreemos/helper/helper.sock'),
    /** Users (names or uids, resolved at start) who may ask; root may always list and look. */
    AccountsUser: kind.text('xos-accounts'),
    ExecUser: kind.text('xos-exec'),
    Launcher: kind.path('/usr/lib/xtreemos/bin/xos-launch'),
    InitSystem: kind.choice(['auto', 'systemd', 'none'], 'auto'),
    ConcurrentRequests: kind.integer(64, { minimum: 1, maximum: 4096 }),
  },
  Ids: {
    ManagedUids: idRange('2030043136-2147352575'),
    ManagedGroupGids: idRange('2013265920-2030043135'),
    /** Uids of local pool accounts: leased to one person after the other, ended and swept in between. */
    PoolUids: kind.textList([]),
    /** Uids of static accounts, which are somebody's own: they get session files, and no sweep or kill by uid. */
    StaticUids: kind.textList([]),
  },
  Credentials: {
    CredentialDirectories: kind.pathList(['/media', '/run/media', '/etc/grid-security/credentials']),
    SizeLimit: kind.size('1MiB', { minimum: 1024, maximum: 16 * 1024 * 1024 }),
    Timeout: kind.timeSpan('5s', { minimum: 100, maximum: 60_000 }),
  },
  Home: {
    Root: kind.path('/home'),
    Skeleton: kind.path('/etc/skel'),
    /** `<uid>.env` for each home volume that is mounted, or was to be. */
    VolumeDirectory: kind.path('/run/xtreemos/home'),
  },
  Session: {
    Directory: kind.path('/run/xtreemos/session'),
    /** Default: `xtreemos` in the cgroup2 mount that /proc/self/mountinfo shows. */
    Cgroup: kind.path(),
  },
  Map: {
    Path: kind.path('/run/xtreemos/nss/accounts.map'),
    SizeLimit: kind.size('256MiB', { minimum: 4096, maximum: 2 ** 31 }),
  },
  Sweep: {
    Directories: kind.pathList(['/tmp', '/var/tmp', '/dev/shm', '/dev/mqueue']),
    SpoolDirectories: kind.pathList([
      '/var/spool/cron/crontabs',
      '/var/spool/cron/atjobs',
      '/var/spool/cron',
      '/var/spool/at',
    ]),
    LingerDirectory: kind.path('/var/lib/systemd/linger'),
    RuntimeDirectory: kind.path('/run/user'),
    Timeout: kind.timeSpan('60s', { minimum: 100, maximum: 600_000 }),
  },
  Host: {
    CertificateDirectory: kind.path('/etc/xtreemos/host'),
  },
  Services: {
    StdioDirectory: kind.path('/run/xtreemos/exec'),
    PamService: kind.pattern(/^[a-z0-9-]{1,32}$/, 'a PAM service name', 'xos-exec'),
    /** Default: the system bus. */
    BusAddress: kind.text(),
  },
});

export type HelperConfiguration = ConfigurationOf<typeof configurationSchema>;

export interface IdRange {
  /** Inclusive. */
  readonly minimum: number;
  readonly maximum: number;
}

function idRange(fallback: string) {
  return kind.pattern(
    /^[1-9][0-9]{0,9}-[1-9][0-9]{0,9}$/,
    'a range of ids such as 2030043136-2147352575',
    fallback,
  );
}

/** Below 65536 live root, the system and every local person; from 2^31 on, ids break programs that hold them signed. */
const managedFloor = 65_536;
/** Local accounts of people and pools, never the system's. xos-launch has this floor built in. */
const localFloor = 1000;
const managedCeiling = 2_147_483_647;

/** The ids of a configuration, checked. */
export interface IdRanges {
  readonly uids: IdRange;
  readonly groupGids: IdRange;
  readonly poolUids: readonly IdRange[];
  readonly staticUids: readonly IdRange[];
}

/** @throws XosError XOS_CONFIGURATION_BAD for a range that is empty or reaches ids of the system or of people. */
export function readIdRanges(configuration: HelperConfiguration): IdRanges {
  const { ManagedUids, ManagedGroupGids, PoolUids, StaticUids } = configuration.Ids;
  return {
    uids: parseIdRange('ManagedUids', ManagedUids, managedFloor),
    groupGids: parseIdRange('ManagedGroupGids', ManagedGroupGids, managedFloor),
    poolUids: PoolUids.map((text) => parseIdRange('PoolUids', text, localFloor)),
    staticUids: StaticUids.map((text) => parseIdRange('StaticUids', text, localFloor)),
  };
}

function parseIdRange(key: string, text: string, floor: number): IdRange {
  const match = /^([1-9][0-9]{0,9})(?:-([1-9][0-9]{0,9}))?$/.exec(text);
  const minimum = Number(match?.[1]);
  const maximum = Number(match?.[2] ?? match?.[1]);
  const holdsNobody = minimum <= 65_535 && maximum >= 65_534;
  if (!(minimum >= floor) || !(maximum >= minimum) || maximum > managedCeiling || holdsNobody) {
    throw new XosError('XOS_CONFIGURATION_BAD', {
      reason: `[Ids] ${key}=${text}: expected ids from ${floor} to ${managedCeiling}, without 65534 and 65535 (nobody)`,
    });
  }
  return { minimum, maximum };
}

export function isInRange(id: number, range: IdRange): boolean {
  return id >= range.minimum && id <= range.maximum;
}

/** Accounts that hold nothing but what grid users left: dynamic and pool accounts. */
export function isLeasedUid(uid: number, ids: IdRanges): boolean {
  return isInRange(uid, ids.uids) || ids.poolUids.some((range) => isInRange(uid, range));
}

/** Accounts that grid users log in to: those above, and static ones, which are local people's own. */
export function isAccountUid(uid: number, ids: IdRanges): boolean {
  return isLeasedUid(uid, ids) || ids.staticUids.some((range) => isInRange(uid, range));
}
