/* Run by the kernel, as root, when a program asked for the key xos:credential and none of its keyrings has it
 * (request-key(8)): gives the key the credential of the user's newest grid session, or says that there is
 * none.
 *
 * The files belong to the user, so they are read with the user's rights: whatever the user puts in their
 * place, nothing comes into the key that the user could not have read. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/keyctl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <syslog.h>
#include <unistd.h>

#define SESSION_ROOT "/run/xtreemos/session"
#define CREDENTIAL "proxy.pem"
#define KEY_TYPE "user"
#define KEY_DESCRIPTION "xos:credential"
/* What a key of type user holds at most (security/keys/user_defined.c). */
#define MOST_BYTES 32767
/* A user may fill the directory with names; a login makes one. */
#define MOST_SESSIONS 4096
/* After that the kernel asks again: a closed session's credential does not stay, a renewed one is found. */
#define KEY_SECONDS 300
/* How long the answer "none" stands, so that a program that keeps asking starts no process each time. */
#define NEGATIVE_SECONDS 5

struct selection {
    int descriptor;
    struct timespec modified;
    char session[NAME_MAX + 1];
};

static void complain(const char *what, const char *on) {
    int failed = errno;
    fprintf(stderr, "xos-request-key: %s %s: %s\n", what, on, strerror(failed));
    syslog(LOG_ERR, "%s %s: %s", what, on, strerror(failed));
}

static bool parse_number(const char *text, unsigned long most, unsigned long *number) {
    if (text[0] < '0' || text[0] > '9')
        return false;
    char *end;
    errno = 0;
    *number = strtoul(text, &end, 10);
    return errno == 0 && *end == '\0' && *number <= most;
}

static int open_beneath(int directory, const char *path, int flags) {
    struct open_how how = {
        .flags = (unsigned)flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
    };
    long descriptor;
    int attempts = 0;
    do
        descriptor = syscall(SYS_openat2, directory, path, &how, sizeof how);
    while (descriptor < 0 && errno == EAGAIN && ++attempts < 8);
    return (int)descriptor;
}

static bool newer(const struct timespec *one, const struct timespec *other) {
    return one->tv_sec != other->tv_sec ? one->tv_sec > other->tv_sec : one->tv_nsec > other->tv_nsec;
}

/* A credential that its user alone can read and write. */
static bool acceptable(const struct stat *status, uid_t uid) {
    return S_ISREG(status->st_mode) && status->st_uid == uid && (status->st_mode & 077) == 0 &&
           status->st_size > 0 && status->st_size <= MOST_BYTES;
}

static void consider(int directory, const char *session, uid_t uid, struct selection *best) {
    char path[NAME_MAX + 1 + sizeof CREDENTIAL];
    int length = snprintf(path, sizeof path, "%s/%s", session, CREDENTIAL);
    if (length < 0 || (size_t)length >= sizeof path)
        return;
    int descriptor = open_beneath(directory, path, O_RDONLY);
    if (descriptor < 0)
        return;
    struct stat status;
    if (fstat(descriptor, &status) != 0 || !acceptable(&status, uid) ||
        (best->descriptor >= 0 && !newer(&status.st_mtim, &best->modified))) {
        close(descriptor);
        return;
    }
    if (best->descriptor >= 0)
        close(best->descriptor);
    best->descriptor = descriptor;
    best->modified = status.st_mtim;
    memcpy(best->session, session, strlen(session) + 1);
}

/* The directory of the user's sessions, which only root may list and change
 * (daemons/helper/session-directory.ts): opened before the user's rights are taken. -1 when there is none. */
static int open_sessions(const char *root, uid_t uid) {
    char name[16];
    snprintf(name, sizeof name, "%u", (unsigned)uid);
    int top = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (top < 0)
        return -1;
    int sessions = open_beneath(top, name, O_RDONLY | O_DIRECTORY);
    close(top);
    if (sessions < 0)
        return -1;
    struct stat status;
    if (fstat(sessions, &status) != 0 || status.st_uid != 0 || (status.st_mode & 022) != 0) {
        close(sessions);
        return -1;
    }
    return sessions;
}

/* The newest acceptable credential of the user's sessions, read with his rights; best->descriptor is -1 when
 * there is none. Closes `sessions`. */
static void select_credential(int sessions, uid_t uid, struct selection *best) {
    best->descriptor = -1;
    if (sessions < 0)
        return;
    DIR *listing = fdopendir(sessions);
    if (listing == NULL) {
        close(sessions);
        return;
    }
    const struct dirent *entry;
    for (int count = 0; count < MOST_SESSIONS && (entry = readdir(listing)) != NULL; count++) {
        if (entry->d_name[0] != '.')
            consider(sessions, entry->d_name, uid, best);
    }
    closedir(listing);
}

/* For good: nothing after this needs root. */
static bool become(uid_t uid, gid_t gid) {
    if (geteuid() != 0)
        return geteuid() == uid;
    return setgroups(0, NULL) == 0 && setresgid(gid, gid, gid) == 0 && setresuid(uid, uid, uid) == 0;
}

static long keyctl(long operation, unsigned long a, unsigned long b, unsigned long c, unsigned long d) {
    return syscall(SYS_keyctl, operation, a, b, c, d);
}

/* The key's owner is the one who asked; the kernel says the same in the argument. */
static bool read_requestor(unsigned long key, uid_t expected, gid_t *gid) {
    char text[512];
    long length = keyctl(KEYCTL_DESCRIBE, key, (unsigned long)text, sizeof text - 1, 0);
    if (length < 1 || (size_t)length > sizeof text - 1)
        return false;
    text[length] = '\0';
    unsigned uid;
    unsigned group;
    int description = 0;
    if (sscanf(text, KEY_TYPE ";%u;%u;%*x;%n", &uid, &group, &description) != 2 || description == 0)
        return false;
    *gid = group;
    return uid == expected && strcmp(text + description, KEY_DESCRIPTION) == 0;
}

static bool instantiate(unsigned long key, int descriptor) {
    static char payload[MOST_BYTES + 1];
    size_t length = 0;
    ssize_t count;
    while (length < sizeof payload &&
           (count = read(descriptor, payload + length, sizeof payload - length)) != 0) {
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            break;
        length += (size_t)count;
    }
    bool done = length > 0 && length <= MOST_BYTES &&
                keyctl(KEYCTL_SET_TIMEOUT, key, KEY_SECONDS, 0, 0) == 0 &&
                keyctl(KEYCTL_INSTANTIATE, key, (unsigned long)payload, length, 0) == 0;
    explicit_bzero(payload, sizeof payload);
    return done;
}

static int answer(unsigned long key, uid_t uid) {
    openlog("xos-request-key", LOG_PID, LOG_AUTHPRIV);
    if (keyctl(KEYCTL_ASSUME_AUTHORITY, key, 0, 0, 0) < 0) {
        complain("cannot assume authority over key of", "the request");
        return 1;
    }
    gid_t gid;
    struct selection best = {.descriptor = -1};
    if (!read_requestor(key, uid, &gid))
        complain("not a request that is answered here:", KEY_DESCRIPTION);
    else {
        int sessions = open_sessions(SESSION_ROOT, uid);
        if (become(uid, gid))
            select_credential(sessions, uid, &best);
        else
            complain("cannot take the rights of", "the user");
    }
    if (best.descriptor >= 0 && instantiate(key, best.descriptor))
        return 0;
    if (keyctl(KEYCTL_REJECT, key, NEGATIVE_SECONDS, ENOKEY, 0) != 0)
        complain("cannot refuse", KEY_DESCRIPTION);
    return 1;
}

static int print_selection(const char *root, uid_t uid) {
    int sessions = open_sessions(root, uid);
    if (!become(uid, uid)) {
        complain("cannot take the rights of", "the user");
        return 2;
    }
    struct selection best;
    select_credential(sessions, uid, &best);
    if (best.descriptor < 0)
        return 1;
    printf("%s/%s\n", best.session, CREDENTIAL);
    close(best.descriptor);
    return 0;
}

int main(int argc, char **argv) {
    unsigned long key;
    unsigned long uid;
    if (argc == 4 && strcmp(argv[1], "--print-selection") == 0 && parse_number(argv[3], UINT_MAX - 1UL, &uid))
        return print_selection(argv[2], (uid_t)uid);
    if (argc == 3 && parse_number(argv[1], INT_MAX, &key) && parse_number(argv[2], UINT_MAX - 1UL, &uid))
        return answer(key, (uid_t)uid);
    fprintf(
        stderr,
        "usage: xos-request-key KEY UID\n"
        "       xos-request-key --print-selection ROOT UID\n"
        "Run by the kernel through /etc/request-key.d/xos.conf; the second form shows what it would take.\n");
    return 2;
}
