/* Named semaphores where there is no /dev/shm to keep them in: in System V shared memory, which is
   found by a number and needs no file system. multiprocessing has them in its locks and queues.
   A page holds the whole name, since two names may have the same number, and the semaphore. */
#define _GNU_SOURCE
#include <fcntl.h>     /* O_CREAT */
#include <semaphore.h> /* sem_t */
#include <stdarg.h>    /* va_list */
#include <sys/shm.h>   /* shmget */
#include <unistd.h>    /* syscall */

#include "interpose.h"
#include "xxh64.h"

#define DIRECTORY "/dev/shm"

struct page {
    _Atomic(uint32_t) ready;
    char name[NAME_MAX + 1];
    /* Not at the beginning: the system's own are, which is how sem_close knows ours. */
    sem_t semaphore;
};

/* Whether the system's functions cannot but fail. Before 2.34 glibc also wants the directory to be
   a file system of its own, which it is not in every container, and says ENOSYS. */
static bool
have_no_directory(void)
{
    int saved = errno;
    struct stat status;
    bool missing = tree_system_stat(AT_FDCWD, DIRECTORY, &status, 0) != 0;
    errno = saved;
    return missing;
}

static key_t
key_of(const char *name)
{
    uint64_t hash = xxh64((struct cursor){(const unsigned char *)name, strlen(name)}, 0);
    key_t key = (key_t)(hash & 0x7fffffff);
    return key != IPC_PRIVATE ? key : 1;
}

/* Attach the segment `id`, or return null if it is another name's. `fresh` fills it in. */
static struct page *
attach(int id, const char *name, bool fresh, unsigned value)
{
    void *address = shmat(id, NULL, 0);
    if (address == (void *)-1) {
        return NULL;
    }
    struct page *page = address;
    if (fresh) {
        strcpy(page->name, name);
        sem_init(&page->semaphore, 1, value);
        page->ready = 1;
    } else if (!page->ready || strcmp(page->name, name) != 0) {
        shmdt(address);
        errno = ENOENT;
        return NULL;
    }
    return page;
}

static sem_t *
open_segment(const char *name, int flags, mode_t mode, unsigned value)
{
    if (strlen(name) > NAME_MAX || value > SEM_VALUE_MAX) {
        errno = value > SEM_VALUE_MAX ? EINVAL : ENAMETOOLONG;
        return SEM_FAILED;
    }
    int id = -1;
    bool fresh = false;
    if (flags & O_CREAT) {
        id = shmget(key_of(name), sizeof(struct page), IPC_CREAT | IPC_EXCL | (int)(mode & 0666));
        fresh = id >= 0;
    }
    if (!fresh && !(flags & O_CREAT && (flags & O_EXCL || errno != EEXIST))) {
        id = shmget(key_of(name), sizeof(struct page), 0);
    }
    struct page *page = id >= 0 ? attach(id, name, fresh, value) : NULL;
    return page != NULL ? &page->semaphore : SEM_FAILED;
}

EXPORT sem_t *
INTERPOSED(sem_open)(const char *name, int flags, ...)
{
    typedef sem_t *function(const char *, int, ...);
    NEXT(function, sem_open)
    mode_t mode = 0;
    unsigned value = 0;
    if (flags & O_CREAT) {
        va_list arguments;
        va_start(arguments, flags);
        mode = va_arg(arguments, mode_t);
        value = va_arg(arguments, unsigned);
        va_end(arguments);
    }
    if (!have_no_directory()) {
        sem_t *opened = next(name, flags, mode, value);
        if (opened != SEM_FAILED || errno != ENOSYS) {
            return opened;
        }
    }
    return open_segment(name, flags, mode, value);
}

EXPORT int
INTERPOSED(sem_close)(sem_t *semaphore)
{
    typedef int function(sem_t *);
    NEXT(function, sem_close)
    const uintptr_t offset = offsetof(struct page, semaphore);
    uintptr_t address = (uintptr_t)semaphore;
    bool own = (address & ((uintptr_t)sysconf(_SC_PAGESIZE) - 1)) == offset;
    return own ? shmdt((void *)(address - offset)) : next(semaphore);
}

EXPORT int
INTERPOSED(sem_unlink)(const char *name)
{
    typedef int function(const char *);
    NEXT(function, sem_unlink)
    if (!have_no_directory()) {
        int result = next(name);
        if (result == 0 || errno != ENOSYS) {
            return result;
        }
    }
    int id = shmget(key_of(name), sizeof(struct page), 0);
    struct page *page = id >= 0 ? attach(id, name, false, 0) : NULL;
    if (page == NULL) {
        return -1;
    }
    int result = shmctl(id, IPC_RMID, NULL);
    shmdt(page);
    return result;
}
