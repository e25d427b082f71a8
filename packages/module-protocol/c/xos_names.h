/* What can be one of our names or ids: everything else is refused before any I/O (docs/architecture.md, names
 * and ids). */
#ifndef XOS_NAMES_H
#define XOS_NAMES_H

#include "../generated/xos_module_protocol.h"

static inline bool xos_is_lower(char c) {
    return c >= 'a' && c <= 'z';
}

static inline bool xos_is_digit(char c) {
    return c >= '0' && c <= '9';
}

static inline bool xos_is_alias(const char *alias, size_t length) {
    if (length == 0 || length > XOS_ALIAS_MAX_BYTES || alias[0] == '-')
        return false;
    for (size_t i = 0; i < length; i++)
        if (!xos_is_lower(alias[i]) && !xos_is_digit(alias[i]) && alias[i] != '-')
            return false;
    return true;
}

/* The length of name when it is `local@alias` of at most max bytes, else 0. No byte beyond max + 1 is read.
 */
static inline size_t xos_scoped_name_length(const char *name, size_t max) {
    if (name == NULL)
        return 0;
    size_t length = strnlen(name, max + 1);
    const char *at = length > max ? NULL : memchr(name, '@', length);
    if (at == NULL || at == name || !xos_is_alias(at + 1, length - (size_t)(at + 1 - name)))
        return 0;
    for (const char *c = name; c < at; c++)
        if (!xos_is_lower(*c) && !xos_is_digit(*c) && *c != '.' && *c != '_' && *c != '-' &&
            !(*c >= 'A' && *c <= 'Z'))
            return 0;
    return length;
}

/* The length of name when it can be a login name, else 0. */
static inline size_t xos_login_name_length(const char *name) {
    size_t length = xos_scoped_name_length(name, XOS_LOGIN_NAME_MAX_BYTES);
    if (length == 0 || !xos_is_lower(name[0]))
        return 0;
    for (size_t i = 0; i < length; i++)
        if (name[i] >= 'A' && name[i] <= 'Z')
            return 0;
    return length;
}

/* The length of name when it can be a VO group or a private group, else 0. */
static inline size_t xos_group_name_length(const char *name) {
    size_t length = xos_scoped_name_length(name, XOS_GROUP_NAME_MAX_BYTES);
    return length > 0 && name[0] != '.' && name[0] != '-' ? length : 0;
}

static inline bool xos_is_managed_uid(uint32_t uid) {
    return uid >= XOS_UID_MIN && uid <= XOS_UID_MAX;
}

/* A VO group's gid; private groups have their user's uid. */
static inline bool xos_is_managed_gid(uint32_t gid) {
    return gid >= XOS_GID_MIN && gid <= XOS_GID_MAX;
}

#endif
