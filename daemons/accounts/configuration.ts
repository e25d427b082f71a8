import { type ConfigurationOf, defineConfiguration, kind } from '@xtreemos/base';
import {
  GID_MAX,
  GID_MIN,
  NSS_SOCKET_PATH,
  PAM_SOCKET_PATH,
  UID_MAX,
  UID_MIN,
} from '@xtreemos/module-protocol';

const day = 86_400_000;

/** accounts.conf. Paths are keys so that the daemon runs in any directory without root. */
export const accountsConfiguration = defineConfiguration({
  Accounts: {
    /** accounts.db, membership lists, CRLs. */
    StateDirectory: kind.path('/var/lib/xtreemos/accounts'),
    /** One file per joined VO. */
    VoDirectory: kind.path('/etc/xtreemos/vo.d'),
    MappingFile: kind.path('/etc/xtreemos/mapping.conf'),
    TrustDirectory: kind.path('/etc/grid-security/certificates'),
    /** `<vo>/accounts.key` and `.pem`. */
    HostDirectory: kind.path('/etc/xtreemos/host'),
    /** `<role>/<vo>.csr`, by daemons whose keys only they can read. */
    RequestDirectory: kind.path('/run/xtreemos'),
    PasswdFile: kind.path('/etc/passwd'),
    GroupFile: kind.path('/etc/group'),
    HomeDirectory: kind.path('/home'),
    /** Where xos-helper notes which home volumes are mounted: VolumeDirectory= of helper.conf. */
    HomeVolumeDirectory: kind.path('/run/xtreemos/home'),
    Shell: kind.path('/bin/bash'),
    FirstUserId: kind.integer(UID_MIN, { minimum: UID_MIN, maximum: UID_MAX }),
    LastUserId: kind.integer(UID_MAX, { minimum: UID_MIN, maximum: UID_MAX }),
    FirstGroupId: kind.integer(GID_MIN, { minimum: GID_MIN, maximum: GID_MAX }),
    LastGroupId: kind.integer(GID_MAX, { minimum: GID_MIN, maximum: GID_MAX }),
    /** Whether other name services are asked before an id is given; off only where they are known to be clear of it. */
    QueryNameServices: kind.boolean(true),
    /** An account that nobody used for so long is cleaned up; its name still resolves. */
    LeaseTime: kind.timeSpan(30 * day, { minimum: 1000 }),
    /** How long names and ids of those who left stay reserved. */
    TombstoneTime: kind.timeSpan(365 * day, { minimum: 1000 }),
    /** How long a pool or static account rests between two members. */
    LocalAccountRest: kind.timeSpan(3_600_000),
    /** What becomes of a session whose credential or lease expires. */
    ExpiredSession: kind.choice(['keep', 'end'], 'keep'),
    /** Whom this site does not let in: `user@vo`, `@vo`, `/vo/group`. */
    Deny: kind.textList(),
    /** Between two fetches of a membership list that no event asked for. */
    RefreshInterval: kind.timeSpan(900_000, { minimum: 1000 }),
    /** Whether `org.xtreemos.Accounts1` is offered on the system bus. */
    Bus: kind.boolean(true),
  },
  Login: {
    PamSocket: kind.path(PAM_SOCKET_PATH),
    NssSocket: kind.path(NSS_SOCKET_PATH),
    HelperSocket: kind.path('/run/xtreemos/helper/helper.sock'),
    /** Longest life of a session credential. */
    CredentialTime: kind.timeSpan(12 * 3_600_000, { minimum: 60_000 }),
    /** Whether a credential file whose key has no passphrase is good enough to log in. */
    AllowPlainKeys: kind.boolean(false),
    /** Local users besides root that may ask for SSH principals: `AuthorizedPrincipalsCommandUser` of sshd. */
    PrincipalsUsers: kind.textList(['nobody']),
  },
});

export type AccountsConfiguration = ConfigurationOf<typeof accountsConfiguration>;
