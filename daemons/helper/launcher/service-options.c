#include "launcher.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

static const struct {
    const char *name;
    int resource;
    unsigned long long minimum, maximum;
} limit_names[] = {
    {"open-files", RLIMIT_NOFILE, 16, 1048576},
    {"file-size", RLIMIT_FSIZE, 0, 1ull << 52},
    {"core-size", RLIMIT_CORE, 0, 1ull << 52},
    {"cpu-seconds", RLIMIT_CPU, 1, 31536000},
};

static bool refuse(const char *option, const char *reason) {
    fprintf(stderr, "xos-launch: %s: %s\n", option, reason);
    return false;
}

/* user@alias, as in docs/architecture.md: it becomes PAM_USER, which modules put into file names. */
static bool is_login_name(const char *text) {
    size_t length = strlen(text);
    const char *at = strchr(text, '@');

    if (at == NULL || length > 32 || !islower((unsigned char)text[0]) || at[1] == '\0' || at[1] == '-')
        return false;
    for (const char *letter = text; *letter != '\0'; letter++) {
        bool is_plain =
            (*letter >= 'a' && *letter <= 'z') || (*letter >= '0' && *letter <= '9') || *letter == '-';
        if (letter != at && !is_plain && !(letter < at && (*letter == '.' || *letter == '_')))
            return false;
    }
    return true;
}

static bool is_absolute_path(const char *text) {
    return text[0] == '/' && strlen(text) < 4096;
}

static bool parse_groups(char *list, struct xos_service *service) {
    char *rest = NULL;

    for (char *item = strtok_r(list, ",", &rest); item != NULL; item = strtok_r(NULL, ",", &rest)) {
        if (service->group_count == XOS_MAXIMUM_GROUPS)
            return refuse("--groups", "at most 64 groups");
        if (!xos_parse_account_id(item, &service->groups[service->group_count]))
            return refuse("--groups", "a gid is no id of an account");
        service->group_count++;
    }
    return true;
}

static bool parse_limit(const char *text, struct xos_service *service) {
    for (size_t index = 0; index < sizeof limit_names / sizeof limit_names[0]; index++) {
        size_t length = strlen(limit_names[index].name);
        unsigned long long value;
        if (strncmp(text, limit_names[index].name, length) != 0 || text[length] != '=')
            continue;
        if (service->limit_count == XOS_MAXIMUM_LIMITS)
            return refuse("--limit", "too many limits");
        if (!xos_parse_number(text + length + 1, limit_names[index].minimum, limit_names[index].maximum,
                              &value))
            return refuse("--limit", "value out of range");
        service->limits[service->limit_count].resource = limit_names[index].resource;
        service->limits[service->limit_count++].value = value;
        return true;
    }
    return refuse("--limit", "unknown limit");
}

static bool set_path(const char *option, const char *value, const char **path) {
    if (!is_absolute_path(value))
        return refuse(option, "must be an absolute path");
    *path = value;
    return true;
}

static bool parse_option(const char *option, char *value, struct xos_service *service) {
    unsigned long long number;

    if (strcmp(option, "--uid") == 0)
        return xos_parse_account_id(value, &service->uid) || refuse(option, "no id of an account");
    if (strcmp(option, "--gid") == 0)
        return xos_parse_account_id(value, &service->gid) || refuse(option, "no id of an account");
    if (strcmp(option, "--groups") == 0)
        return parse_groups(value, service);
    if (strcmp(option, "--limit") == 0)
        return parse_limit(value, service);
    if (strcmp(option, "--directory") == 0)
        return set_path(option, value, &service->directory);
    if (strcmp(option, "--cgroup") == 0)
        return set_path(option, value, &service->cgroup);
    if (strcmp(option, "--stdio") == 0)
        return set_path(option, value, &service->stdio);
    if (strcmp(option, "--login-name") == 0) {
        service->login_name = value;
        return is_login_name(value) || refuse(option, "is not user@alias");
    }
    if (strcmp(option, "--pam-service") == 0) {
        service->pam_service = value;
        return strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(value) ||
               refuse(option, "bad name");
    }
    if (strcmp(option, "--runtime-seconds") == 0) {
        if (!xos_parse_number(value, 1, 31536000, &number))
            return refuse(option, "must be 1 to 31536000");
        service->runtime_seconds = (unsigned)number;
        return true;
    }
    return refuse(option, "unknown option");
}

bool xos_parse_service(int argc, char **argv, struct xos_service *service) {
    int index = 0;

    *service = (struct xos_service){.pam_service = "xos-exec"};
    for (; index < argc && strcmp(argv[index], "--") != 0; index += 2) {
        if (index + 1 >= argc)
            return refuse(argv[index], "its value is missing");
        if (!parse_option(argv[index], argv[index + 1], service))
            return false;
    }
    if (index + 1 >= argc)
        return refuse("--", "the program is missing");
    service->command = argv + index + 1;
    if (!is_absolute_path(service->command[0]))
        return refuse("PROGRAM", "must be an absolute path");
    if (service->uid == 0 || service->gid == 0 || service->login_name == NULL || service->directory == NULL)
        return refuse("--run", "--uid, --gid, --login-name and --directory are needed");
    return true;
}
