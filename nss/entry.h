/* Fills the caller's struct passwd or struct group and its buffer. */
#ifndef XOS_ENTRY_H
#define XOS_ENTRY_H

#include "map.h"

#include <grp.h>
#include <nss.h>
#include <pwd.h>

/* What libnss_xos says about one account, wherever it came from. */
struct xos_passwd_line {
    struct xos_text name, gecos, home, shell;
    uint32_t uid, gid;
};

/* TRYAGAIN with ERANGE when buffer is too small. */
enum nss_status xos_fill_passwd(const struct xos_passwd_line *account, struct passwd *result, char *buffer,
                                size_t size, int *errnop);

/* members: count strings, each closed by NUL, skip bytes before the first and between two (a length word on
 * the wire). */
enum nss_status xos_fill_group(struct xos_text name, uint32_t gid, const char *members, size_t members_bytes,
                               uint32_t count, size_t skip, struct group *result, char *buffer, size_t size,
                               int *errnop);

/* Whether grid names are switched off in this process (XTREEMOS_NSS=off, not honoured in setuid programs). */
bool xos_switched_off(void);

#endif
