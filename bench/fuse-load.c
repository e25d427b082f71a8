/* fuse-load stat|open|read|write PATH THREADS SECONDS: calls a second of all threads together; reads and
 * writes are of 1 MiB. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BLOCK (1 << 20)
/* The file is read and written in turns of this many blocks. */
#define BLOCKS 64
#define MOST_THREADS 64

static const char *mode, *path;
static double end;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void *load(void *counted) {
    long *count = counted;
    char *block = aligned_alloc(4096, BLOCK);
    memset(block, 'x', BLOCK);
    int file = open(path, O_RDWR);
    for (; now() < end; (*count)++) {
        off_t offset = (off_t)(*count % BLOCKS) * BLOCK;
        struct stat found;
        int opened = -1;
        if (strcmp(mode, "stat") == 0   ? fstat(file, &found) != 0
            : strcmp(mode, "open") == 0 ? (opened = open(path, O_RDONLY)) < 0 || close(opened) != 0
            : strcmp(mode, "read") == 0 ? pread(file, block, BLOCK, offset) != BLOCK
                                        : pwrite(file, block, BLOCK, offset) != BLOCK) {
            perror(path);
            exit(1);
        }
    }
    return NULL;
}

int main(int words, char **word) {
    if (words != 5)
        return 2;
    mode = word[1];
    path = word[2];
    int threads = atoi(word[3]);
    double seconds = atof(word[4]), start = now();
    if (threads < 1 || threads > MOST_THREADS)
        return 2;
    static pthread_t thread[MOST_THREADS];
    /* Far enough apart for caches. */
    static long counts[MOST_THREADS][8];
    end = start + seconds;
    for (int index = 0; index < threads; index++)
        pthread_create(&thread[index], NULL, load, counts[index]);
    long total = 0;
    for (int index = 0; index < threads; index++) {
        pthread_join(thread[index], NULL);
        total += counts[index][0];
    }
    printf("%.1f\n", (double)total / (now() - start));
    return 0;
}
