/* The group database: VO groups, and each account's private group of the same name and id. */
#include "account.h"

#include "../packages/module-protocol/c/xos_names.h"

#include <stdatomic.h>

#define EXPORT __attribute__((visibility("default")))

static enum nss_status not_found(int *errnop) {
    *errnop = ENOENT;
    return NSS_STATUS_NOTFOUND;
}

/* A private group has no record of its own in the map. */
static bool private_group(const struct xos_map_passwd *passwd, struct xos_map_group *group) {
    *group = (struct xos_map_group){.gid = passwd->gid, .members = "", .name = passwd->name};
    return passwd->gid == passwd->uid;
}

static enum xos_found group_in_map(const struct xos_map *map, const struct xos_question *question,
                                   void *found) {
    struct xos_map_passwd passwd;
    enum xos_found state;
    if (question->name == NULL) {
        if (xos_is_managed_gid(question->id))
            return xos_map_group_by_gid(map, question->id, found);
        state = xos_map_passwd_by_uid(map, question->id, &passwd);
    } else {
        state = xos_map_group_by_name(map, question->name, question->length, found);
        if (state != XOS_ABSENT || xos_login_name_length(question->name) == 0)
            return state;
        state = xos_map_passwd_by_name(map, question->name, question->length, &passwd);
    }
    if (state == XOS_FOUND && !private_group(&passwd, found))
        return XOS_ABSENT;
    return state;
}

static bool answers(const struct xos_question *question, const struct xos_group_entry *entry) {
    if (question->name != NULL ? entry->name.length != question->length ||
                                     memcmp(entry->name.data, question->name, question->length) != 0
                               : entry->gid != question->id)
        return false;
    bool in_range =
        xos_is_managed_gid(entry->gid) ||
        (xos_is_managed_uid(entry->gid) && xos_login_name_length(entry->name.data) == entry->name.length);
    if (!in_range || xos_group_name_length(entry->name.data) != entry->name.length)
        return false;
    struct xos_list members = entry->members;
    for (uint32_t i = 0; i < entry->members.count; i++) {
        struct xos_text member = xos_next_text(&members);
        if (xos_login_name_length(member.data) != member.length)
            return false;
    }
    return true;
}

static enum nss_status get_group(struct xos_question question, struct group *result, char *buffer,
                                 size_t size, int *errnop) {
    struct xos_map_group found;
    const struct xos_map *map;
    bool map_exists;
    if (xos_look_up(group_in_map, &question, &found, &map, &map_exists) == XOS_FOUND) {
        enum nss_status status = xos_fill_group(found.name, found.gid, found.members, found.member_bytes,
                                                found.member_count, 0, result, buffer, size, errnop);
        xos_map_release(map);
        return status;
    }
    uint8_t data[XOS_FRAME_HEADER_BYTES + 4 + XOS_GROUP_NAME_MAX_BYTES + 1];
    struct xos_writer request = {data, sizeof data, 0, false};
    if (question.name != NULL) {
        struct xos_get_group_by_name message = {{question.name, (uint32_t)question.length}};
        xos_encode_get_group_by_name(&request, &message);
    } else {
        struct xos_get_group_by_gid message = {question.id};
        xos_encode_get_group_by_gid(&request, &message);
    }
    struct xos_frame answer;
    enum nss_status status = xos_ask(&request, XOS_GROUP_ENTRY, map_exists, &answer, errnop);
    if (status != NSS_STATUS_SUCCESS)
        return status;
    struct xos_group_entry entry;
    if (!xos_decode_group_entry(answer.payload, answer.length, &entry) || !answers(&question, &entry))
        return xos_refuse(&answer, errnop);
    const char *members = (const char *)entry.members.at;
    size_t members_bytes = (size_t)((const char *)answer.payload + answer.length - members);
    status = xos_fill_group(entry.name, entry.gid, members, members_bytes, entry.members.count, 4, result,
                            buffer, size, errnop);
    xos_frame_free(&answer);
    return status;
}

EXPORT enum nss_status _nss_xos_getgrnam_r(const char *name, struct group *result, char *buffer, size_t size,
                                           int *errnop) {
    size_t length = xos_group_name_length(name);
    if (length == 0 || xos_switched_off())
        return not_found(errnop);
    return get_group((struct xos_question){name, length, 0}, result, buffer, size, errnop);
}

EXPORT enum nss_status _nss_xos_getgrgid_r(gid_t gid, struct group *result, char *buffer, size_t size,
                                           int *errnop) {
    if ((!xos_is_managed_gid(gid) && !xos_is_managed_uid(gid)) || xos_switched_off())
        return not_found(errnop);
    return get_group((struct xos_question){NULL, 0, gid}, result, buffer, size, errnop);
}

/* Where the enumeration stands: private groups first, then VO groups. A map replaced meanwhile ends it. */
static _Atomic uint64_t position_serial;
static _Atomic uint32_t position;
static _Atomic bool in_vo_groups;

EXPORT enum nss_status _nss_xos_setgrent(int stay_open) {
    (void)stay_open;
    atomic_store(&position, 0);
    atomic_store(&in_vo_groups, false);
    return NSS_STATUS_SUCCESS;
}

EXPORT enum nss_status _nss_xos_endgrent(void) {
    return _nss_xos_setgrent(0);
}

/* The next group; *at and *in_groups are where to go on. */
static bool next_group(const struct xos_map *map, uint32_t *at, bool *in_groups,
                       struct xos_map_group *found) {
    struct xos_map_passwd passwd;
    while (!*in_groups) {
        enum xos_found state = xos_map_next_passwd(map, at, &passwd);
        if (state == XOS_FOUND && private_group(&passwd, found))
            return true;
        if (state == XOS_DAMAGED)
            return false;
        if (state == XOS_ABSENT) {
            *in_groups = true;
            *at = 0;
        }
    }
    return xos_map_next_group(map, at, found) == XOS_FOUND;
}

EXPORT enum nss_status _nss_xos_getgrent_r(struct group *result, char *buffer, size_t size, int *errnop) {
    const struct xos_map *map = xos_switched_off() ? NULL : xos_map_acquire(false);
    if (map == NULL)
        return not_found(errnop);
    uint32_t at = atomic_load(&position);
    bool in_groups = atomic_load(&in_vo_groups);
    struct xos_map_group found;
    enum nss_status status = not_found(errnop);
    bool same = (at == 0 && !in_groups) || atomic_load(&position_serial) == map->serial;
    if (map->enumerate && same && next_group(map, &at, &in_groups, &found)) {
        status = xos_fill_group(found.name, found.gid, found.members, found.member_bytes, found.member_count,
                                0, result, buffer, size, errnop);
        if (status == NSS_STATUS_SUCCESS) {
            atomic_store(&position_serial, map->serial);
            atomic_store(&position, at);
            atomic_store(&in_vo_groups, in_groups);
        }
    }
    xos_map_release(map);
    return status;
}
