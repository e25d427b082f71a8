/*
 * A network between two network namespaces with delay and loss, where the kernel has no netem.
 *
 * usage: far-link NETNS DELAY LOSS
 * Makes the TUN devices `near` in the namespace that it is started in and `far` in the one that the file
 * NETNS stands for, says "ready", and carries IP packets between them until it is ended: each arrives DELAY
 * milliseconds after it was sent, in order, but for LOSS per cent that do not arrive. Which ones follows from
 * a fixed seed. A queue of 4,096 packets each way; what comes on top of that is lost too.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { QUEUE = 4096, PACKET = 2048 };

struct packet {
    int64_t due; /* ns */
    size_t length;
    char bytes[PACKET];
};

struct direction {
    int from, to;
    unsigned first, count;
    struct packet *packets;
};

static void fail(const char *what) {
    fprintf(stderr, "far-link: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int tun(const char *name) {
    int file = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (file < 0)
        fail("/dev/net/tun");
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    if (ioctl(file, TUNSETIFF, &request) != 0)
        fail(name);
    return file;
}

/* xorshift64* */
static double chance(void) {
    static uint64_t state = 88172645463325252ULL;
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (double)((state * 2685821657736338717ULL) >> 11) / (double)(1ULL << 53);
}

/* Takes in what was sent. */
static void take(struct direction *way, int64_t delay, double loss) {
    for (;;) {
        struct packet *packet = &way->packets[(way->first + way->count) % QUEUE];
        char none[PACKET];
        int full = way->count == QUEUE;
        ssize_t length = read(way->from, full ? none : packet->bytes, PACKET);
        if (length < 0) {
            if (errno == EAGAIN)
                return;
            fail("read");
        }
        if (full || chance() < loss)
            continue;
        packet->length = (size_t)length;
        packet->due = now() + delay;
        way->count++;
    }
}

/* Hands on what is due. A device that is down, or full, loses it. @returns when the next is due, -1 for none
 */
static int64_t hand_on(struct direction *way) {
    while (way->count > 0) {
        struct packet *packet = &way->packets[way->first];
        if (packet->due > now())
            return packet->due;
        if (write(way->to, packet->bytes, packet->length) < 0 && errno != EIO && errno != EAGAIN)
            fail("write");
        way->first = (way->first + 1) % QUEUE;
        way->count--;
    }
    return -1;
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: far-link NETNS DELAY LOSS\n");
        return 2;
    }
    int64_t delay = (int64_t)(atof(argv[2]) * 1e6);
    double loss = atof(argv[3]) / 100;
    int near = tun("near");
    int other = open(argv[1], O_RDONLY | O_CLOEXEC);
    if (other < 0 || setns(other, CLONE_NEWNET) != 0)
        fail(argv[1]);
    int far = tun("far");
    struct direction ways[2] = {{.from = near, .to = far}, {.from = far, .to = near}};
    for (int i = 0; i < 2; i++) {
        ways[i].packets = malloc(QUEUE * sizeof *ways[i].packets);
        if (ways[i].packets == NULL)
            fail("memory");
    }
    puts("ready");
    fflush(stdout);
    for (;;) {
        int64_t next = -1;
        for (int i = 0; i < 2; i++) {
            int64_t due = hand_on(&ways[i]);
            if (due >= 0 && (next < 0 || due < next))
                next = due;
        }
        struct pollfd polled[2] = {{.fd = near, .events = POLLIN}, {.fd = far, .events = POLLIN}};
        int64_t wait = next - now();
        if (wait < 0)
            wait = 0;
        struct timespec timeout = {.tv_sec = wait / 1000000000, .tv_nsec = wait % 1000000000};
        if (ppoll(polled, 2, next < 0 ? NULL : &timeout, NULL) < 0 && errno != EINTR)
            fail("poll");
        for (int i = 0; i < 2; i++)
            take(&ways[i], delay, loss);
    }
}
