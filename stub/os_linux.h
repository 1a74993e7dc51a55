/* Ways in which Linux can give the dynamic loader a file that exists in memory only. */
#ifndef OXIDIZE_OS_LINUX_H
#define OXIDIZE_OS_LINUX_H

#include "image.h"

/* Make this the content of an empty file, or return false with errno set. */
bool linux_fill(int descriptor, const struct stored *content);

/* Return a descriptor, closed on exec, of an anonymous file with this content, or -1 and errno.
   It can be sealed; `executable` says whether it may be mapped or run as a program. */
int linux_memory_file(const char *name, const struct stored *content, bool executable);

/* A path that the loader is to find, and what it is to find there. */
struct linux_file {
    const char *path;
    int descriptor;
};

/* Call os_dlopen with the path of the first of `files` in such a way that the loader, when it opens
   any of these paths, gets a duplicate of the descriptor. All of them have to be opened. Needs no
   /proc; *supported is false where kernel or processor cannot do it. */
void *linux_dlopen_as(const struct linux_file *files, size_t count, int flags, bool *supported);

#endif
