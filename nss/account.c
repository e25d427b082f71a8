#include "account.h"

#include "../packages/module-protocol/c/xos_names.h"

enum xos_found xos_look_up(xos_lookup lookup, const struct xos_question *question, void *found,
                           const struct xos_map **map, bool *map_exists) {
    uint64_t serial = 0; /* the first is 1 */
    enum xos_found state = XOS_ABSENT;
    for (int attempt = 0; attempt < 2; attempt++) { /* what is missing may be in a file just replaced */
        *map = xos_map_acquire(attempt == 1);
        *map_exists = *map != NULL;
        if (*map == NULL)
            continue;
        if ((*map)->serial == serial) {
            xos_map_release(*map);
            break;
        }
        state = lookup(*map, question, found);
        if (state == XOS_FOUND)
            return state;
        serial = (*map)->serial;
        xos_map_release(*map);
    }
    *map = NULL;
    *map_exists = *map_exists && state == XOS_ABSENT; /* a damaged map settles nothing */
    return state;
}

static enum xos_found passwd_in_map(const struct xos_map *map, const struct xos_question *question,
                                    void *found) {
    return question->name != NULL ? xos_map_passwd_by_name(map, question->name, question->length, found)
                                  : xos_map_passwd_by_uid(map, question->id, found);
}

void xos_answer_free(struct xos_answer *answer) {
    if (answer->map != NULL)
        xos_map_release(answer->map);
    answer->map = NULL;
    xos_frame_free(&answer->frame);
}

/* A field that would break a line of passwd(5) comes from no good daemon. */
static bool is_field(struct xos_text text) {
    for (uint32_t i = 0; i < text.length; i++)
        if (text.data[i] == ':' || (unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7f)
            return false;
    return true;
}

static bool answers(const struct xos_question *question, const struct xos_passwd_entry *entry) {
    if (question->name != NULL ? entry->name.length != question->length ||
                                     memcmp(entry->name.data, question->name, question->length) != 0
                               : entry->uid != question->id)
        return false;
    return xos_login_name_length(entry->name.data) == entry->name.length && xos_is_managed_uid(entry->uid) &&
           (entry->gid == entry->uid || xos_is_managed_gid(entry->gid)) && is_field(entry->gecos) &&
           is_field(entry->home) && is_field(entry->shell);
}

enum nss_status xos_find_account(struct xos_question question, struct xos_answer *answer, int *errnop) {
    *answer = (struct xos_answer){.map = NULL};
    bool map_exists;
    if (xos_look_up(passwd_in_map, &question, &answer->passwd, &answer->map, &map_exists) == XOS_FOUND) {
        const struct xos_map_passwd *found = &answer->passwd;
        answer->account = (struct xos_passwd_line){found->name,  found->gecos, found->home,
                                                   found->shell, found->uid,   found->gid};
        return NSS_STATUS_SUCCESS;
    }
    uint8_t data[XOS_FRAME_HEADER_BYTES + 4 + XOS_LOGIN_NAME_MAX_BYTES + 1];
    struct xos_writer request = {data, sizeof data, 0, false};
    if (question.name != NULL) {
        struct xos_get_passwd_by_name message = {{question.name, (uint32_t)question.length}};
        xos_encode_get_passwd_by_name(&request, &message);
    } else {
        struct xos_get_passwd_by_uid message = {question.id};
        xos_encode_get_passwd_by_uid(&request, &message);
    }
    enum nss_status status = xos_ask(&request, XOS_PASSWD_ENTRY, map_exists, &answer->frame, errnop);
    if (status != NSS_STATUS_SUCCESS)
        return status;
    struct xos_passwd_entry entry;
    if (!xos_decode_passwd_entry(answer->frame.payload, answer->frame.length, &entry) ||
        !answers(&question, &entry))
        return xos_refuse(&answer->frame, errnop);
    answer->account =
        (struct xos_passwd_line){entry.name, entry.gecos, entry.home, entry.shell, entry.uid, entry.gid};
    return NSS_STATUS_SUCCESS;
}
