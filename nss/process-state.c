#include "process-state.h"

#include <stddef.h>
#include <sys/mman.h>

struct process_state *xos_process_state(void) {
    static struct process_state *_Atomic known;
    struct process_state *state = atomic_load_explicit(&known, memory_order_acquire);
    if (state != NULL)
        return state;
    void *page = mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return NULL;
    (void)madvise(page, sizeof *state, MADV_WIPEONFORK); /* refused before Linux 4.14 only */
    if (atomic_compare_exchange_strong(&known, &state, page))
        return page;
    munmap(page, sizeof *state);
    return state;
}

bool xos_try_lock(struct process_state *state) {
    uint32_t free = 0;
    return atomic_compare_exchange_strong(&state->locked, &free, 1);
}

void xos_unlock(struct process_state *state) {
    atomic_store(&state->locked, 0);
}
