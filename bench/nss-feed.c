/*
 * libnss_benchfeed.so.2: accounts user<n>.physics made up by arithmetic, which sssd's proxy provider takes
 * its data from. Reading them costs nothing, so that filling sssd's cache takes as little time as it can;
 * what is measured is the cache.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <nss.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ID 100000u
#define FIRST_GROUP 50000u
#define GROUP_MEMBERS 8u

enum nss_status _nss_benchfeed_getpwuid_r(uid_t uid, struct passwd *result, char *buffer, size_t size,
                                          int *errnop) {
    unsigned number = uid - FIRST_ID;
    if (uid < FIRST_ID)
        return NSS_STATUS_NOTFOUND;
    int used = snprintf(buffer, size, "user%u.physics%c/home/physics/user%u%cPerson %u", number, 0, number, 0,
                        number);
    if (used < 0 || (size_t)used >= size) {
        *errnop = ERANGE;
        return NSS_STATUS_TRYAGAIN;
    }
    char *home = buffer + strlen(buffer) + 1;
    *result = (struct passwd){buffer, "*", uid, uid, home + strlen(home) + 1, home, "/bin/bash"};
    return NSS_STATUS_SUCCESS;
}

enum nss_status _nss_benchfeed_getpwnam_r(const char *name, struct passwd *result, char *buffer, size_t size,
                                          int *errnop) {
    unsigned number;
    int end = 0;
    if (strncmp(name, "user", 4) != 0) /* glibc's own cost is measured by names that end here */
        return NSS_STATUS_NOTFOUND;
    if (sscanf(name, "user%u.physics%n", &number, &end) != 1 || end == 0 || name[end] != 0)
        return NSS_STATUS_NOTFOUND;
    return _nss_benchfeed_getpwuid_r(FIRST_ID + number, result, buffer, size, errnop);
}

/* The group of eight accounts, or an account's private group without members. */
enum nss_status _nss_benchfeed_getgrgid_r(gid_t gid, struct group *result, char *buffer, size_t size,
                                          int *errnop) {
    int private = gid >= FIRST_ID;
    unsigned number = gid - (private ? FIRST_ID : FIRST_GROUP), count = private ? 0 : GROUP_MEMBERS;
    if (gid < FIRST_GROUP)
        return NSS_STATUS_NOTFOUND;
    if (size < (GROUP_MEMBERS + 1) * (sizeof(char *) + 32)) {
        *errnop = ERANGE;
        return NSS_STATUS_TRYAGAIN;
    }
    char **members = (char **)(void *)buffer;
    char *at = buffer + (GROUP_MEMBERS + 1) * sizeof(char *);
    char *name = at;
    at += snprintf(at, 32, private ? "user%u.physics" : "group%u.physics", number) + 1;
    for (unsigned i = 0; i < count; i++) {
        members[i] = at;
        at += snprintf(at, 32, "user%u.physics", number * GROUP_MEMBERS + i) + 1;
    }
    members[count] = NULL;
    *result = (struct group){name, "*", gid, members};
    return NSS_STATUS_SUCCESS;
}

enum nss_status _nss_benchfeed_getgrnam_r(const char *name, struct group *result, char *buffer, size_t size,
                                          int *errnop) {
    unsigned number;
    if (sscanf(name, "user%u", &number) == 1)
        return _nss_benchfeed_getgrgid_r(FIRST_ID + number, result, buffer, size, errnop);
    if (sscanf(name, "group%u", &number) == 1)
        return _nss_benchfeed_getgrgid_r(FIRST_GROUP + number, result, buffer, size, errnop);
    return NSS_STATUS_NOTFOUND;
}

enum nss_status _nss_benchfeed_initgroups_dyn(const char *user, gid_t group, long *start, long *size,
                                              gid_t **groups, long limit, int *errnop) {
    unsigned number;
    (void)group, (void)limit, (void)errnop;
    if (sscanf(user, "user%u", &number) != 1)
        return NSS_STATUS_NOTFOUND;
    if (*start == *size) {
        *groups = realloc(*groups, (size_t)(*size += 16) * sizeof **groups);
    }
    (*groups)[(*start)++] = FIRST_GROUP + number / GROUP_MEMBERS;
    return NSS_STATUS_SUCCESS;
}

enum nss_status _nss_benchfeed_setpwent(void) {
    return NSS_STATUS_SUCCESS;
}
enum nss_status _nss_benchfeed_getpwent_r(struct passwd *result, char *buffer, size_t size, int *errnop) {
    (void)result, (void)buffer, (void)size, (void)errnop;
    return NSS_STATUS_NOTFOUND;
}
enum nss_status _nss_benchfeed_endpwent(void) {
    return NSS_STATUS_SUCCESS;
}
enum nss_status _nss_benchfeed_setgrent(void) {
    return NSS_STATUS_SUCCESS;
}
enum nss_status _nss_benchfeed_getgrent_r(struct group *result, char *buffer, size_t size, int *errnop) {
    (void)result, (void)buffer, (void)size, (void)errnop;
    return NSS_STATUS_NOTFOUND;
}
enum nss_status _nss_benchfeed_endgrent(void) {
    return NSS_STATUS_SUCCESS;
}
