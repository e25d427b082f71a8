/*
 * Times look-ups through glibc, in one process, in random order of the accounts:
 *
 *   nss-driver CALL COUNT NAME-FORMAT FIRST-ID ID-STEP
 *
 * CALL is getpwnam, getpwuid, initgroups (getgrouplist, which asks the same without setting) or miss
 * (getpwnam of NAME-FORMAT as it is, that must not be found). Prints the median and the 99th percentile in
 * nanoseconds, and how many answers were right of how many.
 */
#define _GNU_SOURCE
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MOST_SAMPLES 200000
#define LONGEST_NS 3000000000ll

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int compare(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    static int64_t samples[MOST_SAMPLES];
    static char buffer[1 << 16];
    static gid_t groups[4096];
    if (argc != 6)
        return 2;
    const char *call = argv[1], *format = argv[3];
    uint64_t count = strtoull(argv[2], NULL, 10), state = 88172645463325252ull;
    uint32_t first = (uint32_t)strtoul(argv[4], NULL, 10), step = (uint32_t)strtoul(argv[5], NULL, 10);
    bool by_uid = strcmp(call, "getpwuid") == 0, miss = strcmp(call, "miss") == 0;
    bool initgroups = strcmp(call, "initgroups") == 0;
    long taken = 0, right = 0;
    int64_t began = 0;
    /* The first look-ups load the modules and are not counted. */
    for (long i = -100; taken < MOST_SAMPLES; i++) {
        if (i == 0)
            began = now_ns();
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        uint32_t number = (uint32_t)(state % count), id = first + number * step;
        char name[64];
        snprintf(name, sizeof name, format, number);
        struct passwd entry, *found = NULL;
        int group_count = sizeof groups / sizeof *groups;
        int64_t start = now_ns();
        if (by_uid)
            getpwuid_r(id, &entry, buffer, sizeof buffer, &found);
        else if (initgroups)
            getgrouplist(name, id, groups, &group_count);
        else
            getpwnam_r(name, &entry, buffer, sizeof buffer, &found);
        int64_t ended = now_ns();
        bool good = initgroups ? group_count > 1
                    : miss     ? found == NULL
                               : found != NULL && found->pw_uid == id;
        if (i >= 0) {
            samples[taken++] = ended - start;
            right += good;
            if (ended - began > LONGEST_NS && taken >= 20)
                break;
        } else if (i == -100 && ended - start > 100000000) {
            i = -2; /* slow: two warm-ups will do */
        }
    }
    qsort(samples, (size_t)taken, sizeof *samples, compare);
    printf("%lld %lld %ld %ld\n", (long long)samples[taken / 2], (long long)samples[taken * 99 / 100], right,
           taken);
    return 0;
}
