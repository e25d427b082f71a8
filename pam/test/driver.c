/*
 * An application of PAM for the tests: driver CONFDIR SERVICE USER STEP... prints a line for each step and
 * each conversation message. DRIVER_ANSWERS holds the answers, one a line; conversation call number
 * DRIVER_FAIL_AT (from 1) fails in the manner of DRIVER_FAIL_HOW. Its getpwnam_r, which libpam then uses,
 * knows alice@physics as a grid user and local@physics as a local one, and nothing of slow@physics after the
 * second that libnss_xos gives a stalled daemon.
 */
#include <errno.h>
#include <grp.h>
#include <linux/keyctl.h>
#include <pwd.h>
#include <security/pam_appl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define GRID_UID 2030043136u

int getpwnam_r(const char *name, struct passwd *result, char *buffer, size_t size, struct passwd **found) {
    (void)size;
    *found = NULL;
    uid_t uid;
    if (strcmp(name, "alice@physics") == 0)
        uid = GRID_UID;
    else if (strcmp(name, "local@physics") == 0)
        uid = 1000;
    else {
        if (strcmp(name, "slow@physics") == 0)
            usleep(1000 * 1000);
        return 0;
    }
    strcpy(buffer, name);
    *result = (struct passwd){buffer, "*", uid, uid, "", "/", "/bin/sh"};
    *found = result;
    return 0;
}

static const char *answers;
static int calls, fail_at;
static const char *fail_how = "error";

static int converse(int count, const struct pam_message **messages, struct pam_response **responses,
                    void *data) {
    (void)data;
    calls++;
    if (calls == fail_at && strcmp(fail_how, "again") == 0)
        return PAM_CONV_AGAIN;
    if (calls == fail_at && strcmp(fail_how, "error") == 0)
        return PAM_CONV_ERR;
    if (calls == fail_at && strcmp(fail_how, "none") == 0) {
        *responses = NULL;
        return PAM_SUCCESS;
    }
    struct pam_response *made = calloc((size_t)count, sizeof *made);
    for (int i = 0; i < count; i++) {
        printf("conv %d %s\n", messages[i]->msg_style, messages[i]->msg);
        if (messages[i]->msg_style > PAM_PROMPT_ECHO_ON ||
            (calls == fail_at && strcmp(fail_how, "empty") == 0))
            continue;
        size_t length = answers == NULL ? 0 : strcspn(answers, "\n");
        made[i].resp = answers == NULL ? strdup("") : strndup(answers, length);
        if (answers != NULL)
            answers += answers[length] == '\n' ? length + 1 : length;
    }
    *responses = made;
    return PAM_SUCCESS;
}

static long keyctl(int operation, unsigned long a, unsigned long b, unsigned long c, unsigned long d) {
    return syscall(SYS_keyctl, operation, a, b, c, d);
}

static const char *outcome(long status) {
    return status < 0 ? strerrorname_np(errno) : "ok";
}

/* What the process finds of the credential in its session keyring. */
static void show_key(const char *who) {
    static char payload[40000], description[512];
    long key = keyctl(KEYCTL_SEARCH, (unsigned long)KEY_SPEC_SESSION_KEYRING, (unsigned long)"user",
                      (unsigned long)"xos:credential", 0);
    if (key < 0) {
        printf("%s-key %s\n", who, strerrorname_np(errno));
        return;
    }
    long bytes = keyctl(KEYCTL_READ, (unsigned long)key, (unsigned long)payload, sizeof payload, 0);
    unsigned long sum = 0;
    for (long i = 0; i < bytes; i++)
        sum = sum * 31 + (unsigned char)payload[i];
    keyctl(KEYCTL_DESCRIBE, (unsigned long)key, (unsigned long)description, sizeof description, 0);
    printf("%s-key %ld bytes=%ld sum=%lu %s\n", who, key, bytes, sum & 0xffffffff, description);
}

/* What the user of the session can do to the key. */
static void as_user(void) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (setgroups(0, NULL) != 0 || setgid(GRID_UID) != 0 || setuid(GRID_UID) != 0)
            _exit(3);
        show_key("user");
        long key = keyctl(KEYCTL_SEARCH, (unsigned long)KEY_SPEC_SESSION_KEYRING, (unsigned long)"user",
                          (unsigned long)"xos:credential", 0);
        printf("user-update %s\n",
               outcome(keyctl(KEYCTL_UPDATE, (unsigned long)key, (unsigned long)"x", 1, 0)));
        printf("user-setperm %s\n", outcome(keyctl(KEYCTL_SETPERM, (unsigned long)key, 0x3f3f3f3f, 0, 0)));
        printf("user-timeout %s\n", outcome(keyctl(KEYCTL_SET_TIMEOUT, (unsigned long)key, 0, 0, 0)));
        printf("user-revoke %s\n", outcome(keyctl(KEYCTL_REVOKE, (unsigned long)key, 0, 0, 0)));
        fflush(stdout);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    printf("user-exit %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

/* As pam_keyinit does: a new session keyring that is the user's. */
static void keyinit(void) {
    long keyring = keyctl(KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0);
    keyctl(KEYCTL_CHOWN, (unsigned long)keyring, GRID_UID, (unsigned long)-1, 0);
    printf("keyinit %ld\n", keyring);
}

static int step(pam_handle_t *pamh, const char *name) {
    if (strcmp(name, "authenticate") == 0)
        return pam_authenticate(pamh, 0);
    if (strcmp(name, "silent") == 0)
        return pam_authenticate(pamh, PAM_SILENT);
    if (strcmp(name, "account") == 0)
        return pam_acct_mgmt(pamh, 0);
    if (strcmp(name, "setcred") == 0)
        return pam_setcred(pamh, PAM_ESTABLISH_CRED);
    if (strcmp(name, "refresh") == 0)
        return pam_setcred(pamh, PAM_REFRESH_CRED);
    if (strcmp(name, "delete") == 0)
        return pam_setcred(pamh, PAM_DELETE_CRED);
    if (strcmp(name, "open") == 0)
        return pam_open_session(pamh, 0);
    if (strcmp(name, "close") == 0)
        return pam_close_session(pamh, 0);
    if (strcmp(name, "chauthtok") == 0)
        return pam_chauthtok(pamh, 0);
    return -1;
}

int main(int argc, char **argv) {
    if (argc < 4)
        return 2;
    answers = getenv("DRIVER_ANSWERS");
    fail_at = getenv("DRIVER_FAIL_AT") == NULL ? 0 : atoi(getenv("DRIVER_FAIL_AT"));
    fail_how = getenv("DRIVER_FAIL_HOW") == NULL ? fail_how : getenv("DRIVER_FAIL_HOW");
    const struct pam_conv conversation = {converse, NULL};
    pam_handle_t *pamh;
    int status = pam_start_confdir(argv[2], argv[3], &conversation, argv[1], &pamh);
    if (status != PAM_SUCCESS)
        return 3;
    pam_set_item(pamh, PAM_TTY, "tty7");
    pam_set_item(pamh, PAM_RHOST, "host\x01.example");
    for (int i = 4; i < argc; i++) {
        if (strcmp(argv[i], "env") == 0) {
            char **list = pam_getenvlist(pamh);
            for (char **at = list; at != NULL && *at != NULL; at++) {
                printf("env %s\n", *at);
                free(*at);
            }
            free(list);
        } else if (strcmp(argv[i], "key") == 0) {
            show_key("root");
        } else if (strcmp(argv[i], "as-user") == 0) {
            as_user();
        } else if (strcmp(argv[i], "keyinit") == 0) {
            keyinit();
        } else if (strcmp(argv[i], "ssh") == 0) {
            pam_putenv(pamh, "SSH_AUTH_INFO_0=publickey ssh-ed25519-cert AAAA\n");
        } else {
            status = step(pamh, argv[i]);
            printf("%s %d\n", argv[i], status);
        }
        fflush(stdout);
    }
    pam_end(pamh, status);
    return 0;
}
