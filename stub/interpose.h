/* For the files that define functions in the place of libc's. */
#ifndef OXIDIZE_INTERPOSE_H
#define OXIDIZE_INTERPOSE_H

#include <errno.h> /* ENOTDIR */

#include "fallbacks.h"
#include "tree.h"

/* The way in, and the way on to libc's own functions. A function is defined as INTERPOSED(name);
   link.py finds the names by that. NEXT(type, name) declares `next`, libc's own. */
#ifdef OXIDIZE_STATIC

/* By the linker's --wrap: whoever calls NAME, libc included, calls __wrap_NAME, and __real_NAME is
   libc's NAME. libc has no other names for its functions that a compiler would know of. */
#define EXPORT
#define ALIAS(name) extern
#define INTERPOSED(name) __wrap_##name
#define NEXT(type, name)                                                                           \
    extern type __real_##name;                                                                     \
    type *const next = __real_##name;

#else

/* By the order in which the dynamic loader looks for symbols: the executable comes first. */
#include <dlfcn.h>     /* dlsym; _GNU_SOURCE has to be defined */
#include <stdatomic.h> /* _Atomic */

#define EXPORT __attribute__((visibility("default")))
#define ALIAS(name) __attribute__((visibility("default"), alias(#name)))
#define INTERPOSED(name) name
#define NEXT(type, name)                                                                           \
    static _Atomic(void *) next_symbol;                                                            \
    if (next_symbol == NULL) {                                                                     \
        next_symbol = dlsym(RTLD_NEXT, #name);                                                     \
    }                                                                                              \
    type *next = (type *)(uintptr_t)next_symbol;

#endif

/* Fail with `error`. */
static inline int
fail(int error)
{
    errno = error;
    return -1;
}

/* After a call with a negative result: whether `path` leads into the tree all the same. */
static inline bool
refused_but_inside(long result, int directory, const char *path, struct place *place)
{
    return result < 0 && errno == ENOTDIR && tree_leads_inside(directory, path, place);
}

/* The same, or whether there is something to be read in the place of what is missing. */
static inline bool
found_elsewhere(long result, int directory, const char *path, struct place *place)
{
    return refused_but_inside(result, directory, path, place) ||
           (result < 0 && errno == ENOENT && fallbacks_have(path, place));
}

/* The body of a function that takes one path. The value is that of `system`, which asks the
   system; if the path leads into the tree, or `elsewhere` says so after a failure, it is that of
   `inside`, which can use `place`; and that of `outside_again` if the path leaves the tree for
   place.outside. */
#define SERVE(elsewhere, failed, directory, path, system, outside_again, inside)                   \
    struct place place;                                                                            \
    if (!tree_has_prefix_at(directory, path, &place)) {                                            \
        __typeof__(inside) answer = (system);                                                      \
        if (!elsewhere((failed) ? -1 : 0, directory, path, &place)) {                              \
            return answer;                                                                         \
        }                                                                                          \
    }                                                                                              \
    return place.outside ? (outside_again) : (inside)

/* For functions that only read. The second is for those whose result is a pointer. */
#define SERVE_AT(directory, path, system, outside_again, inside)                                   \
    SERVE(found_elsewhere, answer < 0, directory, path, system, outside_again, inside)
#define SERVE_POINTER(path, system, outside_again, inside)                                         \
    SERVE(found_elsewhere, answer == NULL, AT_FDCWD, path, system, outside_again, inside)

/* For functions that change what the path names: nothing may take its place. */
#define REFUSE_AT(directory, path, system, outside_again, inside)                                  \
    SERVE(refused_but_inside, answer < 0, directory, path, system, outside_again, inside)
#define REFUSE_POINTER(path, system, outside_again, inside)                                        \
    SERVE(refused_but_inside, answer == NULL, AT_FDCWD, path, system, outside_again, inside)

#endif
