/*
 * One row of `bench fs`: does one kind of work in a directory and prints how much of it went in a second.
 *
 * usage: fs-load DIRECTORY ROW THREADS AMOUNT
 * Rows by bytes (AMOUNT in MiB, prints MB/s): seqwrite, seqread. By operations (AMOUNT operations in all,
 * prints operations/s): randread, randwrite, durable, create, stat, unlink, small. seqread and randread read
 * what seqwrite left; stat and unlink use what create left.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MEBIBYTE = 1 << 20, BLOCK = 4096, MAX_THREADS = 64 };

static const char *row;
static long amount;
static int threads;

static void fail(const char *what) {
    fprintf(stderr, "fs-load: %s: %s: %s\n", row, what, strerror(errno));
    exit(1);
}

static void check(long result, const char *what) {
    if (result < 0)
        fail(what);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int is(const char *name) {
    return strcmp(row, name) == 0;
}

static uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static char *aligned_buffer(size_t length) {
    void *buffer;
    if (posix_memalign(&buffer, BLOCK, length) != 0)
        fail("memory");
    memset(buffer, 'x', length);
    return buffer;
}

/* What this machine's page cache has of the file; the servers' own is left. */
static void forget_cached(int file) {
    posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
}

static void sequential(int thread) {
    char name[64];
    snprintf(name, sizeof name, "big-%d", thread);
    int writes = is("seqwrite");
    int file = open(name, writes ? O_WRONLY | O_CREAT | O_TRUNC : O_RDONLY, 0644);
    check(file, name);
    forget_cached(file);
    char *buffer = aligned_buffer(MEBIBYTE);
    long count = amount / threads;
    for (long i = 0; i < count; i++) {
        long done = writes ? write(file, buffer, MEBIBYTE) : read(file, buffer, MEBIBYTE);
        check(done, name);
        if (done != MEBIBYTE) {
            fprintf(stderr, "fs-load: %s: %ld bytes at %ld\n", name, done, i);
            exit(1);
        }
    }
    if (writes)
        check(fsync(file), "fsync");
    check(close(file), "close");
    free(buffer);
}

static void blocks(int thread) {
    int file = open("big-0", is("randread") ? O_RDONLY : O_RDWR);
    check(file, "big-0");
    struct stat st;
    check(fstat(file, &st), "big-0");
    forget_cached(file);
    uint64_t state = 88172645463325252ULL + (uint64_t)thread;
    char *buffer = aligned_buffer(BLOCK);
    for (long i = 0; i < amount / threads; i++) {
        off_t offset = (off_t)(next_random(&state) % ((uint64_t)st.st_size / BLOCK)) * BLOCK;
        if (is("randread"))
            check(pread(file, buffer, BLOCK, offset), "pread");
        else
            check(pwrite(file, buffer, BLOCK, offset), "pwrite");
        if (is("durable"))
            check(fsync(file), "fsync");
    }
    if (is("randwrite"))
        check(fsync(file), "fsync");
    check(close(file), "close");
    free(buffer);
}

static void names(int thread) {
    char name[64];
    char *buffer = aligned_buffer(BLOCK);
    snprintf(name, sizeof name, "%s-%d", is("small") ? "small" : "files", thread);
    if ((is("create") || is("small")) && mkdir(name, 0755) < 0 && errno != EEXIST)
        fail(name);
    struct stat st;
    for (long i = 0; i < amount / threads; i++) {
        snprintf(name, sizeof name, "%s-%d/%ld", is("small") ? "small" : "files", thread, i);
        if (is("stat"))
            check(stat(name, &st), name);
        else if (is("unlink"))
            check(unlink(name), name);
        else {
            int file = open(name, O_WRONLY | O_CREAT | O_EXCL, 0644);
            check(file, name);
            if (is("small"))
                check(write(file, buffer, BLOCK), name);
            check(close(file), name);
        }
    }
    free(buffer);
}

static void *work(void *argument) {
    int thread = (int)(intptr_t)argument;
    if (is("seqwrite") || is("seqread"))
        sequential(thread);
    else if (is("randread") || is("randwrite") || is("durable"))
        blocks(thread);
    else
        names(thread);
    return NULL;
}

int main(int argc, char **argv) {
    if (argc != 5) {
        fprintf(stderr, "usage: fs-load DIRECTORY ROW THREADS AMOUNT\n");
        return 2;
    }
    row = argv[2];
    threads = atoi(argv[3]);
    amount = atol(argv[4]);
    static const char *const rows[] = {"seqwrite", "seqread", "randread", "randwrite", "durable",
                                       "create",   "stat",    "unlink",   "small"};
    int known = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        known |= is(rows[i]);
    if (!known || threads < 1 || threads > MAX_THREADS || amount < threads) {
        fprintf(stderr, "fs-load: no such row, or bad numbers\n");
        return 2;
    }
    check(chdir(argv[1]), argv[1]);
    pthread_t started[MAX_THREADS];
    double start = now();
    for (int i = 0; i < threads; i++)
        if (pthread_create(&started[i], NULL, work, (void *)(intptr_t)i) != 0)
            fail("thread");
    for (int i = 0; i < threads; i++)
        pthread_join(started[i], NULL);
    double seconds = now() - start;
    int megabytes = is("seqwrite") || is("seqread");
    printf("%.1f\n", (double)amount * (megabytes ? MEBIBYTE / 1e6 : 1) / seconds);
    return 0;
}
