/*
 * AuthorizedPrincipalsCommand of sshd: prints the principals under which an SSH certificate may log in as a
 * user, one a line. Nothing printed means no.
 *
 *     xos-ssh-principals %u %i %s %F %k
 */
#include "../packages/module-protocol/c/xos_channel.h"
#include "../packages/module-protocol/c/xos_names.h"

#include <stdio.h>

static int fail(const char *attempt, const char *why) {
    fprintf(stderr, "xos-ssh-principals: %s: %s\n", attempt, why);
    return 1;
}

static struct xos_text text(const char *data) {
    return (struct xos_text){data, (uint32_t)strnlen(data, UINT32_MAX)};
}

/* A principal is one line of printable characters; an option list or a pattern is not. */
static bool is_principal(struct xos_text name) {
    for (uint32_t i = 0; i < name.length; i++)
        if (name.data[i] <= 0x20 || name.data[i] >= 0x7f || strchr("\"#,=*?!", name.data[i]) != NULL)
            return false;
    return name.length > 0;
}

static int print_answer(const struct xos_frame *frame) {
    struct xos_principal_list list;
    if (frame->type != XOS_PRINCIPAL_LIST || !xos_decode_principal_list(frame->payload, frame->length, &list))
        return fail("reading the answer of xos-accounts", "it is no list of principals");
    for (; list.names.count > 0; list.names.count--) {
        struct xos_text name = xos_next_text(&list.names);
        if (is_principal(name))
            puts(name.data);
    }
    return fflush(stdout) == 0 ? 0 : fail("writing", strerror(errno));
}

int main(int argc, char **argv) {
    const char *path = XOS_PAM_SOCKET_PATH;
    if (argc > 2 && strcmp(argv[1], "--socket") == 0) {
        path = argv[2];
        argc -= 2;
        argv += 2;
    }
    if (argc != 6) {
        fprintf(stderr,
                "usage: xos-ssh-principals [--socket PATH] USER KEY-ID SERIAL CA-FINGERPRINT CERTIFICATE\n");
        return 2;
    }
    if (xos_login_name_length(argv[1]) == 0)
        return 0; /* a local user: no principals of ours */
    static uint8_t data[32768];
    struct xos_writer writer = {data, sizeof data, 0, false};
    struct xos_principals request = {text(argv[1]), text(argv[2]), text(argv[3]), text(argv[4]),
                                     text(argv[5])};
    if (!xos_encode_principals(&writer, &request))
        return fail("asking about the certificate", "an argument is too long");
    struct xos_channel channel;
    struct xos_frame frame = {NULL, 0, 0};
    int64_t started = xos_now_ms();
    int64_t deadline = started + XOS_SILENCE_MAX_MS;
    int cause = xos_channel_open(&channel, path);
    if (cause == 0)
        cause = xos_channel_send(&channel, writer.data, writer.length, deadline);
    while (cause == 0) {
        cause = xos_channel_receive(&channel, &frame, deadline);
        if (cause != 0 || frame.type != XOS_WORKING)
            break;
        deadline += XOS_SILENCE_MAX_MS;
        if (deadline > started + XOS_WORKING_MAX_MS)
            deadline = started + XOS_WORKING_MAX_MS;
        xos_frame_free(&frame);
    }
    int status = cause == 0 ? print_answer(&frame) : fail(path, strerror(cause));
    xos_frame_free(&frame);
    xos_channel_close(&channel);
    return status;
}
