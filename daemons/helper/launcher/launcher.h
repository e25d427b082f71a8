/* xos-launch: the single-threaded part of xos-helper. Called by xos-helper alone, as root. */
#ifndef XOS_LAUNCHER_H
#define XOS_LAUNCHER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Never root, the system's ids or nobody, whatever xos-helper's configuration or a defect in it says; the
 * exact ranges are its matter. Above 2^31 - 1 lies the guard.
 */
#define XOS_ID_MINIMUM 1000u
#define XOS_ID_MAXIMUM 2147483647u

/*
 * Real and saved uid of a process that acts for an account from outside: no process of the account (whose
 * real uid is another) may signal or trace it. systemd's UIDS-GIDS.md keeps everything from 2^31 on unused.
 */
#define XOS_GUARD_ID 4294967280u

/* Exit codes beside those of a service: 0 done, 1 failed, 2 usage, 3 processes are left. */
enum { XOS_EXIT_FAILED = 1, XOS_EXIT_USAGE = 2, XOS_EXIT_LEFT = 3 };

/* identity.c */
bool xos_parse_number(const char *text, unsigned long long minimum, unsigned long long maximum,
                      unsigned long long *number);
bool xos_parse_account_id(const char *text, uid_t *id);
/* Drops to (real, effective, saved) uid, the same gid for all, these groups; proves that root is gone. */
int xos_become(uid_t real, uid_t effective, gid_t gid, size_t group_count, const gid_t *groups);
void xos_close_from(int first);

/* kill-uid.c: kills every process of the uid; prints how many are left. */
int xos_kill_uid(uid_t uid, unsigned deadline_seconds);

/* leftovers.c: removes System V IPC objects and clears keyrings of the uid; prints counts. */
int xos_remove_leftovers(uid_t uid);

/* service.c: runs a program of a user inside a PAM session until it ends. */
int xos_run_service(int argc, char **argv);

#define XOS_MAXIMUM_GROUPS 64
#define XOS_MAXIMUM_LIMITS 8

struct xos_limit {
    int resource;
    unsigned long long value;
};

struct xos_service {
    uid_t uid;
    gid_t gid;
    size_t group_count;
    gid_t groups[XOS_MAXIMUM_GROUPS];
    const char *login_name;
    const char *directory;
    const char *cgroup;      /* directory, or NULL */
    const char *stdio;       /* directory of the sockets stdin, stdout, stderr, or NULL for /dev/null */
    const char *pam_service; /* default xos-exec */
    unsigned runtime_seconds;
    size_t limit_count;
    struct xos_limit limits[XOS_MAXIMUM_LIMITS];
    char **command;
};

/* service-options.c: parses the arguments after --run. Returns false after a message on stderr. */
bool xos_parse_service(int argc, char **argv, struct xos_service *service);

#endif
