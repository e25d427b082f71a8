/* One connection of a module to xos-accounts: every wait ends at a deadline, no signal is raised, no
 * descriptor is 0-2. */
#ifndef XOS_CHANNEL_H
#define XOS_CHANNEL_H

#include "../generated/xos_module_protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct xos_channel {
    int fd;          /* -1 when closed */
    int64_t seen_ms; /* when this process last waited, or began to send */
};

/* A received frame; free it with xos_frame_free, which wipes it. */
struct xos_frame {
    uint8_t *payload;
    uint32_t length;
    uint16_t type;
};

/* Milliseconds of a clock that never jumps. */
static inline int64_t xos_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline void xos_frame_free(struct xos_frame *frame) {
    if (frame->payload != NULL) {
        explicit_bzero(frame->payload, frame->length);
        free(frame->payload);
        frame->payload = NULL;
    }
    frame->length = 0;
}

static inline void xos_channel_close(struct xos_channel *channel) {
    if (channel->fd >= 0)
        close(channel->fd);
    channel->fd = -1;
}

/* Returns 0 or an errno value; a full backlog (a stopped daemon) is EAGAIN at once. */
static inline int xos_channel_open(struct xos_channel *channel, const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    channel->fd = -1;
    if (strlen(path) >= sizeof address.sun_path)
        return ENAMETOOLONG;
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 &&
        fd <=
            2) { /* the caller runs with standard streams closed: what it opens next must not be our socket */
        int moved = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        int cause = errno;
        close(fd);
        errno = cause;
        fd = moved;
    }
    if (fd < 0)
        return errno;
    int status;
    do
        status = connect(fd, (struct sockaddr *)&address, sizeof address);
    while (status < 0 && errno == EINTR);
    if (status < 0) {
        int cause = errno;
        close(fd);
        return cause;
    }
    channel->fd = fd;
    channel->seen_ms = xos_now_ms();
    return 0;
}

/*
 * Waits for events until *deadline_ms. Returns 0 or an errno value. What counts is time in which this process
 * could have noticed an answer: it waits in slices, and what a slice took beyond its length, or passed
 * between sending and waiting (a machine that stalls, a processor with too much to do, a process stopped and
 * continued), is added to the deadline. On such a machine the daemon has to wait for its turn just as we
 * have, and is not silent by its own fault.
 */
#define XOS_WAIT_SLICE_MS 50
static inline int xos_channel_wait(struct xos_channel *channel, short events, int64_t *deadline_ms) {
    for (;;) {
        int64_t begun = xos_now_ms();
        if (begun - channel->seen_ms > XOS_WAIT_SLICE_MS)
            *deadline_ms += begun - channel->seen_ms;
        channel->seen_ms = begun;
        int64_t slice = *deadline_ms - begun;
        if (slice <= 0)
            return ETIMEDOUT;
        if (slice > XOS_WAIT_SLICE_MS)
            slice = XOS_WAIT_SLICE_MS;
        struct pollfd poller = {.fd = channel->fd, .events = events};
        int ready = poll(&poller, 1, (int)slice);
        int64_t ended = xos_now_ms();
        channel->seen_ms = ended;
        if (ready > 0)
            return 0;
        if (ready < 0 && errno != EINTR)
            return errno;
        int64_t late = ended - begun - slice;
        if (late > 0)
            *deadline_ms += late;
    }
}

/* Returns 0 or an errno value. It was seen before it sent: the daemon may answer, and this process be
 * stopped, before send(2) returns. */
static inline int xos_channel_send(struct xos_channel *channel, const uint8_t *data, size_t length,
                                   int64_t deadline_ms) {
    channel->seen_ms = xos_now_ms();
    while (length > 0) {
        ssize_t sent = send(channel->fd, data, length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) {
            data += sent;
            length -= (size_t)sent;
        } else if (sent < 0 && errno != EAGAIN && errno != EINTR) {
            return errno;
        } else {
            int cause = xos_channel_wait(channel, POLLOUT, &deadline_ms);
            if (cause != 0)
                return cause;
        }
    }
    return 0;
}

static inline int xos_channel_read(struct xos_channel *channel, uint8_t *data, size_t length,
                                   int64_t *deadline_ms) {
    while (length > 0) {
        ssize_t got = recv(channel->fd, data, length, MSG_DONTWAIT);
        if (got > 0) {
            data += got;
            length -= (size_t)got;
        } else if (got == 0) {
            return ECONNRESET;
        } else if (errno != EAGAIN && errno != EINTR) {
            return errno;
        } else {
            int cause = xos_channel_wait(channel, POLLIN, deadline_ms);
            if (cause != 0)
                return cause;
        }
    }
    return 0;
}

/* The next frame, whole by deadline. Returns 0 or an errno value (EPROTO: not our protocol); frame is empty
 * on error. */
static inline int xos_channel_receive(struct xos_channel *channel, struct xos_frame *frame,
                                      int64_t deadline_ms) {
    uint8_t header[XOS_FRAME_HEADER_BYTES];
    *frame = (struct xos_frame){NULL, 0, 0};
    int cause = xos_channel_read(channel, header, sizeof header, &deadline_ms);
    if (cause != 0)
        return cause;
    uint32_t length;
    if (!xos_decode_header(header, &frame->type, &length))
        return EPROTO;
    frame->payload = malloc(length + 1);
    if (frame->payload == NULL)
        return ENOMEM;
    frame->length = length;
    cause = xos_channel_read(channel, frame->payload, length, &deadline_ms);
    if (cause != 0)
        xos_frame_free(frame);
    return cause;
}

#endif
