/* Stands beside a process that serves a FUSE mount. When that process ends, however it ends, standard input
 * does, and what the mount still owes its users is answered with an error: descriptor 3 is the `abort` file
 * of the connection. A process that was killed in the middle cannot do this itself, and its users would be
 * unkillable (fuse(4), "Aborting").
 *
 * A byte on standard input: the mount was taken away in good order, there is nothing to do. */
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#define ABORT_DESCRIPTOR 3

int main(void) {
    /* A service manager signals all processes of a unit; this one has to be the last. */
    static const int ignored[] = {SIGHUP, SIGINT, SIGTERM, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2};
    for (size_t index = 0; index < sizeof ignored / sizeof ignored[0]; index++)
        signal(ignored[index], SIG_IGN);
    char byte;
    if (read(STDIN_FILENO, &byte, 1) == 1)
        return 0;
    return write(ABORT_DESCRIPTOR, "1", 1) == 1 ? 0 : 1;
}
