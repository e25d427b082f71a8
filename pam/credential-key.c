#include "credential-key.h"

#include <errno.h>
#include <linux/keyctl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Permission bits of keyctl_setperm(3). */
#define POSSESSOR_VIEW 0x01000000u
#define POSSESSOR_READ 0x02000000u
#define POSSESSOR_SEARCH 0x08000000u
#define POSSESSOR_SETATTR 0x20000000u
#define OWNER_VIEW 0x00010000u
#define OWNER_SETATTR 0x00200000u /* the owner is root: without it nobody could revoke the key */
#define KEPT (POSSESSOR_VIEW | POSSESSOR_READ | POSSESSOR_SEARCH | OWNER_VIEW | OWNER_SETATTR)

static long keyctl(int operation, unsigned long a, unsigned long b, unsigned long c, unsigned long d) {
    return syscall(SYS_keyctl, operation, a, b, c, d);
}

/* The owner's uid of a key, or -1. */
static long long owner_of(long key) {
    char description[512];
    long length =
        keyctl(KEYCTL_DESCRIBE, (unsigned long)key, (unsigned long)description, sizeof description - 1, 0);
    if (length <= 0)
        return -1;
    description[length < (long)sizeof description ? length : (long)sizeof description - 1] = 0;
    unsigned int uid;
    return sscanf(description, "%*[^;];%u;", &uid) == 1 ? (long long)uid : -1;
}

static bool holds_credential(long keyring) {
    return keyctl(KEYCTL_SEARCH, (unsigned long)keyring, (unsigned long)XOS_KEY_TYPE,
                  (unsigned long)XOS_KEY_DESCRIPTION, 0) >= 0;
}

/* Makes sure that the session keyring is the user's own and empty of credentials. Returns 0 or an errno
 * value. */
static int own_session_keyring(uid_t uid) {
    long keyring = keyctl(KEYCTL_GET_KEYRING_ID, (unsigned long)KEY_SPEC_SESSION_KEYRING, 0, 0, 0);
    if (keyring < 0 && (errno == ENOSYS || errno == EPERM))
        return errno;
    if (keyring >= 0 && owner_of(keyring) == (long long)uid && !holds_credential(keyring))
        return 0;
    keyring = keyctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0);
    if (keyring < 0)
        return errno;
    /* As pam_keyinit's would be; when the user's quota is full it stays root's, which serves as well. */
    (void)keyctl(KEYCTL_CHOWN, (unsigned long)keyring, uid, (unsigned long)-1, 0);
    return 0;
}

int xos_add_credential_key(struct xos_bytes credential, uint32_t timeout_seconds, uid_t uid,
                           int32_t *serial) {
    int cause = own_session_keyring(uid);
    if (cause != 0)
        return cause;
    long key = syscall(SYS_add_key, XOS_KEY_TYPE, XOS_KEY_DESCRIPTION, credential.data,
                       (size_t)credential.length, KEY_SPEC_SESSION_KEYRING);
    if (key < 0)
        return errno;
    /* The timeout needs setattr, which the last step takes away from the possessor. */
    if (keyctl(KEYCTL_SET_TIMEOUT, (unsigned long)key, timeout_seconds, 0, 0) < 0 ||
        keyctl(KEYCTL_SETPERM, (unsigned long)key, KEPT, 0, 0) < 0) {
        cause = errno;
        (void)xos_revoke_credential_key((int32_t)key);
        return cause;
    }
    *serial = (int32_t)key;
    return 0;
}

int xos_revoke_credential_key(int32_t serial) {
    int cause = 0;
    if (keyctl(KEYCTL_REVOKE, (unsigned long)serial, 0, 0, 0) < 0 && errno != EKEYREVOKED &&
        errno != EKEYEXPIRED && errno != ENOKEY)
        cause = errno;
    (void)keyctl(KEYCTL_UNLINK, (unsigned long)serial, (unsigned long)KEY_SPEC_SESSION_KEYRING, 0, 0);
    return cause;
}
