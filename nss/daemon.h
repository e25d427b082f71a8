/* Asking xos-accounts what the map does not hold. */
#ifndef XOS_DAEMON_H
#define XOS_DAEMON_H

#include "../packages/module-protocol/c/xos_channel.h"

#include <nss.h>

/*
 * Sends request and waits for one answer, 1 s in all. SUCCESS: answer holds a frame of type expected, to be
 * freed. NOTFOUND: the daemon says so, or map_exists and this process has asked about too many unknown names
 * lately (the map is then believed). UNAVAIL, with *errnop saying why: no daemon, no answer, or none lately.
 */
enum nss_status xos_ask(const struct xos_writer *request, uint16_t expected, bool map_exists,
                        struct xos_frame *answer, int *errnop);

/* An answer that cannot be an answer to the question: counts like garbage. Frees it. */
enum nss_status xos_refuse(struct xos_frame *answer, int *errnop);

#endif
