#include "map-file.h"

#include "paths.h"
#include "process-state.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CHECK_EVERY_MS 100
#define NO_SLOT (-1)

/*
 * A reader counts itself into the current slot and then looks again whether the slot is still the current
 * one; only then it reads. Who exchanges the map makes another slot current first and unmaps a slot only when
 * it then finds no reader in it. All of these are sequentially consistent, so one of the two sees the other.
 */
struct slot {
    struct xos_map map;
    dev_t device;
    ino_t inode;
    bool used;
};

static struct slot slots[MAP_SLOTS];
static _Atomic int current = NO_SLOT;
static _Atomic int64_t next_check_ms;
static uint64_t mapped_before; /* under the lock */

static int64_t coarse_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/*
 * Maps the file when it is whole and nobody but root can write it. It is never truncated, only replaced by
 * rename, so that a mapping of it cannot raise SIGBUS.
 */
static bool map_file(struct slot *slot) {
    int fd = open(xos_map_path(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return false;
    struct stat status;
    void *base = MAP_FAILED;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && xos_is_trusted_owner(status.st_uid) &&
        (status.st_mode & (S_IWGRP | S_IWOTH)) == 0 && status.st_size > 0 && status.st_size <= UINT32_MAX)
        base = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (base == MAP_FAILED)
        return false;
    if (!xos_map_attach(&slot->map, base, (size_t)status.st_size)) {
        munmap(base, (size_t)status.st_size);
        return false;
    }
    slot->map.serial = ++mapped_before;
    slot->device = status.st_dev;
    slot->inode = status.st_ino;
    return true;
}

static void unmap_retired(struct process_state *state) {
    int kept = atomic_load(&current);
    for (int i = 0; i < MAP_SLOTS; i++) {
        if (i == kept || !slots[i].used || atomic_load(&state->readers[i]) > 0)
            continue;
        slots[i].used =
            false; /* first: a child forked between the two loses the mapping, and never unmaps another's */
        munmap((void *)(uintptr_t)slots[i].map.base, slots[i].map.size);
    }
}

static int free_slot(struct process_state *state) {
    int kept = atomic_load(&current);
    for (int i = 0; i < MAP_SLOTS; i++)
        if (i != kept && !slots[i].used && atomic_load(&state->readers[i]) <= 0)
            return i;
    return NO_SLOT;
}

/* Under the lock. */
static void exchange(struct process_state *state) {
    int kept = atomic_load(&current);
    struct stat status;
    if (lstat(xos_map_path(), &status) != 0) {
        atomic_store(&current, NO_SLOT);
    } else if (kept == NO_SLOT || slots[kept].device != status.st_dev || slots[kept].inode != status.st_ino) {
        /* The inode of a mapped file is not given to another one, so that equal means the same. */
        unmap_retired(state);
        int fresh = free_slot(state);
        if (fresh == NO_SLOT)
            return;
        bool mapped = map_file(&slots[fresh]);
        slots[fresh].used = mapped;
        atomic_store(&current, mapped ? fresh : NO_SLOT);
    }
    unmap_retired(state);
}

static void check_path(struct process_state *state, bool fresh) {
    int64_t now = coarse_ms();
    if (!fresh && now < atomic_load_explicit(&next_check_ms, memory_order_relaxed))
        return;
    const struct timespec nap = {0, 50000};
    for (int naps = 0; !xos_try_lock(state); naps++) {
        /* Another thread exchanges the map. The old one serves meanwhile; where there is none yet, wait for
         * the first. */
        if (atomic_load(&current) != NO_SLOT || naps >= 2000)
            return;
        nanosleep(&nap, NULL);
    }
    if (fresh || now >= atomic_load_explicit(&next_check_ms, memory_order_relaxed)) {
        exchange(state);
        atomic_store_explicit(&next_check_ms, now + CHECK_EVERY_MS, memory_order_relaxed);
    }
    xos_unlock(state);
}

const struct xos_map *xos_map_acquire(bool fresh) {
    struct process_state *state = xos_process_state();
    if (state == NULL)
        return NULL;
    check_path(state, fresh);
    for (;;) {
        int slot = atomic_load(&current);
        if (slot == NO_SLOT)
            return NULL;
        atomic_fetch_add(&state->readers[slot], 1);
        if (atomic_load(&current) == slot)
            return &slots[slot].map;
        atomic_fetch_sub(&state->readers[slot], 1);
    }
}

void xos_map_release(const struct xos_map *map) {
    const struct slot *slot = (const struct slot *)map; /* map is its first member */
    atomic_fetch_sub(&xos_process_state()->readers[slot - slots], 1);
}
