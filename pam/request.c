#include "request.h"

#include <security/pam_ext.h>
#include <syslog.h>

static int unavailable(struct xos_request *request, const char *attempt, int cause) {
    pam_syslog(request->pamh, LOG_ERR, "%s %s failed: %s; is xos-accounts running?", attempt,
               request->options->socket_path, strerror(cause));
    return PAM_AUTHINFO_UNAVAIL;
}

int xos_request_open(struct xos_request *request, pam_handle_t *pamh, const struct xos_options *options) {
    *request = (struct xos_request){.pamh = pamh, .options = options, .channel = {.fd = -1}};
    request->writer.data = malloc(XOS_REQUEST_CAPACITY);
    if (request->writer.data == NULL)
        return PAM_BUF_ERR;
    request->writer.capacity = XOS_REQUEST_CAPACITY;
    int cause = xos_channel_open(&request->channel, options->socket_path);
    return cause == 0 ? PAM_SUCCESS : unavailable(request, "connecting to", cause);
}

void xos_request_close(struct xos_request *request) {
    if (request->writer.data != NULL)
        explicit_bzero(request->writer.data, request->writer.capacity);
    free(request->writer.data);
    request->writer.data = NULL;
    xos_frame_free(&request->frame);
    xos_channel_close(&request->channel);
}

int xos_request_send(struct xos_request *request) {
    request->last_said_ms = xos_now_ms();
    int cause = request->writer.length == 0
                    ? EMSGSIZE
                    : xos_channel_send(&request->channel, request->writer.data, request->writer.length,
                                       request->last_said_ms + XOS_SILENCE_MAX_MS);
    explicit_bzero(request->writer.data, request->writer.length); /* it may be a passphrase */
    request->writer.length = 0;
    return cause == 0 ? PAM_SUCCESS : unavailable(request, "asking", cause);
}

static void wipe_response(struct pam_response *response) {
    if (response == NULL)
        return;
    if (response->resp != NULL) {
        explicit_bzero(response->resp, strlen(response->resp));
        free(response->resp);
    }
    free(response);
}

/* Calls the application's conversation with one message. *response is the caller's to wipe. */
static int converse(pam_handle_t *pamh, int style, const char *text, struct pam_response **response) {
    const void *item = NULL;
    *response = NULL;
    int status = pam_get_item(pamh, PAM_CONV, &item);
    const struct pam_conv *conversation = item;
    if (status != PAM_SUCCESS || conversation == NULL || conversation->conv == NULL)
        return PAM_CONV_ERR;
    const struct pam_message message = {style, text};
    const struct pam_message *messages = &message;
    status = conversation->conv(1, &messages, response, conversation->appdata_ptr);
    if (status != PAM_SUCCESS) {
        *response = NULL; /* on failure it is not ours (pam_conv(3)) */
        return status == PAM_CONV_AGAIN ? PAM_INCOMPLETE : PAM_CONV_ERR;
    }
    return PAM_SUCCESS;
}

void xos_show(pam_handle_t *pamh, const struct xos_options *options, int style, const char *text) {
    struct pam_response *response;
    if (text[0] == 0 || options->silent)
        return;
    if (converse(pamh, style, text, &response) == PAM_SUCCESS)
        wipe_response(response);
}

static int relay_prompt(struct xos_request *request) {
    struct xos_prompt prompt;
    if (!xos_decode_prompt(request->frame.payload, request->frame.length, &prompt) ||
        prompt.style < XOS_PROMPT_ECHO_OFF || prompt.style > XOS_PROMPT_INFO)
        return unavailable(request, "understanding a prompt from", EPROTO);
    struct xos_response answer = {{NULL, 0}};
    struct pam_response *typed = NULL;
    bool asks = prompt.style == XOS_PROMPT_ECHO_OFF || prompt.style == XOS_PROMPT_ECHO_ON;
    if (asks) {
        int status = converse(request->pamh, (int)prompt.style, prompt.text.data, &typed);
        if (status != PAM_SUCCESS)
            return status;
        if (typed == NULL || typed->resp == NULL) {
            wipe_response(typed);
            return PAM_CONV_ERR;
        }
        answer.text =
            (struct xos_bytes){(const uint8_t *)typed->resp, (uint32_t)strnlen(typed->resp, UINT32_MAX)};
    } else {
        xos_show(request->pamh, request->options, (int)prompt.style, prompt.text.data);
    }
    bool fits = xos_encode_response(&request->writer, &answer);
    wipe_response(typed);
    if (!fits) {
        explicit_bzero(request->writer.data, request->writer.capacity);
        pam_syslog(request->pamh, LOG_NOTICE, "an answer of more than %d bytes was typed",
                   XOS_TEXT_MAX_BYTES);
        return PAM_AUTH_ERR;
    }
    return xos_request_send(request);
}

int xos_request_receive(struct xos_request *request) {
    int64_t silence_ends = request->last_said_ms + request->options->silence_ms;
    for (;;) {
        int64_t all_ends = request->last_said_ms + XOS_REQUEST_MAX_MS;
        xos_frame_free(&request->frame);
        int cause = xos_channel_receive(&request->channel, &request->frame,
                                        silence_ends < all_ends ? silence_ends : all_ends);
        if (cause != 0)
            return unavailable(request, "waiting for an answer from", cause);
        if (request->frame.type == XOS_PROMPT) {
            int status = relay_prompt(request);
            if (status != PAM_SUCCESS)
                return status;
            silence_ends = request->last_said_ms + XOS_SILENCE_MAX_MS;
        } else if (request->frame.type == XOS_WORKING) {
            struct xos_working working;
            if (!xos_decode_working(request->frame.payload, request->frame.length, &working))
                return unavailable(request, "understanding a heartbeat from", EPROTO);
            uint32_t promised =
                working.milliseconds > XOS_WORKING_MAX_MS ? XOS_WORKING_MAX_MS : working.milliseconds;
            silence_ends = xos_now_ms() + promised;
        } else {
            return PAM_SUCCESS;
        }
    }
}

static bool is_known_code(uint32_t code) {
    switch (code) {
    case PAM_SUCCESS:
    case PAM_SYSTEM_ERR:
    case PAM_PERM_DENIED:
    case PAM_AUTH_ERR:
    case PAM_CRED_INSUFFICIENT:
    case PAM_AUTHINFO_UNAVAIL:
    case PAM_USER_UNKNOWN:
    case PAM_MAXTRIES:
    case PAM_NEW_AUTHTOK_REQD:
    case PAM_ACCT_EXPIRED:
    case PAM_SESSION_ERR:
    case PAM_CRED_UNAVAIL:
    case PAM_CRED_EXPIRED:
    case PAM_CRED_ERR:
    case PAM_ABORT:
        return true;
    default:
        return false;
    }
}

bool xos_is_token(struct xos_text text) {
    for (uint32_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '.' &&
            c != '_' && c != '-')
            return false;
    }
    return text.length > 0;
}

int xos_request_result(struct xos_request *request, char *handle) {
    struct xos_result result;
    if (request->frame.type != XOS_RESULT ||
        !xos_decode_result(request->frame.payload, request->frame.length, &result) ||
        !is_known_code(result.pam_code) || (result.handle.length > 0 && !xos_is_token(result.handle))) {
        pam_syslog(request->pamh, LOG_ERR, "%s gave an answer that is none to this question (type 0x%04x)",
                   request->options->socket_path, request->frame.type);
        return PAM_SYSTEM_ERR;
    }
    if (handle != NULL) {
        memcpy(handle, result.handle.data, result.handle.length);
        handle[result.handle.length] = 0;
    }
    xos_show(request->pamh, request->options, result.pam_code == PAM_SUCCESS ? PAM_TEXT_INFO : PAM_ERROR_MSG,
             result.message.data);
    return (int)result.pam_code;
}

struct xos_text xos_item(pam_handle_t *pamh, int item, char buffer[XOS_ITEM_BYTES]) {
    const void *value = NULL;
    size_t length = 0;
    if (pam_get_item(pamh, item, &value) == PAM_SUCCESS && value != NULL)
        for (const char *at = value; *at != 0 && length < XOS_ITEM_BYTES - 1; at++)
            buffer[length++] = *at >= 0x20 && *at < 0x7f ? *at : '?';
    buffer[length] = 0;
    return (struct xos_text){buffer, (uint32_t)length};
}
