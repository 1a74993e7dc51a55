/* Ways in which Linux can give the dynamic loader a file that exists in memory only. */
#ifndef OXIDIZE_OS_LINUX_H
#define OXIDIZE_OS_LINUX_H

#include "cursor.h"

/* Return a descriptor, closed on exec, of an anonymous file with this content, or -1 and errno.
   It can be sealed; `executable` says whether it may be mapped or run as a program. */
int linux_memory_file(const char *name, struct cursor content, bool executable);

/* Return a descriptor that can only be read from, in the place of this one, where there is /proc;
   else the same. */
int linux_read_only(int descriptor);

/* Call os_dlopen(path) in such a way that the loader, when it opens `path`, gets a duplicate of
   `descriptor`. Needs no /proc; *supported is false where kernel or processor cannot do it. */
void *linux_dlopen_as(const char *path, int descriptor, int flags, bool *supported);

#endif
