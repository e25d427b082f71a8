/*
 * Makes one system call per line of its input, as the user it was started as, and answers with one line: "ok
 * VALUE..." or the name of the errno. Words are separated by blanks; %XX stands for a byte in a path or in
 * data. Descriptors are its own.
 *
 * usage: calls UID GID GROUP,GROUP... DIRECTORY
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/types.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { MAX_WORDS = 12, MAX_DATA = 4 << 20 };

static char *words[MAX_WORDS];
static size_t lengths[MAX_WORDS]; /* after decoding: data may hold zero bytes */
static int count;
static char buffer[MAX_DATA];

static int hex(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* In place; a word is never longer than its code. */
static size_t decode(char *word) {
    char *to = word;
    for (const char *from = word; *from != '\0';) {
        if (from[0] == '%' && hex(from[1]) >= 0 && hex(from[2]) >= 0) {
            *to++ = (char)(hex(from[1]) * 16 + hex(from[2]));
            from += 3;
        } else
            *to++ = *from++;
    }
    *to = '\0';
    return (size_t)(to - word);
}

static const char *path(int i) {
    /* "%" alone is the empty path: a blank cannot stand for it. */
    return i < count ? (strcmp(words[i], "%") == 0 ? "" : words[i]) : "";
}

static long long number(int i) {
    return i < count ? strtoll(words[i], NULL, 0) : 0;
}

static void refuse(void) {
    const char *name = strerrorname_np(errno);
    printf("%s\n", name == NULL ? "UNKNOWN" : name);
}

static void answer(long long result) {
    if (result < 0)
        refuse();
    else
        printf("ok %lld\n", result);
}

static void print_bytes(const char *bytes, size_t length) {
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c > ' ' && c < 127 && c != '%')
            putchar(c);
        else
            printf("%%%02X", c);
    }
}

static void answer_bytes(ssize_t length) {
    if (length < 0) {
        refuse();
        return;
    }
    printf("ok %zd ", length);
    print_bytes(buffer, (size_t)length);
    putchar('\n');
}

static void print_stat(int result, const struct stat *st) {
    if (result < 0) {
        refuse();
        return;
    }
    printf("ok %llu %o %llu %u %u %llu %lld %lld.%09ld %lld.%09ld %lld.%09ld %u:%u %lld %llu\n",
           (unsigned long long)st->st_ino, st->st_mode, (unsigned long long)st->st_nlink, st->st_uid,
           st->st_gid, (unsigned long long)st->st_size, (long long)st->st_blocks,
           (long long)st->st_atim.tv_sec, st->st_atim.tv_nsec, (long long)st->st_mtim.tv_sec,
           st->st_mtim.tv_nsec, (long long)st->st_ctim.tv_sec, st->st_ctim.tv_nsec, major(st->st_rdev),
           minor(st->st_rdev), (long long)st->st_blksize, (unsigned long long)st->st_dev);
}

/* "now", "omit" or seconds.nanoseconds with all nine digits */
static struct timespec time_of(int i) {
    struct timespec t = {0, UTIME_OMIT};
    if (i >= count || strcmp(words[i], "omit") == 0)
        return t;
    if (strcmp(words[i], "now") == 0) {
        t.tv_nsec = UTIME_NOW;
        return t;
    }
    char *rest;
    t.tv_sec = (time_t)strtoll(words[i], &rest, 10);
    t.tv_nsec = *rest == '.' ? strtol(rest + 1, NULL, 10) : 0;
    return t;
}

static struct flock lock_of(int i) {
    struct flock lock = {
        .l_whence = SEEK_SET, .l_start = (off_t)number(i + 1), .l_len = (off_t)number(i + 2)};
    lock.l_type = (short)(strcmp(words[i], "read") == 0    ? F_RDLCK
                          : strcmp(words[i], "write") == 0 ? F_WRLCK
                                                           : F_UNLCK);
    return lock;
}

#define CALL(name) static void do_##name(void)

CALL(open) {
    answer(open(path(1), (int)number(2), (mode_t)number(3)));
}
CALL(openat) {
    answer(openat((int)number(1), path(2), (int)number(3), (mode_t)number(4)));
}
CALL(close) {
    answer(close((int)number(1)));
}
CALL(dup) {
    answer(dup((int)number(1)));
}
CALL(read) {
    size_t wanted = (size_t)number(2);
    answer_bytes(read((int)number(1), buffer, wanted > sizeof buffer ? sizeof buffer : wanted));
}
CALL(pread) {
    size_t wanted = (size_t)number(3);
    answer_bytes(
        pread((int)number(1), buffer, wanted > sizeof buffer ? sizeof buffer : wanted, (off_t)number(2)));
}
CALL(write) {
    answer(write((int)number(1), words[2], lengths[2]));
}
CALL(pwrite) {
    answer(pwrite((int)number(1), words[3], lengths[3], (off_t)number(2)));
}
/* Every byte from `offset` on is what `byte` says: much data by a short line. */
CALL(fill) {
    size_t length = (size_t)number(3);
    if (length > sizeof buffer)
        length = sizeof buffer;
    memset(buffer, (int)number(4), length);
    answer(pwrite((int)number(1), buffer, length, (off_t)number(2)));
}
CALL(lseek) {
    answer(lseek((int)number(1), (off_t)number(2), (int)number(3)));
}
CALL(fsync) {
    answer(fsync((int)number(1)));
}
CALL(fdatasync) {
    answer(fdatasync((int)number(1)));
}
CALL(syncfs) {
    answer(syncfs((int)number(1)));
}
CALL(mkdir) {
    answer(mkdir(path(1), (mode_t)number(2)));
}
CALL(rmdir) {
    answer(rmdir(path(1)));
}
CALL(unlink) {
    answer(unlink(path(1)));
}
CALL(rename) {
    answer(rename(path(1), path(2)));
}
CALL(renameat2) {
    answer(renameat2(AT_FDCWD, path(1), AT_FDCWD, path(2), (unsigned)number(3)));
}
CALL(link) {
    answer(link(path(1), path(2)));
}
CALL(linkfd) {
    char proc[64];
    snprintf(proc, sizeof proc, "/proc/self/fd/%d", (int)number(1));
    answer(linkat(AT_FDCWD, proc, AT_FDCWD, path(2), AT_SYMLINK_FOLLOW));
}
CALL(symlink) {
    answer(symlink(path(1), path(2)));
}
CALL(readlink) {
    answer_bytes(readlink(path(1), buffer, sizeof buffer));
}
CALL(mknod) {
    answer(mknod(path(1), (mode_t)number(2), makedev((unsigned)number(3), (unsigned)number(4))));
}
CALL(chmod) {
    answer(chmod(path(1), (mode_t)number(2)));
}
CALL(fchmod) {
    answer(fchmod((int)number(1), (mode_t)number(2)));
}
CALL(chown) {
    answer(chown(path(1), (uid_t)number(2), (gid_t)number(3)));
}
CALL(lchown) {
    answer(lchown(path(1), (uid_t)number(2), (gid_t)number(3)));
}
CALL(fchown) {
    answer(fchown((int)number(1), (uid_t)number(2), (gid_t)number(3)));
}
CALL(truncate) {
    answer(truncate(path(1), (off_t)number(2)));
}
CALL(ftruncate) {
    answer(ftruncate((int)number(1), (off_t)number(2)));
}
CALL(fallocate) {
    answer(fallocate((int)number(1), (int)number(2), (off_t)number(3), (off_t)number(4)));
}
CALL(copy_file_range) {
    off_t from = (off_t)number(2), to = (off_t)number(4);
    answer(copy_file_range((int)number(1), &from, (int)number(3), &to, (size_t)number(5), 0));
}
CALL(access) {
    answer(faccessat(AT_FDCWD, path(1), (int)number(2), AT_EACCESS));
}
CALL(umask) {
    answer((long long)umask((mode_t)number(1)));
}
CALL(chdir) {
    answer(chdir(path(1)));
}
CALL(pathconf) {
    errno = 0;
    answer(pathconf(path(1), (int)number(2)));
}
CALL(utimens) {
    struct timespec times[2] = {time_of(2), time_of(3)};
    answer(utimensat(AT_FDCWD, path(1), times, (int)number(4)));
}
CALL(futimens) {
    struct timespec times[2] = {time_of(2), time_of(3)};
    answer(futimens((int)number(1), times));
}
CALL(stat) {
    struct stat st;
    print_stat(stat(path(1), &st), &st);
}
CALL(lstat) {
    struct stat st;
    print_stat(lstat(path(1), &st), &st);
}
CALL(fstat) {
    struct stat st;
    print_stat(fstat((int)number(1), &st), &st);
}
CALL(statvfs) {
    struct statvfs st;
    if (statvfs(path(1), &st) < 0)
        refuse();
    else
        printf("ok %lu %lu %llu %llu %llu %llu\n", st.f_frsize, st.f_namemax, (unsigned long long)st.f_blocks,
               (unsigned long long)st.f_bavail, (unsigned long long)st.f_files,
               (unsigned long long)st.f_favail);
}
CALL(setxattr) {
    answer(lsetxattr(path(1), words[2], words[3], lengths[3], (int)number(4)));
}
CALL(getxattr) {
    size_t room = count > 3 ? (size_t)number(3) : 65536;
    answer_bytes(lgetxattr(path(1), words[2], buffer, room));
}
CALL(xattrsize) {
    answer(lgetxattr(path(1), words[2], NULL, 0));
}
CALL(listxattr) {
    answer_bytes(llistxattr(path(1), buffer, count > 2 ? (size_t)number(2) : 65536));
}
CALL(removexattr) {
    answer(lremovexattr(path(1), words[2]));
}
CALL(flock) {
    answer(flock((int)number(1), (int)number(2)));
}
CALL(setlk) {
    struct flock lock = lock_of(2);
    answer(fcntl((int)number(1), F_SETLK, &lock));
}
CALL(setlkw) {
    struct flock lock = lock_of(2);
    answer(fcntl((int)number(1), F_SETLKW, &lock));
}
CALL(ofdlk) {
    struct flock lock = lock_of(2);
    answer(fcntl((int)number(1), F_OFD_SETLK, &lock));
}
CALL(getlk) {
    struct flock lock = lock_of(2);
    if (fcntl((int)number(1), F_GETLK, &lock) < 0)
        refuse();
    else
        printf("ok %s %lld %lld %d\n",
               lock.l_type == F_UNLCK   ? "free"
               : lock.l_type == F_RDLCK ? "read"
                                        : "write",
               (long long)lock.l_start, (long long)lock.l_len, (int)lock.l_pid);
}
/* As many entries as one call gives: "cookie type inode name" each. */
CALL(getdents) {
    long length = syscall(SYS_getdents64, (int)number(1), buffer, (size_t)number(2));
    if (length < 0) {
        refuse();
        return;
    }
    printf("ok");
    for (long at = 0; at < length;) {
        struct {
            uint64_t ino;
            int64_t cookie;
            uint16_t bytes;
            uint8_t type;
        } entry;
        /* The name follows at once: sizeof would count padding. */
        memcpy(&entry, buffer + at, 19);
        printf(" %" PRId64 " %u %" PRIu64 " ", entry.cookie, entry.type, entry.ino);
        print_bytes(buffer + at + 19, strlen(buffer + at + 19));
        at += entry.bytes;
    }
    putchar('\n');
}
/* A shared mapping is written and given back at once; what follows reads it by other ways. */
CALL(mapwrite) {
    off_t offset = (off_t)number(2);
    off_t page = offset & ~(off_t)4095;
    size_t length = (size_t)(offset - page) + lengths[3];
    char *map = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, (int)number(1), page);
    if (map == MAP_FAILED) {
        refuse();
        return;
    }
    memcpy(map + (offset - page), words[3], lengths[3]);
    int result = msync(map, length, MS_SYNC);
    munmap(map, length);
    answer(result);
}
CALL(mapread) {
    off_t offset = (off_t)number(2);
    off_t page = offset & ~(off_t)4095;
    size_t wanted = (size_t)number(3);
    size_t length = (size_t)(offset - page) + wanted;
    char *map = mmap(NULL, length, PROT_READ, MAP_SHARED, (int)number(1), page);
    if (map == MAP_FAILED) {
        refuse();
        return;
    }
    memcpy(buffer, map + (offset - page), wanted);
    munmap(map, length);
    answer_bytes((ssize_t)wanted);
}

#define ROW(name, least)                                                                                     \
    { #name, do_##name, least }
static const struct {
    const char *name;
    void (*run)(void);
    int least; /* words, without the name */
} table[] = {
    ROW(open, 2),      ROW(openat, 3),          ROW(close, 1),     ROW(dup, 1),      ROW(read, 2),
    ROW(pread, 3),     ROW(write, 2),           ROW(pwrite, 3),    ROW(fill, 4),     ROW(lseek, 3),
    ROW(fsync, 1),     ROW(fdatasync, 1),       ROW(syncfs, 1),    ROW(mkdir, 2),    ROW(rmdir, 1),
    ROW(unlink, 1),    ROW(rename, 2),          ROW(renameat2, 3), ROW(link, 2),     ROW(linkfd, 2),
    ROW(symlink, 2),   ROW(readlink, 1),        ROW(mknod, 4),     ROW(chmod, 2),    ROW(fchmod, 2),
    ROW(chown, 3),     ROW(lchown, 3),          ROW(fchown, 3),    ROW(truncate, 2), ROW(ftruncate, 2),
    ROW(fallocate, 4), ROW(copy_file_range, 5), ROW(access, 2),    ROW(umask, 1),    ROW(chdir, 1),
    ROW(pathconf, 2),  ROW(utimens, 3),         ROW(futimens, 3),  ROW(stat, 1),     ROW(lstat, 1),
    ROW(fstat, 1),     ROW(statvfs, 1),         ROW(setxattr, 4),  ROW(getxattr, 2), ROW(xattrsize, 2),
    ROW(listxattr, 1), ROW(removexattr, 2),     ROW(flock, 2),     ROW(setlk, 4),    ROW(setlkw, 4),
    ROW(ofdlk, 4),     ROW(getlk, 4),           ROW(getdents, 2),  ROW(mapwrite, 3), ROW(mapread, 3),
};

static void run_line(char *line) {
    count = 0;
    for (char *word = strtok(line, " \n"); word != NULL && count < MAX_WORDS; word = strtok(NULL, " \n"))
        words[count++] = word;
    if (count == 0)
        return;
    for (int i = 1; i < count; i++)
        lengths[i] = strcmp(words[i], "%") == 0 ? 0 : decode(words[i]);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].name, words[0]) == 0 && count > table[i].least) {
            table[i].run();
            return;
        }
    printf("BADCALL\n");
}

static void become(const char *user, const char *group, char *groups) {
    gid_t list[64];
    size_t n = 0;
    for (char *word = strtok(groups, ","); word != NULL && n < 64; word = strtok(NULL, ","))
        list[n++] = (gid_t)strtoul(word, NULL, 10);
    gid_t gid = (gid_t)strtoul(group, NULL, 10);
    uid_t uid = (uid_t)strtoul(user, NULL, 10);
    if (setgroups(n, list) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0) {
        perror("calls: cannot become the user");
        exit(1);
    }
}

int main(int argc, char **argv) {
    if (argc != 5) {
        fprintf(stderr, "usage: calls UID GID GROUP,GROUP... DIRECTORY\n");
        return 2;
    }
    if (chdir(argv[4]) < 0) {
        perror(argv[4]);
        return 1;
    }
    become(argv[1], argv[2], argv[3]);
    umask(022);
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, stdin) > 0) {
        run_line(line);
        fflush(stdout);
    }
    free(line);
    return 0;
}
