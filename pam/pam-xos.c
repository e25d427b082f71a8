/* pam_xos.so: the PAM entry points. Names that are no grid login names are none of its business and cost no
 * I/O. */
#include "../packages/module-protocol/c/xos_names.h"
#include "session.h"

#include <pwd.h>
#include <security/pam_ext.h>
#include <security/pam_modutil.h>
#include <syslog.h>

#define EXPORT __attribute__((visibility("default")))

static struct xos_options parse_options(pam_handle_t *pamh, int flags, int argc, const char **argv) {
    struct xos_options options = {XOS_PAM_SOCKET_PATH, false, (flags & PAM_SILENT) != 0, XOS_SILENCE_MAX_MS};
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "debug") == 0)
            options.debug = true;
        else if (strncmp(argv[i], "socket=", 7) == 0)
            options.socket_path = argv[i] + 7; /* libpam reads root's service files only */
        else
            pam_syslog(pamh, LOG_WARNING, "unknown option %s in the service file (known: debug, socket=PATH)",
                       argv[i]);
    }
    return options;
}

/* After a look-up that took as long as libnss_xos waits for a daemon that is silent. */
#define SHORT_SILENCE_MS 200

/*
 * The login name, when it is one of ours. *uid is that of a managed account, or 0 when the name does not
 * resolve; a name that local files give to an account of their own is theirs: PAM_USER_UNKNOWN.
 *
 * A name that no map knows is asked of the daemon by libnss_xos, which gives a stalled one its second; that
 * second is not given again here. It may have been another name service's, so that the daemon is still asked.
 */
static int grid_user(pam_handle_t *pamh, struct xos_options *options, struct xos_text *user, uid_t *uid) {
    const char *name = NULL;
    int status = pam_get_user(pamh, &name, NULL);
    if (status != PAM_SUCCESS)
        return status == PAM_CONV_AGAIN ? PAM_INCOMPLETE : status;
    *user = (struct xos_text){name, (uint32_t)xos_login_name_length(name)};
    *uid = 0;
    if (user->length == 0)
        return PAM_USER_UNKNOWN;
    int64_t begun = xos_now_ms();
    const struct passwd *account = pam_modutil_getpwnam(pamh, name);
    if (account == NULL) {
        if (xos_now_ms() - begun >= XOS_NSS_DEADLINE_MS)
            options->silence_ms = SHORT_SILENCE_MS;
        return PAM_SUCCESS;
    }
    if (!xos_is_managed_uid(account->pw_uid))
        return PAM_USER_UNKNOWN;
    *uid = account->pw_uid;
    return PAM_SUCCESS;
}

static void log_outcome(pam_handle_t *pamh, const struct xos_options *options, const char *call, int status) {
    if (options->debug)
        pam_syslog(pamh, LOG_DEBUG, "%s: %s", call, pam_strerror(pamh, status));
}

static int authenticate(pam_handle_t *pamh, const struct xos_options *options, struct xos_text user) {
    char service[XOS_ITEM_BYTES], tty[XOS_ITEM_BYTES], rhost[XOS_ITEM_BYTES], ruser[XOS_ITEM_BYTES];
    char variable[sizeof XOS_HANDLE_VARIABLE + XOS_HANDLE_MAX_BYTES + 1] = XOS_HANDLE_VARIABLE "=";
    char *handle = variable + sizeof XOS_HANDLE_VARIABLE;
    struct xos_authenticate message = {
        .user = user,
        .service = xos_item(pamh, PAM_SERVICE, service),
        .tty = xos_item(pamh, PAM_TTY, tty),
        .rhost = xos_item(pamh, PAM_RHOST, rhost),
        .ruser = xos_item(pamh, PAM_RUSER, ruser),
    };
    struct xos_request request;
    int status = xos_request_open(&request, pamh, options);
    if (status == PAM_SUCCESS) {
        (void)xos_encode_authenticate(&request.writer, &message);
        status = xos_request_send(&request);
    }
    if (status == PAM_SUCCESS)
        status = xos_request_receive(&request);
    if (status == PAM_SUCCESS)
        status = xos_request_result(&request, handle);
    xos_request_close(&request);
    if (status == PAM_SUCCESS && handle[0] != 0)
        status = pam_putenv(pamh, variable);
    explicit_bzero(variable, sizeof variable);
    return status;
}

EXPORT int pam_sm_authenticate(pam_handle_t *pamh, int flags, int argc, const char **argv) {
    struct xos_options options = parse_options(pamh, flags, argc, argv);
    struct xos_text user;
    uid_t uid;
    int status = grid_user(pamh, &options, &user, &uid);
    if (status == PAM_SUCCESS)
        status = authenticate(pamh, &options, user);
    log_outcome(pamh, &options, "authenticate", status);
    return status;
}

/* The credential comes with the session; called any number of times, this has nothing to do. */
EXPORT int pam_sm_setcred(pam_handle_t *pamh, int flags, int argc, const char **argv) {
    struct xos_options options = parse_options(pamh, flags, argc, argv);
    struct xos_text user;
    uid_t uid;
    int status = grid_user(pamh, &options, &user, &uid);
    log_outcome(pamh, &options, "setcred", status);
    return status;
}

static int account(pam_handle_t *pamh, const struct xos_options *options, struct xos_text user) {
    char service[XOS_ITEM_BYTES], tty[XOS_ITEM_BYTES], rhost[XOS_ITEM_BYTES];
    struct xos_account message = {
        .user = user,
        .service = xos_item(pamh, PAM_SERVICE, service),
        .tty = xos_item(pamh, PAM_TTY, tty),
        .rhost = xos_item(pamh, PAM_RHOST, rhost),
    };
    struct xos_request request;
    int status = xos_request_open(&request, pamh, options);
    if (status == PAM_SUCCESS) {
        (void)xos_encode_account(&request.writer, &message);
        status = xos_request_send(&request);
    }
    if (status == PAM_SUCCESS)
        status = xos_request_receive(&request);
    if (status == PAM_SUCCESS)
        status = xos_request_result(&request, NULL);
    xos_request_close(&request);
    return status;
}

EXPORT int pam_sm_acct_mgmt(pam_handle_t *pamh, int flags, int argc, const char **argv) {
    struct xos_options options = parse_options(pamh, flags, argc, argv);
    struct xos_text user;
    uid_t uid;
    int status = grid_user(pamh, &options, &user, &uid);
    if (status == PAM_SUCCESS)
        status = account(pamh, &options, user);
    log_outcome(pamh, &options, "acct_mgmt", status);
    return status;
}

EXPORT int pam_sm_open_session(pam_handle_t *pamh, int flags, int argc, const char **argv) {
    struct xos_options options = parse_options(pamh, flags, argc, argv);
    struct xos_text user;
    uid_t uid;
    int status = grid_user(pamh, &options, &user, &uid);
    if (status == PAM_USER_UNKNOWN)
        return PAM_IGNORE;
    if (status == PAM_SUCCESS && (uid == 0 || geteuid() != 0)) {
        pam_syslog(pamh, LOG_ERR, "cannot open a session for %s: %s", user.data,
                   uid == 0 ? "the name does not resolve to a managed uid (see getent passwd)"
                            : "the caller is not root");
        status = PAM_SESSION_ERR;
    }
    if (status == PAM_SUCCESS)
        status = xos_session_open(pamh, &options, user, uid);
    log_outcome(pamh, &options, "open_session", status);
    return status;
}

EXPORT int pam_sm_close_session(pam_handle_t *pamh, int flags, int argc, const char **argv) {
    struct xos_options options = parse_options(pamh, flags, argc, argv);
    int status = xos_session_close(pamh, &options);
    log_outcome(pamh, &options, "close_session", status);
    return status;
}

EXPORT int pam_sm_chauthtok(pam_handle_t *pamh, int flags, int argc, const char **argv) {
    struct xos_options options = parse_options(pamh, flags, argc, argv);
    struct xos_text user;
    uid_t uid;
    int status = grid_user(pamh, &options, &user, &uid);
    if (status != PAM_SUCCESS)
        return status;
    if ((flags & PAM_PRELIM_CHECK) != 0)
        xos_show(pamh, &options, PAM_ERROR_MSG,
                 "A grid account has no password on this host. Change the VO password at the VO service (xos "
                 "vo).");
    return PAM_PERM_DENIED;
}
