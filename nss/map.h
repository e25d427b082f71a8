/*
 * Look-ups in the bytes of an NSS map file. Nothing in the bytes is trusted: every offset is checked against
 * the file, every bucket and record that an answer comes from against its checksum, so that a damaged file
 * gives no answer instead of a wrong one.
 */
#ifndef XOS_MAP_H
#define XOS_MAP_H

#include "../packages/module-protocol/generated/xos_module_protocol.h"

struct xos_map_index {
    uint32_t start;
    uint32_t buckets; /* a power of two */
};

struct xos_map_region {
    uint32_t start;
    uint32_t end;
};

struct xos_map {
    const uint8_t *base;
    size_t size;
    uint32_t key_low, key_high;
    struct xos_map_index passwd_by_name, passwd_by_uid, group_by_name, group_by_gid;
    struct xos_map_region passwd, group;
    bool enumerate;
    uint64_t serial; /* differs between any two maps of a process; set by who maps the file */
};

/* Texts point into the map and are NUL-terminated. */
struct xos_map_passwd {
    uint32_t uid, gid;
    uint32_t group_count;
    const uint8_t *groups; /* group_count u32, aligned to 4 */
    struct xos_text name, gecos, home, shell;
};

struct xos_map_group {
    uint32_t gid;
    uint32_t member_count;
    uint32_t member_bytes;
    const char *members; /* member_count strings, each closed by NUL, member_bytes in all */
    struct xos_text name;
};

enum xos_found { XOS_FOUND, XOS_ABSENT, XOS_DAMAGED };

/* Whether the bytes are a map of this version with a whole header; then map is ready for the look-ups below.
 */
bool xos_map_attach(struct xos_map *map, const uint8_t *base, size_t size);

/* name has been checked by xos_login_name_length (or xos_group_name_length). */
enum xos_found xos_map_passwd_by_name(const struct xos_map *map, const char *name, size_t length,
                                      struct xos_map_passwd *found);
enum xos_found xos_map_passwd_by_uid(const struct xos_map *map, uint32_t uid, struct xos_map_passwd *found);
enum xos_found xos_map_group_by_name(const struct xos_map *map, const char *name, size_t length,
                                     struct xos_map_group *found);
enum xos_found xos_map_group_by_gid(const struct xos_map *map, uint32_t gid, struct xos_map_group *found);

/* The record at *offset (0: the first), which moves behind it. XOS_ABSENT at the end. */
enum xos_found xos_map_next_passwd(const struct xos_map *map, uint32_t *offset, struct xos_map_passwd *found);
enum xos_found xos_map_next_group(const struct xos_map *map, uint32_t *offset, struct xos_map_group *found);

#endif
