/* First program of a machine, from its initrd: loads the driver of the disk, mounts it and hands over to its
 * systemd. Debian's initrd does the same with udev and two dozen processes, which takes seconds where a
 * machine is emulated. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define DISK "/dev/vda"

static void fail(const char *what) {
    fprintf(stderr, "init: %s: %s\n", what, strerror(errno));
    exit(1); /* the kernel panics, and panic=-1 on its command line ends the machine */
}

int main(void) {
    int module = open("/virtio_blk.ko", O_RDONLY | O_CLOEXEC);
    if (module < 0 || syscall(SYS_finit_module, module, "", 0) != 0)
        fail("cannot load virtio_blk");
    if (mount("dev", "/dev", "devtmpfs", 0, "") != 0)
        fail("cannot mount /dev");
    const struct timespec pause = {.tv_nsec = 20000000};
    for (int tries = 0; access(DISK, F_OK) != 0 && tries < 500; tries++)
        nanosleep(&pause, NULL);
    if (mount(DISK, "/root", "ext4", 0, "") != 0)
        fail("cannot mount " DISK);
    if (mount("/dev", "/root/dev", NULL, MS_MOVE, NULL) != 0 || chdir("/root") != 0 ||
        mount(".", "/", NULL, MS_MOVE, NULL) != 0 || chroot(".") != 0)
        fail("cannot change over to " DISK);
    execl("/sbin/init", "/sbin/init", (char *)NULL);
    fail("cannot start /sbin/init");
}
