#include "launcher.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

bool xos_parse_number(const char *text, unsigned long long minimum, unsigned long long maximum,
                      unsigned long long *number) {
    unsigned long long value = 0;
    size_t length = strlen(text);

    /* strtoull takes signs, spaces and other bases; nothing but plain decimal digits is meant here. */
    if (length == 0 || length > 18 || (length > 1 && text[0] == '0'))
        return false;
    for (const char *digit = text; *digit != '\0'; digit++) {
        if (*digit < '0' || *digit > '9')
            return false;
        value = value * 10 + (unsigned long long)(*digit - '0');
    }
    if (value < minimum || value > maximum)
        return false;
    *number = value;
    return true;
}

bool xos_parse_account_id(const char *text, uid_t *id) {
    unsigned long long number;

    if (!xos_parse_number(text, XOS_ID_MINIMUM, XOS_ID_MAXIMUM, &number) || number == 65534 ||
        number == 65535)
        return false;
    *id = (uid_t)number;
    return true;
}

static bool has_capabilities(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct data[2];

    memset(data, 0, sizeof data);
    if (syscall(SYS_capget, &header, data) != 0)
        return true;
    return (data[0].effective | data[1].effective | data[0].permitted | data[1].permitted) != 0;
}

int xos_become(uid_t real, uid_t effective, gid_t gid, size_t group_count, const gid_t *groups) {
    uid_t uids[3];
    gid_t gids[3];

    if (real < XOS_ID_MINIMUM || effective < XOS_ID_MINIMUM || gid < XOS_ID_MINIMUM) {
        errno = EPERM;
        return -1;
    }
    if (setgroups(group_count, groups) != 0 || setresgid(gid, gid, gid) != 0 ||
        setresuid(real, effective, real) != 0)
        return -1;
    /* Securebits, a user namespace or an LSM may keep privileges alive; then nothing may go on. */
    if (getresuid(&uids[0], &uids[1], &uids[2]) != 0 || getresgid(&gids[0], &gids[1], &gids[2]) != 0)
        return -1;
    if (uids[0] != real || uids[1] != effective || uids[2] != real || gids[0] != gid || gids[1] != gid ||
        gids[2] != gid || setuid(0) == 0 || has_capabilities()) {
        errno = EPERM;
        return -1;
    }
    return 0;
}

void xos_close_from(int first) {
    if (syscall(SYS_close_range, (unsigned)first, ~0u, 0) == 0)
        return;
    /* Before Linux 5.9. */
    long most = sysconf(_SC_OPEN_MAX);
    for (int descriptor = first; descriptor < (most > 0 && most < 65536 ? (int)most : 65536); descriptor++)
        (void)close(descriptor);
}
