/**
 * What xos-helper can be asked. There is nothing generic here: no path, no command line as root, no mode bits.
 * Ids are decimal numbers inside the managed ranges of docs/architecture.md; `sessionId` is
 * `[A-Za-z0-9][A-Za-z0-9_-]{0,63}`; `loginName` is `user@alias`. Anything else is refused.
 *
 * Errors of every request: XOS_INPUT_BAD (breaks the protocol or a grammar; nothing was done), XOS_PERMISSION (this
 * caller may not ask this), XOS_UID_OUT_OF_RANGE, XOS_RESOURCE_EXHAUSTED (too many requests at once),
 * XOS_STORAGE_FULL, XOS_STORAGE_FAILED; those of the client: XOS_UNREACHABLE, XOS_TIMEOUT, XOS_PROTOCOL.
 */

/** Lists what `open-credential-file` would open. */
export interface ListCredentialFilesRequest {
  readonly type: 'list-credential-files';
}

export interface CredentialFile {
  /** What to pass to `open-credential-file`: the path relative to its credential directory. */
  readonly name: string;
  /** The credential directory it lies beneath, absolute. */
  readonly directory: string;
  readonly sizeBytes: number;
  /** Modification time, milliseconds since 1970. */
  readonly modifiedMs: number;
}

export interface ListCredentialFilesReply {
  readonly files: readonly CredentialFile[];
  /** True when there were more than fit (128 files, 1,000 directories, 2 s). */
  readonly truncated: boolean;
}

/**
 * Opens a credential file. `name` is a listed name, an absolute path beneath a credential directory, or a bare file
 * name when exactly one file has it. The reply carries one descriptor: read-only, of a private copy made now (at most
 * 1 MiB), positioned at 0. Errors: XOS_CREDENTIAL_MISSING, XOS_CREDENTIAL_AMBIGUOUS (`details.choices`),
 * XOS_PATH_REFUSED (link, FIFO, device, too large, other extension), XOS_TIMEOUT (a hanging medium).
 */
export interface OpenCredentialFileRequest {
  readonly type: 'open-credential-file';
  readonly name: string;
}

export interface OpenCredentialFileReply {
  /** The absolute path that was opened, for the log and for messages. */
  readonly path: string;
  readonly sizeBytes: number;
}

/**
 * Makes `/home/<alias>/<user>` from /etc/skel, owned by uid:gid, mode 0700. Idempotent; a home that exists and belongs
 * to the uid is left alone. Error: XOS_EXISTS when something else is there.
 */
export interface MakeHomeRequest {
  readonly type: 'make-home';
  readonly uid: number;
  readonly gid: number;
  readonly loginName: string;
}

export interface MakeHomeReply {
  /** Absolute path. */
  readonly home: string;
  /** False when the home was there already. */
  readonly created: boolean;
}

/**
 * Writes the session credential. The request carries one descriptor: a sealed memfd (so that nobody can change it or
 * make the reader wait) of 1 byte to 64 KiB of PEM. An existing proxy.pem of the same session is replaced atomically.
 */
export interface WriteSessionRequest {
  readonly type: 'write-session';
  readonly uid: number;
  readonly gid: number;
  readonly sessionId: string;
}

export interface WriteSessionReply {
  /** `/run/xtreemos/session/<uid>/<sessionId>` */
  readonly directory: string;
  /** `<directory>/proxy.pem`: the value of X509_USER_PROXY. */
  readonly proxyPath: string;
}

/** Removes a session's directory and its (empty) cgroup. Idempotent. */
export interface RemoveSessionRequest {
  readonly type: 'remove-session';
  readonly uid: number;
  readonly sessionId: string;
}

export interface RemoveSessionReply {
  /** False when there was nothing. */
  readonly removed: boolean;
}

/** The session directories there are, so that one left by a crash is found: those of uids above `afterUid`, a page at a time. */
export interface ListSessionsRequest {
  readonly type: 'list-sessions';
  readonly afterUid: number;
}

export interface ListSessionsReply {
  /** By rising uid; all of a uid's, or its first 300. */
  readonly sessions: readonly { readonly uid: number; readonly sessionId: string }[];
  /** Uids above the last one listed have sessions too. */
  readonly isMore: boolean;
}

/** Revokes kernel keys: of type `user`, owned by root, described `xos:credential`, nothing else. At most 256 serials. */
export interface RevokeKeysRequest {
  readonly type: 'revoke-keys';
  readonly serials: readonly number[];
}

export interface RevokeKeysReply {
  readonly revoked: readonly number[];
  /** Gone, expired or revoked already. */
  readonly absent: readonly number[];
  /** Keys that are not ours; untouched. */
  readonly refused: readonly number[];
}

/** Publishes the NSS map. The request carries one descriptor, a sealed memfd; header and size are checked, then it is copied. */
export interface PublishMapRequest {
  readonly type: 'publish-map';
}

export interface PublishMapReply {
  readonly path: string;
  readonly sizeBytes: number;
}

/**
 * Puts a session leader into its account's cgroup, so that `end-account` finds all it starts. `startTime` is field 22 of
 * /proc/PID/stat (clock ticks since boot), read by the caller when it learned the pid. Errors: XOS_NOT_FOUND when the
 * process is gone or the pid is another process's by now; XOS_PERMISSION when it belongs to another user;
 * XOS_NOT_SUPPORTED without cgroup2.
 */
export interface PlaceProcessRequest {
  readonly type: 'place-process';
  readonly pid: number;
  readonly startTime: number;
  readonly uid: number;
  readonly sessionId: string;
}

export interface PlaceProcessReply {
  /** `logind`: PID 1 is systemd and pam_systemd places sessions itself; nothing was done. */
  readonly placedBy: 'helper' | 'logind';
  /** The cgroup's directory, where placed by the helper. */
  readonly cgroup?: string;
}

/** Kills everything an account runs: its cgroups, its slice, then every process of the uid. */
export interface EndAccountRequest {
  readonly type: 'end-account';
  readonly uid: number;
}

export interface EndAccountReply {
  /** Cgroups that were killed through cgroup.kill. */
  readonly cgroupsKilled: number;
  /** True when `user-<uid>.slice` was stopped through PID 1. */
  readonly sliceStopped: boolean;
  /** Processes of the uid that are still there (unkillable, in uninterruptible sleep): 0 is success. */
  readonly processesLeft: number;
}

/**
 * Removes what an account leaves on the host outside its home. Refused with XOS_STATE_WRONG while processes of the uid run:
 * `end-account` comes first.
 */
export interface SweepRequest {
  readonly type: 'sweep';
  readonly uid: number;
  /** Some leftovers (linger, crontabs of some distributions) go by name. */
  readonly loginName: string;
}

export interface SweepReply {
  /** Files, directories and other entries removed beneath the swept directories. */
  readonly filesRemoved: number;
  /**
   * For the administrator, at most 64: directories of the account that hold other people's files (kept, given to root), and
   * other people's directories that could not be searched, with the reason.
   */
  readonly directoriesKept: readonly string[];
  readonly sharedMemoryRemoved: number;
  readonly semaphoresRemoved: number;
  readonly messageQueuesRemoved: number;
  readonly cronEntriesRemoved: number;
  readonly lingerRemoved: boolean;
  readonly keyringsCleared: number;
  readonly sessionsRemoved: number;
  /** What could not be removed and why, at most 64 lines. Empty is success. */
  readonly problems: readonly string[];
  /** False when the time limit ended the walk: ask again. */
  readonly complete: boolean;
}

export type HostRole = 'accounts' | 'dir' | 'mrc' | 'osd' | 'srds' | 'exec';

/**
 * Installs a renewed host certificate (chain without the root) beside its existing key. Refused when the first
 * certificate's public key is not the key's, or it expired.
 */
export interface InstallHostCertificateRequest {
  readonly type: 'install-host-certificate';
  /** VO id. */
  readonly vo: string;
  readonly role: HostRole;
  /** PEM, at most 32 KiB. */
  readonly pem: string;
}

export interface InstallHostCertificateReply {
  readonly path: string;
}

/** Limits of a service; all optional, all checked against their ranges. */
export interface ServiceLimits {
  /** Bytes of memory (MemoryMax=), 1 MiB - 64 TiB. */
  readonly memoryBytes?: number;
  /** Processes and threads (TasksMax=), 1 - 4194304. */
  readonly tasks?: number;
  /** Share of CPU time, 100 = one CPU (CPUQuota=), 1 - 1638400. */
  readonly cpuPercent?: number;
  /** Wall-clock limit (RuntimeMaxSec=), 1 - 31536000 s. */
  readonly runtimeSeconds?: number;
  /** RLIMIT_NOFILE, 16 - 1048576. */
  readonly openFiles?: number;
  /** RLIMIT_FSIZE in bytes. */
  readonly fileSizeBytes?: number;
  /** RLIMIT_CORE in bytes. */
  readonly coreSizeBytes?: number;
  /** RLIMIT_CPU, 1 - 31536000 s. */
  readonly cpuSeconds?: number;
}

/**
 * Starts a program of a user as a transient service of PID 1 (or by the launcher where PID 1 is not systemd). Asked by
 * xos-exec, which listens, where it wants the program's streams, on `/run/xtreemos/exec/<name>/stdin`, `stdout` and
 * `stderr`. Errors: XOS_EXISTS (a unit of that name), XOS_LAUNCH_FAILED, XOS_NOT_SUPPORTED (a limit that this host cannot
 * enforce: it has no cgroup controller for it).
 */
export interface StartServiceRequest {
  readonly type: 'start-service';
  /** `[a-z0-9][a-z0-9-]{0,63}`; the unit is `xos-job-<name>.service`. */
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly loginName: string;
  /** VO groups, shipped with the job so that nothing is looked up; at most 64. */
  readonly supplementaryGids: readonly number[];
  /** Program (absolute path) and arguments: 1 - 1024 strings. */
  readonly command: readonly string[];
  /** At most 256 variables. Names `[A-Za-z_][A-Za-z0-9_]*`; XOS_LOGIN_HANDLE is refused. */
  readonly environment: Readonly<Record<string, string>>;
  /** Directory relative to the account's home, `''` for the home itself. */
  readonly workingDirectory: string;
  readonly limits: ServiceLimits;
  /** `sockets`: three stream sockets as above; `null`: /dev/null. */
  readonly stdio: 'null' | 'sockets';
}

export interface StartServiceReply {
  readonly unit: string;
  readonly startedBy: 'systemd' | 'launcher';
  /** Pid of the service's main process (systemd) or of its launcher, 0 where systemd did not say. */
  readonly mainPid: number;
}

export interface StopServiceRequest {
  readonly type: 'stop-service';
  readonly name: string;
  readonly uid: number;
}

export interface StopServiceReply {
  /** False when no such service was there. */
  readonly stopped: boolean;
}

/**
 * Mounts the account's home volume on `/home/<alias>/<user>` by `xos-home@<uid>.service` of PID 1, and waits until it is there or
 * has failed. Idempotent. Errors: XOS_EXISTS (a local home is in the way), XOS_LAUNCH_FAILED with the unit's reason,
 * XOS_NOT_SUPPORTED (PID 1 is not systemd).
 */
export interface StartHomeRequest {
  readonly type: 'start-home';
  readonly uid: number;
  readonly gid: number;
  readonly loginName: string;
  /** VO id. */
  readonly vo: string;
  /** `[A-Za-z0-9][A-Za-z0-9._-]{0,63}` */
  readonly volume: string;
  /** Address of the DIR, `host:port`. */
  readonly directory: string;
}

export interface StartHomeReply {
  readonly unit: string;
  /** Where it is mounted, absolute. */
  readonly home: string;
}

/** Unmounts it after what was written is safe, which may take a minute. Idempotent. */
export interface StopHomeRequest {
  readonly type: 'stop-home';
  readonly uid: number;
}

export interface StopHomeReply {
  /** False when it was not mounted. */
  readonly stopped: boolean;
  /** Absent: everything was written before. */
  readonly problem?: string;
}

/** Reply type by request type. */
export interface HelperReplies {
  readonly 'list-credential-files': ListCredentialFilesReply;
  readonly 'open-credential-file': OpenCredentialFileReply;
  readonly 'make-home': MakeHomeReply;
  readonly 'write-session': WriteSessionReply;
  readonly 'remove-session': RemoveSessionReply;
  readonly 'list-sessions': ListSessionsReply;
  readonly 'revoke-keys': RevokeKeysReply;
  readonly 'publish-map': PublishMapReply;
  readonly 'place-process': PlaceProcessReply;
  readonly 'end-account': EndAccountReply;
  readonly sweep: SweepReply;
  readonly 'install-host-certificate': InstallHostCertificateReply;
  readonly 'start-service': StartServiceReply;
  readonly 'stop-service': StopServiceReply;
  readonly 'start-home': StartHomeReply;
  readonly 'stop-home': StopHomeReply;
}

export type HelperRequest =
  | ListCredentialFilesRequest
  | OpenCredentialFileRequest
  | MakeHomeRequest
  | WriteSessionRequest
  | RemoveSessionRequest
  | ListSessionsRequest
  | RevokeKeysRequest
  | PublishMapRequest
  | PlaceProcessRequest
  | EndAccountRequest
  | SweepRequest
  | InstallHostCertificateRequest
  | StartServiceRequest
  | StopServiceRequest
  | StartHomeRequest
  | StopHomeRequest;

export type HelperRequestType = HelperRequest['type'];
