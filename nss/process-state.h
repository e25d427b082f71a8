/*
 * What a forked child must not inherit: how many threads are inside the map, and who holds the lock. It lives
 * in a page that the kernel gives to a child zeroed (MADV_WIPEONFORK), so that no look-up has to ask for its
 * process id and no fork handler outlives dlclose.
 */
#ifndef XOS_PROCESS_STATE_H
#define XOS_PROCESS_STATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define MAP_SLOTS 4

struct process_state {
    _Atomic int32_t readers[MAP_SLOTS]; /* threads that look into the slot's map */
    _Atomic uint32_t locked;            /* a thread is exchanging the map */
};

/* NULL when there is no memory for it. */
struct process_state *xos_process_state(void);

/* False when another thread holds it. */
bool xos_try_lock(struct process_state *state);
void xos_unlock(struct process_state *state);

#endif
