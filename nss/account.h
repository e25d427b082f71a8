/* Finding an account in the map, and what it lacks at the daemon. */
#ifndef XOS_ACCOUNT_H
#define XOS_ACCOUNT_H

#include "daemon.h"
#include "entry.h"
#include "map-file.h"

/*
 * An account or group as found; the texts live in map or frame until xos_answer_free. After anything but
 * SUCCESS there is nothing to free.
 */
struct xos_answer {
    const struct xos_map *map;
    struct xos_frame frame;
    struct xos_map_passwd passwd; /* from the map: groups too */
    struct xos_passwd_line account;
};

/* What the question is about: a name, or an id when name is NULL. */
struct xos_question {
    const char *name;
    size_t length;
    uint32_t id;
};

void xos_answer_free(struct xos_answer *answer);

enum nss_status xos_find_account(struct xos_question question, struct xos_answer *answer, int *errnop);

/* A map look-up by the caller's function: FOUND leaves *map acquired, anything else *map NULL and says
 * whether a map exists. */
typedef enum xos_found (*xos_lookup)(const struct xos_map *map, const struct xos_question *question,
                                     void *found);
enum xos_found xos_look_up(xos_lookup lookup, const struct xos_question *question, void *found,
                           const struct xos_map **map, bool *map_exists);

#endif
