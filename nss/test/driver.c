/*
 * Runs the module's functions for the tests: one command a line on stdin, one line of answer each on stdout.
 *
 *   pwnam NAME SIZE   pwuid UID SIZE   grnam NAME SIZE   grgid GID SIZE   init NAME PRIMARY LIMIT
 *   setpw  getpw  setgr  getgr         fork COMMAND      threads COUNT MILLISECONDS ACCOUNTS
 *   corrupt FILE                       many PREFIX COUNT
 */
#include "../map.h"

#include <dirent.h>
#include <grp.h>
#include <nss.h>
#include <pthread.h>
#include <pwd.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum nss_status _nss_xos_getpwnam_r(const char *, struct passwd *, char *, size_t, int *);
enum nss_status _nss_xos_getpwuid_r(uid_t, struct passwd *, char *, size_t, int *);
enum nss_status _nss_xos_setpwent(int);
enum nss_status _nss_xos_getpwent_r(struct passwd *, char *, size_t, int *);
enum nss_status _nss_xos_getgrnam_r(const char *, struct group *, char *, size_t, int *);
enum nss_status _nss_xos_getgrgid_r(gid_t, struct group *, char *, size_t, int *);
enum nss_status _nss_xos_setgrent(int);
enum nss_status _nss_xos_getgrent_r(struct group *, char *, size_t, int *);
enum nss_status _nss_xos_initgroups_dyn(const char *, gid_t, long *, long *, gid_t **, long, int *);

static const char *status_name(enum nss_status status) {
    switch (status) {
    case NSS_STATUS_SUCCESS:
        return "SUCCESS";
    case NSS_STATUS_NOTFOUND:
        return "NOTFOUND";
    case NSS_STATUS_UNAVAIL:
        return "UNAVAIL";
    case NSS_STATUS_TRYAGAIN:
        return "TRYAGAIN";
    default:
        return "?";
    }
}

static void print_passwd(enum nss_status status, const struct passwd *p, const int *cause) {
    if (status == NSS_STATUS_SUCCESS)
        printf("SUCCESS %s:%s:%u:%u:%s:%s:%s\n", p->pw_name, p->pw_passwd, p->pw_uid, p->pw_gid, p->pw_gecos,
               p->pw_dir, p->pw_shell);
    else
        printf("%s %s\n", status_name(status), strerrorname_np(*cause));
}

static void print_group(enum nss_status status, const struct group *g, const int *cause) {
    if (status != NSS_STATUS_SUCCESS) {
        printf("%s %s\n", status_name(status), strerrorname_np(*cause));
        return;
    }
    printf("SUCCESS %s:%s:%u:", g->gr_name, g->gr_passwd, g->gr_gid);
    for (char **member = g->gr_mem; *member != NULL; member++)
        printf("%s%s", member == g->gr_mem ? "" : ",", *member);
    printf("\n");
}

/* Exactly size bytes, so that a sanitizer sees one too many. */
static char *room(size_t size) {
    return malloc(size == 0 ? 1 : size);
}

static void init(const char *name, gid_t primary, long limit) {
    long start = 1, size = 2;
    gid_t *groups = malloc(2 * sizeof *groups);
    groups[0] = primary;
    int cause = 0;
    enum nss_status status = _nss_xos_initgroups_dyn(name, primary, &start, &size, &groups, limit, &cause);
    printf("%s", status_name(status));
    if (status != NSS_STATUS_SUCCESS)
        printf(" %s", strerrorname_np(cause));
    for (long i = 0; status == NSS_STATUS_SUCCESS && i < start; i++)
        printf(" %u", groups[i]);
    printf("\n");
    free(groups);
}

struct worker {
    pthread_t thread;
    int accounts;
    unsigned seed;
    int64_t ends;
    long right, wrong;
};

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Account number n is user<n>@physics with uid UID_MIN + 7 n. */
static bool look_up(int number) {
    char name[64], buffer[512];
    struct passwd result;
    int cause;
    snprintf(name, sizeof name, "user%d@physics", number);
    if (_nss_xos_getpwnam_r(name, &result, buffer, sizeof buffer, &cause) != NSS_STATUS_SUCCESS ||
        result.pw_uid != XOS_UID_MIN + 7u * (unsigned)number)
        return false;
    return _nss_xos_getpwuid_r(result.pw_uid, &result, buffer, sizeof buffer, &cause) == NSS_STATUS_SUCCESS &&
           strcmp(result.pw_name, name) == 0;
}

static void *work(void *data) {
    struct worker *worker = data;
    while (now_ms() < worker->ends)
        for (int i = 0; i < 100; i++)
            *(look_up((int)(rand_r(&worker->seed) % (unsigned)worker->accounts)) ? &worker->right
                                                                                 : &worker->wrong) += 1;
    return NULL;
}

/* Threads look up while this one forks children that look up too. */
static void threads(int count, int milliseconds, int accounts) {
    struct worker workers[16] = {0};
    long right = 0, wrong = 0, children = 0, bad_children = 0;
    int64_t ends = now_ms() + milliseconds;
    for (int i = 0; i < count && i < 16; i++) {
        workers[i] = (struct worker){.accounts = accounts, .seed = (unsigned)i + 1, .ends = ends};
        pthread_create(&workers[i].thread, NULL, work, &workers[i]);
    }
    while (now_ms() < ends) {
        pid_t child = fork();
        if (child == 0) {
            for (int i = 0; i < 20; i++)
                if (!look_up(i % accounts))
                    _exit(1);
            _exit(0);
        }
        int status;
        waitpid(child, &status, 0);
        children++;
        bad_children += status != 0;
    }
    for (int i = 0; i < count && i < 16; i++) {
        pthread_join(workers[i].thread, NULL);
        right += workers[i].right;
        wrong += workers[i].wrong;
    }
    printf("right %ld wrong %ld children %ld bad %ld\n", right > 0 ? 1L : 0L, wrong, children > 0 ? 1L : 0L,
           bad_children);
}

/* Every answer of a map of bytes, against the true one where truth is not NULL. */
struct tally {
    long right, none, wrong;
};

static bool equal(struct xos_text a, struct xos_text b) {
    return a.length == b.length && memcmp(a.data, b.data, a.length) == 0;
}

static void judge_passwd(struct tally *tally, enum xos_found found, const struct xos_map_passwd *got,
                         const struct xos_map_passwd *truth) {
    if (found == XOS_DAMAGED)
        tally->none++;
    else if (found == XOS_FOUND && got->uid == truth->uid && got->gid == truth->gid &&
             equal(got->name, truth->name) && equal(got->gecos, truth->gecos) &&
             equal(got->home, truth->home) && equal(got->shell, truth->shell) &&
             got->group_count == truth->group_count &&
             memcmp(got->groups, truth->groups, 4 * truth->group_count) == 0)
        tally->right++;
    else
        tally->wrong++;
}

static void judge_group(struct tally *tally, enum xos_found found, const struct xos_map_group *got,
                        const struct xos_map_group *truth) {
    if (found == XOS_DAMAGED)
        tally->none++;
    else if (found == XOS_FOUND && got->gid == truth->gid && equal(got->name, truth->name) &&
             got->member_bytes == truth->member_bytes &&
             memcmp(got->members, truth->members, truth->member_bytes) == 0)
        tally->right++;
    else
        tally->wrong++;
}

static void try_map(const struct xos_map *good, const uint8_t *bytes, size_t size, struct tally *tally) {
    struct xos_map map;
    if (!xos_map_attach(&map, bytes, size)) {
        tally->none++;
        return;
    }
    struct xos_map_passwd passwd, got_passwd;
    struct xos_map_group group, got_group;
    uint32_t at = 0;
    while (xos_map_next_passwd(good, &at, &passwd) == XOS_FOUND) {
        judge_passwd(tally, xos_map_passwd_by_name(&map, passwd.name.data, passwd.name.length, &got_passwd),
                     &got_passwd, &passwd);
        judge_passwd(tally, xos_map_passwd_by_uid(&map, passwd.uid, &got_passwd), &got_passwd, &passwd);
    }
    for (at = 0; xos_map_next_group(good, &at, &group) == XOS_FOUND;) {
        judge_group(tally, xos_map_group_by_name(&map, group.name.data, group.name.length, &got_group),
                    &got_group, &group);
        judge_group(tally, xos_map_group_by_gid(&map, group.gid, &got_group), &got_group, &group);
    }
    tally->wrong += xos_map_passwd_by_name(&map, "nobody@physics", 14, &got_passwd) == XOS_FOUND;
    tally->wrong += xos_map_passwd_by_uid(&map, XOS_UID_MAX, &got_passwd) == XOS_FOUND;
}

/* Flips each bit of the file, sets each byte to 0 and 255, cuts it at each length. */
static void corrupt(const char *path) {
    FILE *file = fopen(path, "re");
    static uint8_t good_bytes[1 << 20];
    size_t size = fread(good_bytes, 1, sizeof good_bytes, file);
    fclose(file);
    struct xos_map good;
    struct tally tally = {0};
    if (!xos_map_attach(&good, good_bytes, size)) {
        printf("no map\n");
        return;
    }
    uint8_t *bytes = malloc(size);
    memcpy(bytes, good_bytes, size);
    try_map(&good, bytes, size, &tally);
    printf("whole: right %ld none %ld wrong %ld; ", tally.right, tally.none, tally.wrong);
    for (size_t at = 0; at < size; at++) {
        for (int how = 0; how < 10; how++) {
            bytes[at] = how < 8 ? (uint8_t)(good_bytes[at] ^ 1u << how) : how == 8 ? 0 : 255;
            try_map(&good, bytes, size, &tally);
        }
        bytes[at] = good_bytes[at];
    }
    free(bytes);
    for (size_t cut = 0; cut < size; cut++) {
        bytes = malloc(cut == 0 ? 1 : cut);
        memcpy(bytes, good_bytes, cut);
        try_map(&good, bytes, cut, &tally);
        free(bytes);
    }
    printf("damaged: right %d none %d wrong %ld\n", tally.right > 0, tally.none > 0, tally.wrong);
}

/* Looks up COUNT unknown names; says how many came out how, and whether a descriptor was left open. */
static int open_descriptors(void) {
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

static void many(const char *prefix, int count) {
    long found = 0, unknown = 0, unavailable = 0;
    int before = open_descriptors();
    for (int i = 0; i < count; i++) {
        char name[64], buffer[512];
        struct passwd result;
        int cause;
        snprintf(name, sizeof name, "%s%d@physics", prefix, i);
        enum nss_status status = _nss_xos_getpwnam_r(name, &result, buffer, sizeof buffer, &cause);
        *(status == NSS_STATUS_SUCCESS    ? &found
          : status == NSS_STATUS_NOTFOUND ? &unknown
                                          : &unavailable) += 1;
    }
    printf("found %ld unknown %ld unavailable %ld leaked %d\n", found, unknown, unavailable,
           open_descriptors() - before);
}

static void run(char *line) {
    char name[1024] = "";
    unsigned long a = 0, b = 0, c = 0;
    int cause = 0;
    struct passwd passwd;
    struct group group;
    char *buffer = NULL;
    if (sscanf(line, "pwnam %1023s %lu", name, &a) == 2) {
        buffer = room(a);
        print_passwd(_nss_xos_getpwnam_r(name, &passwd, buffer, a, &cause), &passwd, &cause);
    } else if (sscanf(line, "pwuid %lu %lu", &a, &b) == 2) {
        buffer = room(b);
        print_passwd(_nss_xos_getpwuid_r((uid_t)a, &passwd, buffer, b, &cause), &passwd, &cause);
    } else if (sscanf(line, "grnam %1023s %lu", name, &a) == 2) {
        buffer = room(a);
        print_group(_nss_xos_getgrnam_r(name, &group, buffer, a, &cause), &group, &cause);
    } else if (sscanf(line, "grgid %lu %lu", &a, &b) == 2) {
        buffer = room(b);
        print_group(_nss_xos_getgrgid_r((gid_t)a, &group, buffer, b, &cause), &group, &cause);
    } else if (sscanf(line, "init %1023s %lu %lu", name, &a, &b) == 3) {
        init(name, (gid_t)a, b == 0 ? -1 : (long)b);
    } else if (strcmp(line, "setpw") == 0) {
        printf("%s\n", status_name(_nss_xos_setpwent(0)));
    } else if (strcmp(line, "getpw") == 0) {
        buffer = room(512);
        print_passwd(_nss_xos_getpwent_r(&passwd, buffer, 512, &cause), &passwd, &cause);
    } else if (strcmp(line, "setgr") == 0) {
        printf("%s\n", status_name(_nss_xos_setgrent(0)));
    } else if (strcmp(line, "getgr") == 0) {
        buffer = room(512);
        print_group(_nss_xos_getgrent_r(&group, buffer, 512, &cause), &group, &cause);
    } else if (sscanf(line, "threads %lu %lu %lu", &a, &b, &c) == 3) {
        threads((int)a, (int)b, (int)c);
    } else if (sscanf(line, "corrupt %1023s", name) == 1) {
        corrupt(name);
    } else if (sscanf(line, "many %1023s %lu", name, &a) == 2) {
        many(name, (int)a);
    } else if (strncmp(line, "fork ", 5) == 0) {
        pid_t child = fork();
        if (child == 0) {
            run(line + 5);
            exit(0);
        }
        int status;
        waitpid(child, &status, 0);
        if (status != 0)
            printf("the child ended with %d\n", status);
    } else {
        printf("unknown command %s\n", line);
    }
    free(buffer);
    fflush(stdout);
}

int main(void) {
    static char line[2048];
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = 0;
        run(line);
    }
    return 0;
}
