/*
 * Where the module looks. Fixed at compile time: libnss_xos runs inside setuid programs, so nothing in the
 * environment moves it. A test build (XOS_TEST_BUILD, never installed) takes XOS_NSS_MAP and XOS_NSS_SOCKET,
 * and also trusts files of the user that runs it.
 */
#ifndef XOS_PATHS_H
#define XOS_PATHS_H

#include "../packages/module-protocol/generated/xos_module_protocol.h"

#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#ifdef XOS_TEST_BUILD
static inline const char *xos_map_path(void) {
    const char *path = secure_getenv("XOS_NSS_MAP");
    return path != NULL ? path : XOS_NSS_MAP_PATH;
}

static inline const char *xos_socket_path(void) {
    const char *path = secure_getenv("XOS_NSS_SOCKET");
    return path != NULL ? path : XOS_NSS_SOCKET_PATH;
}

static inline bool xos_is_trusted_owner(uid_t owner) {
    return owner == 0 || owner == geteuid();
}
#else
static inline const char *xos_map_path(void) {
    return XOS_NSS_MAP_PATH;
}

static inline const char *xos_socket_path(void) {
    return XOS_NSS_SOCKET_PATH;
}

static inline bool xos_is_trusted_owner(uid_t owner) {
    return owner == 0;
}
#endif

#endif
