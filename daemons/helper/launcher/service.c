#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <security/pam_appl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Descriptors that xos-helper hands over: the environment, NUL-terminated strings, and where the start is
 * reported. */
enum { ENVIRONMENT = 3, REPORT = 4 };
enum { MAXIMUM_ENVIRONMENT = 128 * 1024, MAXIMUM_VARIABLES = 512, STOP_SECONDS = 10 };

/* One line to xos-helper: "started PID" or "failed STEP: REASON". */
static void report(const char *format, ...) {
    char line[512];
    va_list arguments;

    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (length > 0)
        (void)!write(REPORT, line, (size_t)length < sizeof line ? (size_t)length : sizeof line - 1);
}

static int fail(const char *step) {
    report("failed %s: %s\n", step, strerror(errno));
    return XOS_EXIT_FAILED;
}

/* All strings in one block, the vector behind; NULL with errno set. */
static char **read_environment(void) {
    char *block = malloc(MAXIMUM_ENVIRONMENT + 1);
    char **variables = calloc(MAXIMUM_VARIABLES + 1, sizeof *variables);
    size_t length = 0, count = 0;

    if (block == NULL || variables == NULL)
        goto bad;
    for (;;) {
        ssize_t got = read(ENVIRONMENT, block + length, MAXIMUM_ENVIRONMENT + 1 - length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            goto bad;
        if (got == 0)
            break;
        length += (size_t)got;
        if (length > MAXIMUM_ENVIRONMENT) {
            errno = E2BIG;
            goto bad;
        }
    }
    if (length > 0 && block[length - 1] != '\0') {
        errno = EINVAL;
        goto bad;
    }
    for (size_t start = 0; start < length; start += strlen(block + start) + 1) {
        if (count == MAXIMUM_VARIABLES) {
            errno = E2BIG;
            goto bad;
        }
        variables[count++] = block + start;
    }
    if (count == 0)
        free(block);
    return variables;
bad:
    free(block);
    free(variables);
    return NULL;
}

static void free_environment(char **variables) {
    free(variables[0]);
    free(variables);
}

static bool has_variable(char *const *variables, const char *variable) {
    size_t length = strcspn(variable, "=");

    for (; *variables != NULL; variables++)
        if (strncmp(*variables, variable, length) == 0 && (*variables)[length] == '=')
            return true;
    return false;
}

/* What the session's modules set (X509_USER_PROXY...) wins over what the job asked for. */
static char **merge_environments(char **session, char **job) {
    size_t session_count = 0, job_count = 0, count = 0;

    while (session[session_count] != NULL)
        session_count++;
    while (job[job_count] != NULL)
        job_count++;
    char **merged = calloc(session_count + job_count + 1, sizeof *merged);
    if (merged == NULL)
        return NULL;
    for (size_t index = 0; index < session_count; index++)
        merged[count++] = session[index];
    for (size_t index = 0; index < job_count; index++)
        if (!has_variable(session, job[index]))
            merged[count++] = job[index];
    return merged;
}

static int open_stdio(const struct xos_service *service) {
    static const char *const names[] = {"stdin", "stdout", "stderr"};

    for (int index = 0; index < 3; index++) {
        int descriptor;
        if (service->stdio == NULL) {
            descriptor = open("/dev/null", O_RDWR | O_CLOEXEC);
        } else {
            struct sockaddr_un address = {.sun_family = AF_UNIX};
            int length =
                snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", service->stdio, names[index]);
            if (length < 0 || (size_t)length >= sizeof address.sun_path) {
                errno = ENAMETOOLONG;
                return -1;
            }
            descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
            if (descriptor >= 0 && connect(descriptor, (struct sockaddr *)&address, sizeof address) != 0) {
                int error = errno;
                (void)close(descriptor);
                errno = error;
                return -1;
            }
        }
        if (descriptor < 0)
            return -1;
        /* dup2 clears close-on-exec; 0 to 2 are open from the start, so the copies never collide. */
        if (dup2(descriptor, index) < 0)
            return -1;
        (void)close(descriptor);
    }
    return 0;
}

static int write_cgroup_file(const struct xos_service *service, const char *name, const char *value) {
    char path[PATH_MAX];

    if (snprintf(path, sizeof path, "%s/%s", service->cgroup, name) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int descriptor = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor < 0)
        return -1;
    ssize_t written = write(descriptor, value, strlen(value));
    int error = errno;
    (void)close(descriptor);
    errno = error;
    return written == (ssize_t)strlen(value) ? 0 : -1;
}

/* In the child; returns only when something failed, with the step's name. */
static const char *become_program(const struct xos_service *service, char **environment) {
    sigset_t none;

    /* Node ignores SIGPIPE, which exec would pass on. */
    for (int number = 1; number < NSIG; number++)
        (void)signal(number, SIG_DFL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)umask(022);
    if (setsid() < 0)
        return "setsid";
    if (service->cgroup != NULL && write_cgroup_file(service, "cgroup.procs", "0") != 0)
        return "joining the cgroup";
    for (size_t index = 0; index < service->limit_count; index++) {
        const struct rlimit limit = {service->limits[index].value, service->limits[index].value};
        if (setrlimit((__rlimit_resource_t)service->limits[index].resource, &limit) != 0)
            return "setrlimit";
    }
    if (xos_become(service->uid, service->uid, service->gid, service->group_count, service->groups) != 0)
        return "becoming the user";
    /* Not before: who may write to that directory could lead root's connection to any socket of the host. */
    if (open_stdio(service) != 0)
        return "opening stdio";
    if (chdir(service->directory) != 0)
        return "chdir";
    (void)execve(service->command[0], service->command, environment);
    return "exec";
}

static void remaining(const struct timespec *deadline, struct timespec *left) {
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    left->tv_sec = deadline->tv_sec > now.tv_sec ? deadline->tv_sec - now.tv_sec : 0;
    left->tv_nsec = 0;
}

static void set_deadline(struct timespec *deadline, unsigned seconds) {
    (void)clock_gettime(CLOCK_MONOTONIC, deadline);
    deadline->tv_sec += (time_t)seconds + 1;
}

/* Waits for the program; a signal or the runtime's end stops it, first gently, after 10 s for good. */
static int wait_for_program(const struct xos_service *service, pid_t child, const sigset_t *signals) {
    const unsigned forever = 10u * 365 * 86400;
    struct timespec deadline, left;
    bool stopping = false;
    int status = 0;

    set_deadline(&deadline, service->runtime_seconds > 0 ? service->runtime_seconds : forever);
    for (;;) {
        pid_t ended = waitpid(child, &status, WNOHANG);
        if (ended == child || (ended < 0 && errno == ECHILD))
            return status;
        remaining(&deadline, &left);
        int number = sigtimedwait(signals, NULL, &left);
        if (number == SIGCHLD || (number < 0 && errno == EINTR))
            continue;
        if (!stopping) {
            stopping = true;
            (void)kill(-child, SIGTERM);
            set_deadline(&deadline, STOP_SECONDS);
        } else if (number < 0) {
            (void)kill(-child, SIGKILL);
            if (service->cgroup != NULL)
                (void)write_cgroup_file(service, "cgroup.kill", "1");
            set_deadline(&deadline, STOP_SECONDS);
        }
    }
}

static void clear_cgroup(const struct xos_service *service) {
    const struct timespec pause = {.tv_nsec = 10000000};

    if (service->cgroup == NULL)
        return;
    (void)write_cgroup_file(service, "cgroup.kill", "1");
    /* A cgroup is busy until its last process has been reaped. */
    for (int attempt = 0; attempt < 200 && rmdir(service->cgroup) != 0 && errno == EBUSY; attempt++)
        (void)nanosleep(&pause, NULL);
}

/* Nobody is there to be asked. */
static int refuse_conversation(int count, const struct pam_message **messages,
                               struct pam_response **responses, void *data) {
    (void)count;
    (void)messages;
    (void)responses;
    (void)data;
    return PAM_CONV_ERR;
}

/* Starts the program; its pid, or -1 after a report. */
static pid_t start_program(const struct xos_service *service, char **environment) {
    int failure[2];
    char step[64] = "";

    if (pipe2(failure, O_CLOEXEC) != 0) {
        (void)fail("pipe");
        return -1;
    }
    pid_t child = fork();
    if (child < 0) {
        (void)fail("fork");
        (void)close(failure[0]);
        (void)close(failure[1]);
        return -1;
    }
    if (child == 0) {
        if (failure[1] != ENVIRONMENT && dup3(failure[1], ENVIRONMENT, O_CLOEXEC) < 0)
            _exit(XOS_EXIT_FAILED);
        xos_close_from(ENVIRONMENT + 1);
        const char *failed = become_program(service, environment);
        int length = snprintf(step, sizeof step, "%s: %s", failed, strerror(errno));
        (void)!write(ENVIRONMENT, step, length < (int)sizeof step ? (size_t)length : sizeof step - 1);
        _exit(XOS_EXIT_FAILED);
    }
    (void)close(failure[1]);
    ssize_t got;
    do
        got = read(failure[0], step, sizeof step - 1);
    while (got < 0 && errno == EINTR);
    (void)close(failure[0]);
    if (got == 0)
        return child;
    step[got > 0 ? got : 0] = '\0';
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
        ;
    report("failed %s\n", step);
    return -1;
}

static int run_in_session(const struct xos_service *service, pam_handle_t *pam, char **job_environment,
                          const sigset_t *signals) {
    int result = XOS_EXIT_FAILED;
    char **session_environment = pam_getenvlist(pam);

    if (session_environment == NULL)
        return fail("pam_getenvlist");
    char **environment = merge_environments(session_environment, job_environment);
    if (environment != NULL) {
        pid_t child = start_program(service, environment);
        if (child > 0) {
            report("started %ld\n", (long)child);
            (void)close(REPORT);
            int status = wait_for_program(service, child, signals);
            result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        }
        clear_cgroup(service);
    }
    free(environment);
    for (char **variable = session_environment; *variable != NULL; variable++)
        free(*variable);
    free(session_environment);
    return result;
}

static int report_pam(pam_handle_t *pam, const char *step, int code) {
    report("failed %s: %s\n", step, pam_strerror(pam, code));
    return XOS_EXIT_FAILED;
}

int xos_run_service(int argc, char **argv) {
    struct xos_service service;
    const struct pam_conv conversation = {refuse_conversation, NULL};
    pam_handle_t *pam = NULL;
    sigset_t signals;
    int result = XOS_EXIT_FAILED, code;

    if (!xos_parse_service(argc, argv, &service))
        return XOS_EXIT_USAGE;
    /* Modules may write secrets or start programs: neither inherits the report. */
    if (geteuid() != 0 || fcntl(ENVIRONMENT, F_SETFD, FD_CLOEXEC) != 0 ||
        fcntl(REPORT, F_SETFD, FD_CLOEXEC) != 0) {
        fputs("xos-launch: --run must be started by xos-helper\n", stderr);
        return XOS_EXIT_USAGE;
    }
    xos_close_from(REPORT + 1);
    char **environment = read_environment();
    if (environment == NULL)
        return fail("reading the environment");
    (void)close(ENVIRONMENT);
    (void)sigemptyset(&signals);
    for (size_t index = 0; index < 4; index++)
        (void)sigaddset(&signals, (const int[]){SIGCHLD, SIGTERM, SIGINT, SIGHUP}[index]);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);

    code = pam_start(service.pam_service, service.login_name, &conversation, &pam);
    if (code != PAM_SUCCESS) {
        report("failed pam_start: %d\n", code);
        free_environment(environment);
        return XOS_EXIT_FAILED;
    }
    if ((code = pam_acct_mgmt(pam, PAM_SILENT)) != PAM_SUCCESS) {
        result = report_pam(pam, "pam_acct_mgmt", code);
    } else if ((code = pam_setcred(pam, PAM_ESTABLISH_CRED | PAM_SILENT)) != PAM_SUCCESS) {
        result = report_pam(pam, "pam_setcred", code);
    } else if ((code = pam_open_session(pam, PAM_SILENT)) != PAM_SUCCESS) {
        result = report_pam(pam, "pam_open_session", code);
        (void)pam_setcred(pam, PAM_DELETE_CRED | PAM_SILENT);
    } else {
        result = run_in_session(&service, pam, environment, &signals);
        (void)pam_close_session(pam, PAM_SILENT);
        code = pam_setcred(pam, PAM_DELETE_CRED | PAM_SILENT);
    }
    (void)pam_end(pam, code);
    free_environment(environment);
    return result;
}
