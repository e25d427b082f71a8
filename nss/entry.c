#include "entry.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

struct room {
    char *at;
    size_t left;
    bool full;
};

static void *take(struct room *room, size_t bytes, size_t alignment) {
    size_t gap = (size_t)(-(uintptr_t)room->at & (alignment - 1));
    if (room->full || room->left < gap || room->left - gap < bytes) {
        room->full = true;
        return NULL;
    }
    void *taken = room->at + gap;
    room->at += gap + bytes;
    room->left -= gap + bytes;
    return taken;
}

static char *copy(struct room *room, const char *data, size_t length) {
    char *copied = take(room, length + 1, 1);
    if (copied != NULL) {
        memcpy(copied, data, length);
        copied[length] = 0;
    }
    return copied;
}

static enum nss_status too_small(int *errnop) {
    *errnop = ERANGE;
    return NSS_STATUS_TRYAGAIN;
}

enum nss_status xos_fill_passwd(const struct xos_passwd_line *account, struct passwd *result, char *buffer,
                                size_t size, int *errnop) {
    struct room room = {buffer, size, false};
    char *name = copy(&room, account->name.data, account->name.length);
    char *password = copy(&room, "*", 1);
    char *gecos = copy(&room, account->gecos.data, account->gecos.length);
    char *home = copy(&room, account->home.data, account->home.length);
    char *shell = copy(&room, account->shell.data, account->shell.length);
    if (room.full)
        return too_small(errnop);
    *result = (struct passwd){
        .pw_name = name,
        .pw_passwd = password,
        .pw_uid = account->uid,
        .pw_gid = account->gid,
        .pw_gecos = gecos,
        .pw_dir = home,
        .pw_shell = shell,
    };
    return NSS_STATUS_SUCCESS;
}

enum nss_status xos_fill_group(struct xos_text name, uint32_t gid, const char *members, size_t members_bytes,
                               uint32_t count, size_t skip, struct group *result, char *buffer, size_t size,
                               int *errnop) {
    struct room room = {buffer, size, false};
    char **list = take(&room, ((size_t)count + 1) * sizeof *list, sizeof *list);
    char *group = copy(&room, name.data, name.length);
    char *password = copy(&room, "*", 1);
    const char *at = members;
    const char *end = members + members_bytes;
    for (uint32_t i = 0; i < count && !room.full; i++) {
        at += (size_t)(end - at) < skip ? 0 : skip;
        size_t length = strnlen(at, (size_t)(end - at));
        if (at + length >= end) {
            *errnop = EPROTO;
            return NSS_STATUS_UNAVAIL;
        }
        list[i] = copy(&room, at, length);
        at += length + 1;
    }
    if (room.full)
        return too_small(errnop);
    list[count] = NULL;
    *result = (struct group){.gr_name = group, .gr_passwd = password, .gr_gid = gid, .gr_mem = list};
    return NSS_STATUS_SUCCESS;
}

bool xos_switched_off(void) {
    static _Atomic int known; /* 0 not asked yet, 1 on, 2 off */
    int state = atomic_load_explicit(&known, memory_order_relaxed);
    if (state == 0) {
        const char *value = secure_getenv("XTREEMOS_NSS");
        state = value != NULL && strcmp(value, "off") == 0 ? 2 : 1;
        atomic_store_explicit(&known, state, memory_order_relaxed);
    }
    return state == 2;
}
