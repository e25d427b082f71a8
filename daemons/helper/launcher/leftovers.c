#include "launcher.h"

#include <errno.h>
#include <linux/keyctl.h>
#include <stdio.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* linux/shm.h and friends, since Linux 4.17: stat by index without read permission; glibc shows them late. */
enum { ANY_SHM = 15, ANY_SEM = 20, ANY_MSG = 13 };

union semaphore_argument {
    int value;
    struct semid_ds *status;
    struct seminfo *info;
};

static bool is_of(const struct ipc_perm *permissions, uid_t uid) {
    return permissions->uid == uid || permissions->cuid == uid;
}

/* Ids hold a sequence number, so that an id whose object went meanwhile meets EINVAL and never another's
 * object. */
static bool is_gone(void) {
    return errno == EINVAL || errno == EIDRM;
}

static int remove_shared_memory(uid_t uid, unsigned *removed) {
    struct shm_info info;
    struct shmid_ds status;
    int last = shmctl(0, SHM_INFO, (struct shmid_ds *)(void *)&info), result = 0;

    for (int index = 0; index <= last; index++) {
        int id = shmctl(index, ANY_SHM, &status);
        if (id < 0 || !is_of(&status.shm_perm, uid))
            continue;
        if (shmctl(id, IPC_RMID, NULL) == 0)
            ++*removed;
        else if (!is_gone())
            result = -1;
    }
    return result;
}

static int remove_semaphores(uid_t uid, unsigned *removed) {
    struct seminfo info;
    struct semid_ds status;
    int last = semctl(0, 0, SEM_INFO, (union semaphore_argument){.info = &info}), result = 0;

    for (int index = 0; index <= last; index++) {
        int id = semctl(index, 0, ANY_SEM, (union semaphore_argument){.status = &status});
        if (id < 0 || !is_of(&status.sem_perm, uid))
            continue;
        if (semctl(id, 0, IPC_RMID, (union semaphore_argument){.value = 0}) == 0)
            ++*removed;
        else if (!is_gone())
            result = -1;
    }
    return result;
}

static int remove_message_queues(uid_t uid, unsigned *removed) {
    struct msginfo info;
    struct msqid_ds status;
    int last = msgctl(0, MSG_INFO, (struct msqid_ds *)(void *)&info), result = 0;

    for (int index = 0; index <= last; index++) {
        int id = msgctl(index, ANY_MSG, &status);
        if (id < 0 || !is_of(&status.msg_perm, uid))
            continue;
        if (msgctl(id, IPC_RMID, NULL) == 0)
            ++*removed;
        else if (!is_gone())
            result = -1;
    }
    return result;
}

/*
 * The user and user session keyrings outlive every process. Cleared, not revoked: a revoked one would meet
 * the uid's next holder. ENOKEY: there is none; ENOSYS: no key retention service in this kernel.
 */
static int clear_keyrings(unsigned *cleared) {
    static const int serials[] = {KEY_SPEC_USER_SESSION_KEYRING, KEY_SPEC_USER_KEYRING};
    int result = 0;

    for (size_t index = 0; index < sizeof serials / sizeof serials[0]; index++) {
        if (syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, serials[index], 0) < 0) {
            if (errno != ENOKEY && errno != ENOSYS && errno != EKEYREVOKED && errno != EKEYEXPIRED)
                result = -1;
            continue;
        }
        if (syscall(SYS_keyctl, KEYCTL_CLEAR, serials[index]) == 0)
            ++*cleared;
        else
            result = -1;
    }
    return result;
}

/* As the account itself, so that the kernel lets nobody else's objects be touched. Its processes are gone by
 * now. */
int xos_remove_leftovers(uid_t uid) {
    unsigned memory = 0, semaphores = 0, queues = 0, keyrings = 0;

    if (xos_become(uid, uid, uid, 0, NULL) != 0) {
        perror("xos-launch: cannot become the uid");
        return XOS_EXIT_FAILED;
    }
    int failed = remove_shared_memory(uid, &memory);
    failed |= remove_semaphores(uid, &semaphores);
    failed |= remove_message_queues(uid, &queues);
    failed |= clear_keyrings(&keyrings);
    printf("memory=%u semaphores=%u queues=%u keyrings=%u\n", memory, semaphores, queues, keyrings);
    if (failed != 0)
        fputs("xos-launch: some objects of the uid could not be removed\n", stderr);
    return failed == 0 ? 0 : XOS_EXIT_FAILED;
}
