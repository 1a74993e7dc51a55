/* Ways in which Linux can give the dynamic loader a file that exists in memory only. */
#ifndef OXIDIZE_OS_LINUX_H
#define OXIDIZE_OS_LINUX_H

#include "image.h"

/* Make this the content of an empty file, or return false with errno set. */
bool linux_fill(int descriptor, const struct stored *content);

/* Return a descriptor, closed on exec, of an anonymous file with this content, or -1 and errno.
   It can be sealed; `executable` says whether it may be mapped or run as a program. */
int linux_memory_file(const char *name, const struct stored *content, bool executable);

/* A path that the loader is to find, and what it is to find there: a file, or a part of one. */
struct linux_file {
    const char *path;
    int descriptor;
    uint64_t offset;   /* where the part begins, a whole number of pages */
    uint64_t size;     /* of the part */
    uint64_t identity; /* tells the part from others of that file; 0: it is all of the file */

    /* What the loader does with it, as linux_dlopen_as leaves it. */
    int opened;        /* its descriptor, or -1 */
    uint64_t position; /* up to where it has read */
    bool mapped;       /* and nothing of it could not be */
    bool refused;      /* something could not be mapped */
};

/* Call os_dlopen with the path of the first of `files` in such a way that the loader finds them all
   under their paths. Needs no /proc. *reached is false if it has not got as far as mapping all of
   them, as where kernel or processor cannot do it; then the result is null. */
void *linux_dlopen_as(struct linux_file *files, size_t count, int flags, bool *reached);

/* Load a library that is a part of the executable's own file, from that file and with no copy.
 *reached is false where that cannot be done; nothing has been loaded then. */
void *linux_load_mapped(const struct stored *content, const char *path, unsigned serial, int flags,
                        bool *reached);

#endif
