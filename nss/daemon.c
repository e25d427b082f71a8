#include "daemon.h"

#include "paths.h"

#include <stdatomic.h>

/* With a map, questions beyond it: this many at once, then one per interval. */
#define BURST 20
#define INTERVAL_MS 100

/* After a time-out the daemon is left alone for a while that doubles; the next try is a short one. */
#define REST_MIN_MS 10000
#define REST_MAX_MS 60000
#define PROBE_DEADLINE_MS 100

static _Atomic int64_t rest_until_ms;
static _Atomic int64_t rest_ms; /* 0: the daemon answered last time */

/* Time at which the next question would be on schedule (generic cell rate algorithm). */
static _Atomic int64_t scheduled_ms;

static bool within_rate(int64_t now) {
    int64_t scheduled = atomic_load(&scheduled_ms);
    for (;;) {
        int64_t from = scheduled > now ? scheduled : now;
        if (from - now > (int64_t)(BURST - 1) * INTERVAL_MS)
            return false;
        if (atomic_compare_exchange_weak(&scheduled_ms, &scheduled, from + INTERVAL_MS))
            return true;
    }
}

static void failed(int cause, int64_t now) {
    /* Refused at once costs nothing to try again; silence and garbage do. */
    if (cause != ETIMEDOUT && cause != EPROTO && cause != ECONNRESET)
        return;
    int64_t rest = atomic_load(&rest_ms) * 2;
    if (rest < REST_MIN_MS)
        rest = REST_MIN_MS;
    if (rest > REST_MAX_MS)
        rest = REST_MAX_MS;
    atomic_store(&rest_ms, rest);
    atomic_store(&rest_until_ms, now + rest);
}

static int exchange(const struct xos_writer *request, struct xos_frame *answer, int64_t deadline) {
    struct xos_channel channel;
    int cause = xos_channel_open(&channel, xos_socket_path());
    if (cause == 0)
        cause = xos_channel_send(&channel, request->data, request->length, deadline);
    if (cause == 0)
        cause = xos_channel_receive(&channel, answer, deadline);
    xos_channel_close(&channel);
    return cause;
}

enum nss_status xos_ask(const struct xos_writer *request, uint16_t expected, bool map_exists,
                        struct xos_frame *answer, int *errnop) {
    int64_t now = xos_now_ms();
    *answer = (struct xos_frame){NULL, 0, 0};
    if (now < atomic_load(&rest_until_ms)) {
        *errnop = ETIMEDOUT;
        return NSS_STATUS_UNAVAIL;
    }
    if (map_exists && !within_rate(now)) {
        *errnop = ENOENT;
        return NSS_STATUS_NOTFOUND;
    }
    bool probe = atomic_load(&rest_ms) != 0;
    int cause = exchange(request, answer, now + (probe ? PROBE_DEADLINE_MS : XOS_NSS_DEADLINE_MS));
    if (cause == 0 && answer->type != expected &&
        (answer->length != 0 || (answer->type != XOS_NOT_FOUND && answer->type != XOS_UNAVAILABLE)))
        cause = EPROTO;
    if (cause != 0) {
        xos_frame_free(answer);
        failed(cause, xos_now_ms());
        *errnop = cause;
        return NSS_STATUS_UNAVAIL;
    }
    atomic_store(&rest_ms, 0);
    if (answer->type == expected)
        return NSS_STATUS_SUCCESS;
    bool absent = answer->type == XOS_NOT_FOUND;
    xos_frame_free(answer);
    *errnop = absent ? ENOENT : EAGAIN;
    return absent ? NSS_STATUS_NOTFOUND : NSS_STATUS_UNAVAIL;
}

enum nss_status xos_refuse(struct xos_frame *answer, int *errnop) {
    xos_frame_free(answer);
    failed(EPROTO, xos_now_ms());
    *errnop = EPROTO;
    return NSS_STATUS_UNAVAIL;
}
