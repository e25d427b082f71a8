/* For channel.test.ts: asks a peer, and stands still for STILL_MS before send(2) has returned to it.
 * usage: channel-probe SOCKET STILL_MS DEADLINE_MS. Exits with 0 or the errno value of what went wrong. */
#define _GNU_SOURCE
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static long still_ms;

static ssize_t slow_send(int fd, const void *data, size_t length, int flags) {
    ssize_t sent = send(fd, data, length, flags);
    struct timespec still = {.tv_sec = still_ms / 1000, .tv_nsec = still_ms % 1000 * 1000000};
    nanosleep(&still, NULL);
    return sent;
}

#define send slow_send
#include "xos_channel.h"
#undef send

int main(int argc, char **argv) {
    if (argc != 4)
        return EINVAL;
    still_ms = atol(argv[2]);
    struct xos_channel channel;
    struct xos_frame frame;
    int64_t deadline = xos_now_ms() + atol(argv[3]);
    int cause = xos_channel_open(&channel, argv[1]);
    if (cause == 0)
        cause = xos_channel_send(&channel, (const uint8_t *)"x", 1, deadline);
    if (cause == 0)
        cause = xos_channel_receive(&channel, &frame, deadline);
    if (cause == 0)
        xos_frame_free(&frame);
    return cause;
}
