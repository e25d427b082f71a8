#include "session.h"

#include "credential-key.h"

#include <security/pam_ext.h>
#include <stdio.h>
#include <syslog.h>

#define DATA_NAME "xos_session"

/* Kept as PAM data. close_session may run in a forked child (systemd's sd-pam), so nothing in it is bound to
 * a process. */
struct session {
    char id[XOS_SESSION_ID_MAX_BYTES + 1];
    int32_t key; /* 0: none */
    size_t variable_count;
    char *variables[XOS_ENVIRONMENT_MAX_ENTRIES]; /* names */
};

static void free_session(struct session *session) {
    if (session == NULL)
        return;
    for (size_t i = 0; i < session->variable_count; i++)
        free(session->variables[i]);
    free(session);
}

static void cleanup(pam_handle_t *pamh, void *data, int status) {
    (void)pamh;
    (void)status;
    free_session(data);
}

/* The daemon may set only variables that steer grid programs: it runs without privileges, the session's shell
 * may start with some. */
static bool is_ours(const char *variable) {
    const char *equals = strchr(variable, '=');
    if (equals == NULL)
        return false;
    if (strncmp(variable, "BEARER_TOKEN_FILE=", 18) == 0)
        return true;
    if (strncmp(variable, "XOS_", 4) != 0 && strncmp(variable, "X509_", 5) != 0)
        return false;
    for (const char *c = variable; c < equals; c++)
        if (!(*c >= 'A' && *c <= 'Z') && !(*c >= '0' && *c <= '9') && *c != '_')
            return false;
    return strncmp(variable, XOS_HANDLE_VARIABLE "=", sizeof XOS_HANDLE_VARIABLE) != 0;
}

static void clear_environment(pam_handle_t *pamh, const struct session *session) {
    for (size_t i = 0; i < session->variable_count; i++)
        if (pam_getenv(pamh, session->variables[i]) != NULL)
            (void)pam_putenv(pamh, session->variables[i]);
    if (pam_getenv(pamh, XOS_SESSION_VARIABLE) != NULL)
        (void)pam_putenv(pamh, XOS_SESSION_VARIABLE);
}

static int set_environment(pam_handle_t *pamh, struct session *session, struct xos_list environment) {
    for (; environment.count > 0; environment.count--) {
        struct xos_text variable = xos_next_text(&environment);
        if (!is_ours(variable.data)) {
            pam_syslog(pamh, LOG_WARNING,
                       "xos-accounts wants to set %.*s, which is no variable of ours: refused",
                       (int)strcspn(variable.data, "="), variable.data);
            continue;
        }
        char *name = strndup(variable.data, strcspn(variable.data, "="));
        if (name == NULL)
            return PAM_BUF_ERR;
        session->variables[session->variable_count++] = name;
        int status = pam_putenv(pamh, variable.data);
        if (status != PAM_SUCCESS)
            return status;
    }
    char entry[sizeof XOS_SESSION_VARIABLE + sizeof session->id];
    snprintf(entry, sizeof entry, "%s=%s", XOS_SESSION_VARIABLE, session->id);
    return pam_putenv(pamh, entry);
}

/* Adds the key and tells the daemon, which needs the serial to revoke it. */
static int add_key(struct xos_request *request, struct session *session, const struct xos_session *opened,
                   uid_t uid) {
    int cause =
        xos_add_credential_key(opened->credential, opened->credential_timeout_seconds, uid, &session->key);
    if (cause == ENOSYS || cause == EPERM) {
        pam_syslog(
            request->pamh, LOG_WARNING,
            "this kernel or sandbox offers no keyrings (%s): the session has its credential in a file only",
            strerror(cause));
        return PAM_SUCCESS;
    }
    if (cause != 0) {
        pam_syslog(request->pamh, LOG_ERR, "adding the key %s of %u bytes to the session keyring failed: %s",
                   XOS_KEY_DESCRIPTION, opened->credential.length, strerror(cause));
        return PAM_SESSION_ERR;
    }
    struct xos_session_key message = {{session->id, (uint32_t)strlen(session->id)}, session->key};
    (void)xos_encode_session_key(&request->writer, &message);
    int status = xos_request_send(request);
    if (status == PAM_SUCCESS)
        status = xos_request_receive(request);
    return status == PAM_SUCCESS ? xos_request_result(request, NULL) : status;
}

static int tell_closed(pam_handle_t *pamh, const struct xos_options *options, const char *id) {
    struct xos_request request;
    int status = xos_request_open(&request, pamh, options);
    struct xos_close_session message = {{id, (uint32_t)strlen(id)}};
    if (status == PAM_SUCCESS) {
        (void)xos_encode_close_session(&request.writer, &message);
        status = xos_request_send(&request);
    }
    if (status == PAM_SUCCESS)
        status = xos_request_receive(&request);
    if (status == PAM_SUCCESS)
        status = xos_request_result(&request, NULL);
    xos_request_close(&request);
    return status;
}

/* What this process holds of the session. */
static void undo_here(pam_handle_t *pamh, struct session *session) {
    clear_environment(pamh, session);
    int cause = session->key != 0 ? xos_revoke_credential_key(session->key) : 0;
    if (cause != 0)
        pam_syslog(pamh, LOG_WARNING, "revoking key %d of session %s failed: %s", session->key, session->id,
                   strerror(cause));
    session->key = 0;
}

/* Asks for the session. On success opened points into request->frame. */
static int ask(struct xos_request *request, struct xos_text user, struct xos_session *opened) {
    pam_handle_t *pamh = request->pamh;
    char service[XOS_ITEM_BYTES], tty[XOS_ITEM_BYTES], rhost[XOS_ITEM_BYTES];
    const char *handle = pam_getenv(pamh, XOS_HANDLE_VARIABLE);
    const char *ssh = pam_getenv(pamh, "SSH_AUTH_INFO_0");
    struct xos_open_session message = {
        .user = user,
        .service = xos_item(pamh, PAM_SERVICE, service),
        .tty = xos_item(pamh, PAM_TTY, tty),
        .rhost = xos_item(pamh, PAM_RHOST, rhost),
        .handle = {handle, handle == NULL ? 0 : (uint32_t)strnlen(handle, UINT32_MAX)},
        .ssh_auth_info = {ssh, ssh == NULL ? 0 : (uint32_t)strnlen(ssh, UINT32_MAX)},
    };
    bool fits = xos_encode_open_session(&request->writer, &message);
    if (handle != NULL)
        (void)pam_putenv(pamh, XOS_HANDLE_VARIABLE); /* used up, and no business of the shell's */
    if (!fits) {
        pam_syslog(pamh, LOG_ERR, "the login handle or SSH_AUTH_INFO_0 is too long");
        return PAM_SESSION_ERR;
    }
    int status = xos_request_send(request);
    if (status == PAM_SUCCESS)
        status = xos_request_receive(request);
    if (status != PAM_SUCCESS)
        return status;
    if (request->frame.type != XOS_SESSION) {
        status = xos_request_result(request, NULL);
        return status == PAM_SUCCESS ? PAM_SYSTEM_ERR : status;
    }
    if (!xos_decode_session(request->frame.payload, request->frame.length, opened) ||
        !xos_is_token(opened->session_id) ||
        (opened->credential.length > 0 && opened->credential_timeout_seconds == 0)) {
        pam_syslog(pamh, LOG_ERR, "%s opened a session in words that make no sense",
                   request->options->socket_path);
        return PAM_SYSTEM_ERR;
    }
    return PAM_SUCCESS;
}

int xos_session_open(pam_handle_t *pamh, const struct xos_options *options, struct xos_text user, uid_t uid) {
    const void *present;
    if (pam_get_data(pamh, DATA_NAME, &present) == PAM_SUCCESS && present != NULL)
        return PAM_SUCCESS;
    struct session *session = calloc(1, sizeof *session);
    if (session == NULL)
        return PAM_BUF_ERR;
    struct xos_request request;
    struct xos_session opened;
    int status = xos_request_open(&request, pamh, options);
    if (status == PAM_SUCCESS)
        status = ask(&request, user, &opened);
    if (status != PAM_SUCCESS)
        goto refused;
    memcpy(session->id, opened.session_id.data, opened.session_id.length);
    status = set_environment(pamh, session, opened.environment);
    if (status == PAM_SUCCESS) {
        xos_show(pamh, options, PAM_TEXT_INFO, opened.message.data);
        if (opened.credential.length > 0)
            status = add_key(&request, session, &opened, uid);
    }
    if (status == PAM_SUCCESS)
        status = pam_set_data(pamh, DATA_NAME, session, cleanup);
    if (status == PAM_SUCCESS) {
        xos_request_close(&request);
        return PAM_SUCCESS;
    }
    undo_here(pamh, session);
    /* A daemon that fell silent reaps the session when this process ends; asking again would only wait again.
     */
    if (status != PAM_AUTHINFO_UNAVAIL)
        (void)tell_closed(pamh, options, session->id);
refused:
    xos_request_close(&request);
    free_session(session);
    return status == PAM_AUTHINFO_UNAVAIL ? PAM_SESSION_ERR : status;
}

int xos_session_close(pam_handle_t *pamh, const struct xos_options *options) {
    const void *present = NULL;
    if (pam_get_data(pamh, DATA_NAME, &present) != PAM_SUCCESS || present == NULL)
        return PAM_IGNORE;
    struct session *session = (struct session *)(uintptr_t)present;
    undo_here(pamh, session);
    int status = tell_closed(pamh, options, session->id);
    (void)pam_set_data(pamh, DATA_NAME, NULL, NULL); /* frees it by cleanup */
    return status == PAM_SUCCESS ? PAM_SUCCESS : PAM_SESSION_ERR;
}
