/* What only glibc's functions need to be told; those of musl call functions that are interposed. */
#define _GNU_SOURCE
#include <dirent.h>   /* opendir */
#include <glob.h>     /* glob_t */
#include <sys/stat.h> /* stat */

#include "interpose.h"
#include "tree.h"

static void
close_untyped(void *stream)
{
    closedir(stream);
}

/* glob calls libc's own opendir unless it is told otherwise. */
EXPORT int
INTERPOSED(glob)(const char *pattern, int flags, int (*on_error)(const char *, int), glob_t *result)
{
    typedef int function(const char *, int, int (*)(const char *, int), glob_t *);
    NEXT(function, glob)
    struct place place;
    if (!(flags & GLOB_ALTDIRFUNC) && tree_has_prefix(pattern, &place)) {
        flags |= GLOB_ALTDIRFUNC;
        result->gl_opendir = (void *(*)(const char *))opendir;
        result->gl_readdir = (struct dirent * (*)(void *)) readdir;
        result->gl_closedir = close_untyped;
        result->gl_stat = stat;
        result->gl_lstat = lstat;
    }
    return next(pattern, flags, on_error, result);
}

_Static_assert(sizeof(glob_t) == sizeof(glob64_t), "the 64-bit name is an alias");
ALIAS(glob)
int glob64(const char *pattern, int flags, int (*on_error)(const char *, int), glob64_t *result);
