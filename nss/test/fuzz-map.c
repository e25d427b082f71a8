/* libFuzzer: arbitrary bytes as a map file. The header's checksum is mended, so that what lies behind it is
 * reached. */
#include "../checksum.h"
#include "../map-format.h"
#include "../map.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < HEADER_BYTES)
        return 0;
    uint8_t *bytes = malloc(size);
    memcpy(bytes, data, size);
    memcpy(bytes, MAP_MAGIC, 8);
    uint64_t length = htole64(size);
    memcpy(bytes + HEADER_FILE_BYTES, &length, 8);
    uint32_t crc = htole32(xos_crc32c(bytes, HEADER_CRC));
    memcpy(bytes + HEADER_CRC, &crc, 4);
    struct xos_map map;
    struct xos_map_passwd passwd;
    struct xos_map_group group;
    uint32_t at = 0;
    if (xos_map_attach(&map, bytes, size)) {
        for (size_t mend = 0; mend < 2; mend++) {
            xos_map_passwd_by_name(&map, "alice@physics", 13, &passwd);
            xos_map_passwd_by_uid(&map, XOS_UID_MIN, &passwd);
            xos_map_group_by_name(&map, "members@physics", 15, &group);
            xos_map_group_by_gid(&map, XOS_GID_MIN, &group);
            /* The second time every record's checksum fits. */
            for (at = map.passwd.start; map.passwd.end - at >= RECORD_HEAD_BYTES && at < map.passwd.end;) {
                uint32_t claimed = xos_load_u32(bytes + at + RECORD_BYTES);
                if (claimed < RECORD_HEAD_BYTES || claimed > map.passwd.end - at)
                    break;
                crc = htole32(xos_crc32c(bytes + at + RECORD_BYTES, claimed - RECORD_BYTES));
                memcpy(bytes + at, &crc, 4);
                at += claimed;
            }
            for (at = 0; xos_map_next_passwd(&map, &at, &passwd) == XOS_FOUND;)
                ;
            for (at = 0; xos_map_next_group(&map, &at, &group) == XOS_FOUND;)
                ;
        }
    }
    free(bytes);
    return 0;
}
