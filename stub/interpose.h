/* For the files that define functions in the place of libc's. */
#ifndef OXIDIZE_INTERPOSE_H
#define OXIDIZE_INTERPOSE_H

#include <dlfcn.h> /* dlsym; _GNU_SOURCE has to be defined */
#include <errno.h> /* ENOTDIR */

#include "tree.h"

#define EXPORT __attribute__((visibility("default")))
#define ALIAS(name) __attribute__((visibility("default"), alias(#name)))

/* Declare `next`, the system's own function, which is looked up once. */
#define NEXT(type, name)                                                                           \
    static type *next;                                                                             \
    if (next == NULL) {                                                                            \
        *(void **)&next = dlsym(RTLD_NEXT, name);                                                  \
    }

/* After a call with a negative result: whether `path` leads into the tree all the same. */
static inline bool
refused_but_inside(long result, int directory, const char *path, struct place *place)
{
    return result < 0 && errno == ENOTDIR && tree_leads_inside(directory, path, place);
}

#endif
