#include "launcher.h"

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static const char usage[] =
    "xos-launch --kill-uid UID [SECONDS]     kill every process of UID (10 s at most)\n"
    "xos-launch --remove-leftovers UID       remove System V IPC objects, clear keyrings of UID\n"
    "xos-launch --run OPTIONS -- PROGRAM...  run a program of a user inside a PAM session\n"
    "Called by xos-helper; see docs/helper-protocol.md.\n";

static int refuse(const char *reason) {
    fprintf(stderr, "xos-launch: %s\n%s", reason, usage);
    return XOS_EXIT_USAGE;
}

int main(int argc, char **argv) {
    uid_t uid;
    unsigned long long seconds = 10;

    /* Whatever starts as root here must not be inspected or traced on its way down to a user. */
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (argc < 2)
        return refuse("nothing to do");
    if (strcmp(argv[1], "--run") == 0)
        return xos_run_service(argc - 2, argv + 2);
    if (argc < 3)
        return refuse("arguments are missing or unknown");
    if (!xos_parse_account_id(argv[2], &uid))
        return refuse("the uid is no decimal number of an account");
    if (geteuid() != 0)
        return refuse("must run as root");
    xos_close_from(3);
    if (strcmp(argv[1], "--kill-uid") == 0 && argc <= 4) {
        if (argc == 4 && !xos_parse_number(argv[3], 1, 300, &seconds))
            return refuse("SECONDS must be 1 to 300");
        return xos_kill_uid(uid, (unsigned)seconds);
    }
    if (strcmp(argv[1], "--remove-leftovers") == 0 && argc == 3)
        return xos_remove_leftovers(uid);
    return refuse("arguments are missing or unknown");
}
