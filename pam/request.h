/* One conversation with xos-accounts on behalf of a PAM call. */
#ifndef XOS_REQUEST_H
#define XOS_REQUEST_H

#include "../packages/module-protocol/c/xos_channel.h"

#include <security/pam_modules.h>

/* Arguments of the pam.d line, and the flags of the call. */
struct xos_options {
    const char *socket_path;
    bool debug;
    bool silent;
    uint32_t silence_ms; /* how long the daemon may say nothing at first */
};

/* The encoded size of the largest request (openSession). */
#define XOS_REQUEST_CAPACITY 49152

struct xos_request {
    pam_handle_t *pamh;
    const struct xos_options *options;
    struct xos_channel channel;
    int64_t last_said_ms; /* when the module last sent something */
    struct xos_writer writer;
    struct xos_frame frame; /* the frame last received */
};

/* Connects. Returns PAM_SUCCESS or PAM_AUTHINFO_UNAVAIL (logged); close it in either case. */
int xos_request_open(struct xos_request *request, pam_handle_t *pamh, const struct xos_options *options);
void xos_request_close(struct xos_request *request);

/* Sends what request->writer holds. Returns PAM_SUCCESS or a PAM error, logged. */
int xos_request_send(struct xos_request *request);

/*
 * Waits for the daemon's next frame that is not a heartbeat, relaying its prompts to the application
 * meanwhile: it is in request->frame when PAM_SUCCESS is returned. Every silence ends after 1 s (or what a
 * heartbeat promised), all of it 60 s after the person last answered.
 */
int xos_request_receive(struct xos_request *request);

/*
 * What a `result` frame in request->frame says: its PAM code, PAM_SYSTEM_ERR when it is no such frame or no
 * such code. The message is shown. handle may be NULL; else it receives the login handle (HANDLE_MAX_BYTES +
 * 1 bytes).
 */
int xos_request_result(struct xos_request *request, char *handle);

/* Shows text by the application's conversation, unless silent. Its failure is not the login's. */
void xos_show(pam_handle_t *pamh, const struct xos_options *options, int style, const char *text);

/* A PAM item as a text of printable ASCII: other bytes, which whoever connects may have chosen, become `?`.
 */
#define XOS_ITEM_BYTES 256
struct xos_text xos_item(pam_handle_t *pamh, int item, char buffer[XOS_ITEM_BYTES]);

/* Whether text is a token: [A-Za-z0-9._-], not empty. */
bool xos_is_token(struct xos_text text);

#endif
