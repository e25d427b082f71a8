#include "launcher.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Reads /proc/PID/status: does the process belong to uid by any of its four uids, and is it still alive? */
static bool is_alive_and_of(const char *pid, uid_t uid) {
    char path[64], line[256], state = 0;
    unsigned uids[4] = {0};
    bool found = false;

    (void)snprintf(path, sizeof path, "/proc/%.20s/status", pid);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "State:", 6) == 0)
            (void)sscanf(line, "State: %c", &state);
        if (sscanf(line, "Uid: %u %u %u %u", &uids[0], &uids[1], &uids[2], &uids[3]) == 4) {
            found = true;
            break;
        }
    }
    (void)fclose(file);
    /* A zombie holds nothing any more and goes when its parent reads its status. */
    if (!found || state == 'Z' || state == 'X')
        return false;
    return uids[0] == uid || uids[1] == uid || uids[2] == uid || uids[3] == uid;
}

/* Processes of the uid, or -1. */
static long count_processes(uid_t uid) {
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    long count = 0;

    if (proc == NULL)
        return -1;
    while (errno = 0, (entry = readdir(proc)) != NULL)
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' && is_alive_and_of(entry->d_name, uid))
            count++;
    int error = errno;
    (void)closedir(proc);
    return error == 0 ? count : -1;
}

/*
 * kill(2) of -1 reaches every process that the caller may signal, in one pass that no fork slips through. Who
 * may be signalled is decided by the kernel: the guard uid as real uid keeps the account's processes from
 * stopping the killer, the account's as effective uid makes them, and only them, its targets.
 */
static int kill_all(uid_t uid) {
    pid_t child = fork();

    if (child < 0)
        return -1;
    if (child == 0) {
        if (xos_become(XOS_GUARD_ID, uid, uid, 0, NULL) != 0)
            _exit(XOS_EXIT_FAILED);
        if (kill(-1, SIGKILL) != 0 && errno != ESRCH)
            _exit(XOS_EXIT_FAILED);
        _exit(0);
    }
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return -1;
    /* Another launcher at work shares the guard uid, and its pass may have met this child: the caller looks
     * again. */
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        return 0;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

int xos_kill_uid(uid_t uid, unsigned deadline_seconds) {
    struct timespec start, now;
    const struct timespec pause = {.tv_nsec = 10000000};
    long left = -1;

    (void)clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        if (kill_all(uid) != 0) {
            perror("xos-launch: cannot kill the processes of the uid");
            return XOS_EXIT_FAILED;
        }
        left = count_processes(uid);
        if (left < 0) {
            perror("xos-launch: cannot read /proc");
            return XOS_EXIT_FAILED;
        }
        if (left == 0)
            break;
        (void)nanosleep(&pause, NULL);
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec - start.tv_sec < (time_t)deadline_seconds);
    printf("left=%ld\n", left);
    return left == 0 ? 0 : XOS_EXIT_LEFT;
}
