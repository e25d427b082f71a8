#include "map.h"

#include "../packages/module-protocol/c/xos_names.h"
#include "checksum.h"
#include "map-format.h"

static uint32_t u32(const uint8_t *at) {
    return xos_load_u32(at);
}

static uint32_t u16(const uint8_t *at) {
    return (uint32_t)at[0] | (uint32_t)at[1] << 8;
}

static uint64_t u64(const uint8_t *at) {
    return (uint64_t)u32(at) | (uint64_t)u32(at + 4) << 32;
}

static bool attach_index(struct xos_map *map, int number, struct xos_map_index *index) {
    index->start = u32(map->base + HEADER_INDEXES + 8 * number);
    index->buckets = u32(map->base + HEADER_INDEXES + 8 * number + 4);
    return index->start >= HEADER_BYTES && index->start % BUCKET_BYTES == 0 && index->buckets > 0 &&
           (index->buckets & (index->buckets - 1)) == 0 &&
           index->start + (uint64_t)index->buckets * BUCKET_BYTES <= map->size;
}

static bool attach_region(struct xos_map *map, int offset, struct xos_map_region *region) {
    uint64_t start = u32(map->base + offset);
    uint64_t end = start + u32(map->base + offset + 4);
    region->start = (uint32_t)start;
    region->end = (uint32_t)end;
    return start >= HEADER_BYTES && start % RECORD_ALIGNMENT == 0 && end % RECORD_ALIGNMENT == 0 &&
           end <= map->size;
}

bool xos_map_attach(struct xos_map *map, const uint8_t *base, size_t size) {
    memset(map, 0, sizeof *map);
    if (size < HEADER_BYTES || size > UINT32_MAX || memcmp(base, MAP_MAGIC, 8) != 0 ||
        u32(base + HEADER_VERSION) != MAP_VERSION || u32(base + HEADER_HEADER_BYTES) != HEADER_BYTES ||
        u64(base + HEADER_FILE_BYTES) != size || u32(base + HEADER_CRC) != xos_crc32c(base, HEADER_CRC))
        return false;
    map->base = base;
    map->size = size;
    map->key_low = u32(base + HEADER_HASH_KEY);
    map->key_high = u32(base + HEADER_HASH_KEY + 4);
    map->enumerate = (u32(base + HEADER_FLAGS) & FLAG_ENUMERATE) != 0;
    return attach_index(map, 0, &map->passwd_by_name) && attach_index(map, 1, &map->passwd_by_uid) &&
           attach_index(map, 2, &map->group_by_name) && attach_index(map, 3, &map->group_by_gid) &&
           attach_region(map, HEADER_PASSWD_REGION, &map->passwd) &&
           attach_region(map, HEADER_GROUP_REGION, &map->group);
}

/* The record at offset when it lies in its region and its checksum is right, else NULL. */
static const uint8_t *record_at(const struct xos_map *map, const struct xos_map_region *region,
                                uint32_t offset, uint32_t kind, uint32_t *bytes) {
    if (offset % RECORD_ALIGNMENT != 0 || offset < region->start || offset >= region->end ||
        region->end - offset < RECORD_HEAD_BYTES)
        return NULL;
    const uint8_t *record = map->base + offset;
    *bytes = u32(record + RECORD_BYTES);
    if (*bytes < RECORD_HEAD_BYTES || *bytes > region->end - offset || *bytes % RECORD_ALIGNMENT != 0 ||
        u32(record + RECORD_KIND) != kind ||
        u32(record + RECORD_CRC) != xos_crc32c(record + RECORD_BYTES, *bytes - RECORD_BYTES))
        return NULL;
    return record;
}

/* Cuts length bytes and their NUL off *at; false when they are not there. */
static bool cut_text(const uint8_t **at, const uint8_t *end, uint32_t length, struct xos_text *text) {
    if ((size_t)(end - *at) <= length || (*at)[length] != 0 || memchr(*at, 0, length) != NULL)
        return false;
    *text = (struct xos_text){(const char *)*at, length};
    *at += length + 1;
    return true;
}

static bool read_passwd(const struct xos_map *map, uint32_t offset, struct xos_map_passwd *found,
                        uint32_t *bytes) {
    const uint8_t *record = record_at(map, &map->passwd, offset, KIND_PASSWD, bytes);
    if (record == NULL)
        return false;
    const uint8_t *end = record + *bytes;
    found->uid = u32(record + PASSWD_UID);
    found->gid = u32(record + PASSWD_GID);
    found->group_count = u32(record + PASSWD_GROUP_COUNT);
    found->groups = record + RECORD_HEAD_BYTES;
    if (found->group_count > (*bytes - RECORD_HEAD_BYTES) / 4)
        return false;
    const uint8_t *at = found->groups + (size_t)found->group_count * 4;
    return cut_text(&at, end, u16(record + PASSWD_NAME_BYTES), &found->name) &&
           cut_text(&at, end, u16(record + PASSWD_GECOS_BYTES), &found->gecos) &&
           cut_text(&at, end, u16(record + PASSWD_HOME_BYTES), &found->home) &&
           cut_text(&at, end, u16(record + PASSWD_SHELL_BYTES), &found->shell) &&
           xos_is_managed_uid(found->uid) && (found->gid == found->uid || xos_is_managed_gid(found->gid));
}

static bool read_group(const struct xos_map *map, uint32_t offset, struct xos_map_group *found,
                       uint32_t *bytes) {
    const uint8_t *record = record_at(map, &map->group, offset, KIND_GROUP, bytes);
    if (record == NULL)
        return false;
    const uint8_t *at = record + RECORD_HEAD_BYTES;
    const uint8_t *end = record + *bytes;
    found->gid = u32(record + GROUP_GID);
    found->member_count = u32(record + GROUP_MEMBER_COUNT);
    found->member_bytes = u32(record + GROUP_MEMBER_BYTES);
    if (!cut_text(&at, end, u16(record + GROUP_NAME_BYTES), &found->name) ||
        !xos_is_managed_gid(found->gid) || found->member_bytes > (size_t)(end - at) ||
        found->member_count > found->member_bytes)
        return false;
    found->members = (const char *)at;
    return true;
}

/* Walks the record offsets filed under hash. */
struct candidates {
    const struct xos_map *map;
    const struct xos_map_index *index;
    uint32_t hash;
    uint32_t bucket;
    uint32_t entry;
    uint32_t visited;
};

/* XOS_FOUND and the next offset; XOS_ABSENT when there is no more. */
static enum xos_found next_candidate(struct candidates *at, uint32_t *offset) {
    while (at->visited < at->index->buckets) {
        const uint8_t *bucket = at->map->base + at->index->start + (size_t)at->bucket * BUCKET_BYTES;
        uint32_t meta = u32(bucket + BUCKET_META);
        uint32_t used = meta & 0xff;
        if (at->entry == 0 &&
            (used > BUCKET_ENTRIES || u32(bucket + BUCKET_CRC) != xos_crc32c(bucket, BUCKET_CRC)))
            return XOS_DAMAGED;
        while (at->entry < used && at->entry < BUCKET_ENTRIES) {
            const uint8_t *entry = bucket + 8 * at->entry++;
            if (u32(entry) == at->hash) {
                *offset = u32(entry + 4);
                return XOS_FOUND;
            }
        }
        if ((meta & BUCKET_OVERFLOW) == 0)
            return XOS_ABSENT;
        at->bucket = (at->bucket + 1) & (at->index->buckets - 1);
        at->entry = 0;
        at->visited++;
    }
    return XOS_ABSENT;
}

static struct candidates candidates_of(const struct xos_map *map, const struct xos_map_index *index,
                                       const uint8_t *key, size_t length) {
    uint32_t hash = xos_half_sip_hash(map->key_low, map->key_high, key, length);
    return (struct candidates){map, index, hash, hash & (index->buckets - 1), 0, 0};
}

static struct candidates candidates_of_id(const struct xos_map *map, const struct xos_map_index *index,
                                          uint32_t id) {
    uint32_t wire = htole32(id);
    return candidates_of(map, index, (const uint8_t *)&wire, sizeof wire);
}

static bool same(struct xos_text text, const char *name, size_t length) {
    return text.length == length && memcmp(text.data, name, length) == 0;
}

enum xos_found xos_map_passwd_by_name(const struct xos_map *map, const char *name, size_t length,
                                      struct xos_map_passwd *found) {
    struct candidates at = candidates_of(map, &map->passwd_by_name, (const uint8_t *)name, length);
    uint32_t offset, bytes;
    enum xos_found next;
    while ((next = next_candidate(&at, &offset)) == XOS_FOUND) {
        if (!read_passwd(map, offset, found, &bytes))
            return XOS_DAMAGED;
        if (same(found->name, name, length))
            return XOS_FOUND;
    }
    return next;
}

enum xos_found xos_map_passwd_by_uid(const struct xos_map *map, uint32_t uid, struct xos_map_passwd *found) {
    struct candidates at = candidates_of_id(map, &map->passwd_by_uid, uid);
    uint32_t offset, bytes;
    enum xos_found next;
    while ((next = next_candidate(&at, &offset)) == XOS_FOUND) {
        if (!read_passwd(map, offset, found, &bytes))
            return XOS_DAMAGED;
        if (found->uid == uid)
            return XOS_FOUND;
    }
    return next;
}

enum xos_found xos_map_group_by_name(const struct xos_map *map, const char *name, size_t length,
                                     struct xos_map_group *found) {
    struct candidates at = candidates_of(map, &map->group_by_name, (const uint8_t *)name, length);
    uint32_t offset, bytes;
    enum xos_found next;
    while ((next = next_candidate(&at, &offset)) == XOS_FOUND) {
        if (!read_group(map, offset, found, &bytes))
            return XOS_DAMAGED;
        if (same(found->name, name, length))
            return XOS_FOUND;
    }
    return next;
}

enum xos_found xos_map_group_by_gid(const struct xos_map *map, uint32_t gid, struct xos_map_group *found) {
    struct candidates at = candidates_of_id(map, &map->group_by_gid, gid);
    uint32_t offset, bytes;
    enum xos_found next;
    while ((next = next_candidate(&at, &offset)) == XOS_FOUND) {
        if (!read_group(map, offset, found, &bytes))
            return XOS_DAMAGED;
        if (found->gid == gid)
            return XOS_FOUND;
    }
    return next;
}

enum xos_found xos_map_next_passwd(const struct xos_map *map, uint32_t *offset,
                                   struct xos_map_passwd *found) {
    uint32_t bytes, at = *offset == 0 ? map->passwd.start : *offset;
    if (at == map->passwd.end)
        return XOS_ABSENT;
    if (!read_passwd(map, at, found, &bytes))
        return XOS_DAMAGED;
    *offset = at + bytes;
    return XOS_FOUND;
}

enum xos_found xos_map_next_group(const struct xos_map *map, uint32_t *offset, struct xos_map_group *found) {
    uint32_t bytes, at = *offset == 0 ? map->group.start : *offset;
    if (at == map->group.end)
        return XOS_ABSENT;
    if (!read_group(map, at, found, &bytes))
        return XOS_DAMAGED;
    *offset = at + bytes;
    return XOS_FOUND;
}
