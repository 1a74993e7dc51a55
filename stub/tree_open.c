/* What open gives for an entry of the tree. An open file or directory of the tree is a memory file
   without a name, which has the nominal time, and nanoseconds that give the index of its node and
   tell which image it is of. So its identity is in the file itself, and survives dup, fork, exec
   and being passed on; no table has to be kept. It is the time of the last change that says so:
   that of the last access does not last. */
#define _GNU_SOURCE
#include <errno.h>       /* EROFS */
#include <fcntl.h>       /* O_RDONLY, F_ADD_SEALS */
#include <stdatomic.h>   /* _Atomic */
#include <stdio.h>       /* snprintf */
#include <sys/syscall.h> /* SYS_utimensat */
#include <unistd.h>      /* syscall, close */

#include "os_linux.h"
#include "tree.h"

#define NANOSECONDS_PER_SECOND 1000000000u

/* The device that all memory files are on. */
static dev_t
memory_device(void)
{
    static _Atomic(dev_t) known;
    struct stat status;
    if (known == 0) {
        int descriptor = linux_memory_file("packed", &(struct stored){0}, false);
        if (descriptor >= 0) {
            tree_system_stat(descriptor, "", &status, AT_EMPTY_PATH);
            close(descriptor);
            known = status.st_dev;
        }
    }
    return known;
}

/* The nanoseconds of node 0, which those of the other nodes follow. Each image has its own, as far
   as there is room: a file of another program's tree is none of ours. */
static uint64_t
first_stamp(void)
{
    uint64_t count = image_node_count(tree_image());
    uint64_t choices = count > 0 ? NANOSECONDS_PER_SECOND / count : 0;
    return choices > 0 ? tree_image()->identity % choices * count : 0;
}

/* What the size of a memory file is. */
static off_t
memory_size(const struct place *place)
{
    return place->node.kind == IMAGE_NODE_KIND_FILE ? (off_t)place->node.data_size : 0;
}

bool
tree_place_of_status(const struct stat *status, struct place *place)
{
    if (tree_image() == NULL || status->st_nlink != 0 || !S_ISREG(status->st_mode) ||
        status->st_mtim.tv_sec != TREE_TIME) {
        return false;
    }
    /* Before the first one, this is a very large number. */
    uint64_t index = (uint64_t)status->st_mtim.tv_nsec - first_stamp();
    if (index >= image_node_count(tree_image()) || status->st_dev != memory_device()) {
        return false;
    }
    tree_place((uint32_t)index, place);
    return status->st_size == memory_size(place);
}

bool
tree_place_of_descriptor(int descriptor, struct place *place)
{
    struct stat status;
    int saved = errno;
    bool found = tree_image() != NULL && descriptor >= 0 &&
                 tree_system_stat(descriptor, "", &status, AT_EMPTY_PATH) == 0 &&
                 tree_place_of_status(&status, place);
    errno = saved;
    return found;
}

/* Give the memory file its identity and make it unchangeable. */
static bool
seal(int descriptor, const struct place *place)
{
    const struct timespec stamp = {.tv_sec = TREE_TIME,
                                   .tv_nsec = (long)(first_stamp() + place->index)};
    const struct timespec times[2] = {stamp, stamp};
    struct stat status;
    tree_stat(place, &status);
    syscall(SYS_fchmod, descriptor, status.st_mode & 0777); /* what other programs will see */
    return syscall(SYS_utimensat, descriptor, NULL, times, 0) == 0 &&
           fcntl(descriptor, F_ADD_SEALS,
                 F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0;
}

/* Return a descriptor of the same file that was opened with `flags`, where there is /proc; else
   this one, which can only be written to as far as the seals go: not at all. */
static int
reopen(int descriptor, int flags)
{
    char path[32];
    const int kept = flags & (O_PATH | O_NONBLOCK | O_APPEND);
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    int reopened = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | kept);
    if (reopened < 0) {
        return descriptor;
    }
    close(descriptor);
    return reopened;
}

static int
open_flags_error(const struct place *place, int flags)
{
    bool directory = place->node.kind == IMAGE_NODE_KIND_DIRECTORY;
    bool writes = (flags & TREE_ACCESS_MODE) != O_RDONLY || flags & O_TRUNC;
    if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL)) {
        return EEXIST;
    }
    if (!directory && flags & O_DIRECTORY) {
        return ENOTDIR;
    }
    if ((flags & O_TMPFILE) == O_TMPFILE) {
        return writes ? EROFS : EINVAL;
    }
    if (directory && (writes || flags & O_CREAT)) {
        return EISDIR;
    }
    return writes ? EROFS : 0;
}

static int
open_memory_file(const struct place *place)
{
    struct stored content = {0};
    if (place->node.kind == IMAGE_NODE_KIND_FILE) {
        struct status status = image_content(tree_image(), &place->node, &content);
        if (status_failed(status)) {
            status_die(status);
        }
    }
    if (place->node.flags & IMAGE_NODE_FLAG_EXECUTABLE) {
        int descriptor = linux_memory_file("packed", &content, true);
        if (descriptor >= 0 || errno != EACCES) {
            return descriptor;
        } /* else the system wants no executable ones */
    }
    return linux_memory_file("packed", &content, false);
}

int
tree_open(const struct place *place, int flags)
{
    int error = open_flags_error(place, flags & O_PATH ? flags & (O_PATH | O_DIRECTORY) : flags);
    if (error != 0) {
        errno = error;
        return -1;
    }
    int descriptor = open_memory_file(place);
    if (descriptor < 0) {
        return -1;
    }
    if (!seal(descriptor, place)) {
        error = errno;
        close(descriptor);
        errno = error;
        return -1;
    }
    descriptor = reopen(descriptor, flags);
    if (!(flags & O_CLOEXEC)) {
        fcntl(descriptor, F_SETFD, 0);
    }
    return descriptor;
}
