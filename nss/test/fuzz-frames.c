/* libFuzzer: arbitrary bytes as a frame of the daemon; what is accepted is walked to its end. */
#include "../../packages/module-protocol/generated/xos_module_protocol.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile size_t sink;

static void walk_texts(struct xos_list list) {
    for (; list.count > 0; list.count--)
        sink += strlen(xos_next_text(&list).data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint16_t type;
    uint32_t length;
    if (size < XOS_FRAME_HEADER_BYTES || !xos_decode_header(data, &type, &length))
        return 0;
    length = (uint32_t)size - XOS_FRAME_HEADER_BYTES;
    uint8_t *payload = malloc(length == 0 ? 1 : length);
    memcpy(payload, data + XOS_FRAME_HEADER_BYTES, length);
    struct xos_passwd_entry passwd;
    struct xos_group_entry group;
    struct xos_group_list groups;
    struct xos_prompt prompt;
    struct xos_working working;
    struct xos_result result;
    struct xos_session session;
    struct xos_principal_list principals;
    if (xos_decode_passwd_entry(payload, length, &passwd))
        sink += strlen(passwd.name.data) + strlen(passwd.shell.data);
    if (xos_decode_group_entry(payload, length, &group))
        walk_texts(group.members);
    if (xos_decode_group_list(payload, length, &groups))
        for (; groups.gids.count > 0; groups.gids.count--)
            sink += xos_next_u32(&groups.gids);
    if (xos_decode_prompt(payload, length, &prompt))
        sink += strlen(prompt.text.data);
    if (xos_decode_working(payload, length, &working))
        sink += working.milliseconds;
    if (xos_decode_result(payload, length, &result))
        sink += strlen(result.message.data) + strlen(result.handle.data);
    if (xos_decode_session(payload, length, &session))
        walk_texts(session.environment);
    if (xos_decode_principal_list(payload, length, &principals))
        walk_texts(principals.names);
    free(payload);
    return 0;
}
