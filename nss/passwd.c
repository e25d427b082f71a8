/* The passwd database and initgroups. */
#include "account.h"

#include "../packages/module-protocol/c/xos_names.h"

#include <stdatomic.h>

#define EXPORT __attribute__((visibility("default")))

static enum nss_status not_found(int *errnop) {
    *errnop = ENOENT;
    return NSS_STATUS_NOTFOUND;
}

static enum nss_status get_passwd(struct xos_question question, struct passwd *result, char *buffer,
                                  size_t size, int *errnop) {
    struct xos_answer answer;
    enum nss_status status = xos_find_account(question, &answer, errnop);
    if (status == NSS_STATUS_SUCCESS) {
        status = xos_fill_passwd(&answer.account, result, buffer, size, errnop);
        xos_answer_free(&answer);
    }
    return status;
}

EXPORT enum nss_status _nss_xos_getpwnam_r(const char *name, struct passwd *result, char *buffer, size_t size,
                                           int *errnop) {
    size_t length = xos_login_name_length(name);
    if (length == 0 || xos_switched_off())
        return not_found(errnop);
    return get_passwd((struct xos_question){name, length, 0}, result, buffer, size, errnop);
}

EXPORT enum nss_status _nss_xos_getpwuid_r(uid_t uid, struct passwd *result, char *buffer, size_t size,
                                           int *errnop) {
    if (!xos_is_managed_uid(uid) || xos_switched_off())
        return not_found(errnop);
    return get_passwd((struct xos_question){NULL, 0, uid}, result, buffer, size, errnop);
}

/* Where the enumeration stands. A map replaced meanwhile ends it; glibc serializes its callers. */
static _Atomic uint64_t position_serial;
static _Atomic uint32_t position;

EXPORT enum nss_status _nss_xos_setpwent(int stay_open) {
    (void)stay_open;
    atomic_store(&position, 0);
    return NSS_STATUS_SUCCESS;
}

EXPORT enum nss_status _nss_xos_endpwent(void) {
    atomic_store(&position, 0);
    return NSS_STATUS_SUCCESS;
}

EXPORT enum nss_status _nss_xos_getpwent_r(struct passwd *result, char *buffer, size_t size, int *errnop) {
    const struct xos_map *map = xos_switched_off() ? NULL : xos_map_acquire(false);
    if (map == NULL)
        return not_found(errnop);
    uint32_t at = atomic_load(&position);
    struct xos_map_passwd found;
    enum nss_status status = not_found(errnop);
    if (map->enumerate && (at == 0 || atomic_load(&position_serial) == map->serial) &&
        xos_map_next_passwd(map, &at, &found) == XOS_FOUND) {
        struct xos_passwd_line account = {found.name,  found.gecos, found.home,
                                          found.shell, found.uid,   found.gid};
        status = xos_fill_passwd(&account, result, buffer, size, errnop);
        if (status == NSS_STATUS_SUCCESS) {
            atomic_store(&position_serial, map->serial);
            atomic_store(&position, at);
        }
    }
    xos_map_release(map);
    return status;
}

/* Appends gid to the caller's list unless it is the primary one or there already. */
static enum nss_status add_group(uint32_t gid, gid_t primary, long *start, long *size, gid_t **groups,
                                 long limit, int *errnop) {
    if (gid == primary)
        return NSS_STATUS_SUCCESS;
    for (long i = 0; i < *start; i++)
        if ((*groups)[i] == gid)
            return NSS_STATUS_SUCCESS;
    if (*start == *size) {
        if (limit > 0 && *size >= limit)
            return NSS_STATUS_SUCCESS; /* the kernel takes no more, so neither does the caller */
        long grown = *size <= 0 ? 16 : *size * 2;
        if (limit > 0 && grown > limit)
            grown = limit;
        gid_t *moved = realloc(*groups, (size_t)grown * sizeof **groups);
        if (moved == NULL) {
            *errnop = ENOMEM;
            return NSS_STATUS_TRYAGAIN;
        }
        *groups = moved;
        *size = grown;
    }
    (*groups)[(*start)++] = gid;
    return NSS_STATUS_SUCCESS;
}

static bool is_group_of(uint32_t gid, uint32_t uid) {
    return xos_is_managed_gid(gid) || gid == uid;
}

static enum xos_found groups_in_map(const struct xos_map *map, const struct xos_question *question,
                                    void *found) {
    return xos_map_passwd_by_name(map, question->name, question->length, found);
}

EXPORT enum nss_status _nss_xos_initgroups_dyn(const char *user, gid_t primary, long *start, long *size,
                                               gid_t **groups, long limit, int *errnop) {
    size_t length = xos_login_name_length(user);
    if (length == 0 || xos_switched_off())
        return not_found(errnop);
    struct xos_question question = {user, length, 0};
    struct xos_map_passwd found;
    const struct xos_map *map;
    bool map_exists;
    enum nss_status status = NSS_STATUS_SUCCESS;
    if (xos_look_up(groups_in_map, &question, &found, &map, &map_exists) == XOS_FOUND) {
        for (uint32_t i = 0; i < found.group_count && status == NSS_STATUS_SUCCESS; i++) {
            uint32_t gid = xos_load_u32(found.groups + 4 * (size_t)i);
            if (is_group_of(gid, found.uid))
                status = add_group(gid, primary, start, size, groups, limit, errnop);
        }
        xos_map_release(map);
        return status;
    }
    uint8_t data[XOS_FRAME_HEADER_BYTES + 4 + XOS_LOGIN_NAME_MAX_BYTES + 1];
    struct xos_writer request = {data, sizeof data, 0, false};
    struct xos_get_groups_of_user message = {{user, (uint32_t)length}};
    xos_encode_get_groups_of_user(&request, &message);
    struct xos_frame answer;
    status = xos_ask(&request, XOS_GROUP_LIST, map_exists, &answer, errnop);
    if (status != NSS_STATUS_SUCCESS)
        return status;
    struct xos_group_list list;
    if (!xos_decode_group_list(answer.payload, answer.length, &list))
        return xos_refuse(&answer, errnop);
    for (uint32_t i = 0; i < list.gids.count && status == NSS_STATUS_SUCCESS;) {
        uint32_t gid = xos_next_u32(&list.gids);
        list.gids.count--;
        if (xos_is_managed_gid(gid)) /* the private group is the primary one */
            status = add_group(gid, primary, start, size, groups, limit, errnop);
    }
    xos_frame_free(&answer);
    return status;
}
