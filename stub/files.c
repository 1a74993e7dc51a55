/* The functions of libc that take a path, under all the names that programs compiled against old
   and new versions of it use: here those that open files. The dynamic loader, or the linker of a
   static executable, binds everybody's calls to these (interpose.h).

   Each tells by one comparison whether the path leads into the executable's tree; any other goes
   to the system call as it is, and only if the kernel then answers ENOTDIR, which a path through
   a file gives, it is looked at again.

   Not covered, since libc does it all by itself: nftw and fts, file actions of posix_spawn, and
   whoever makes system calls without libc. They find a file where the tree is. */
#define _GNU_SOURCE
#include <errno.h>       /* errno */
#include <fcntl.h>       /* O_CREAT, AT_FDCWD */
#include <stdarg.h>      /* va_list */
#include <stdio.h>       /* FILE, fdopen */
#include <stdlib.h>      /* mkstemp */
#include <sys/syscall.h> /* SYS_openat */
#include <unistd.h>      /* syscall */

#include "interpose.h"
#include "tree.h"

/* --- open ---------------------------------------------------------------------------------- */

static int
open_inside(const struct place *place, int flags)
{
    if (flags & O_CREAT && !(flags & O_PATH)) {
        if (place->slash && (place->error == 0 || place->last)) {
            return fail(EISDIR);
        }
        if (place->error == ENOENT && place->last) {
            return fail(EROFS);
        }
    }
    return place->error ? fail(place->error) : tree_open(place, flags);
}

/* What says, after a failure, where to open it all the same. */
typedef bool elsewhere_function(long result, int directory, const char *path, struct place *place);

static elsewhere_function *
elsewhere_for(int flags)
{
    bool reads = (flags & (TREE_ACCESS_MODE | O_CREAT | O_TRUNC)) == O_RDONLY;
    return reads ? found_elsewhere : refused_but_inside;
}

static int
open_at(int directory, const char *path, int flags, mode_t mode)
{
    SERVE(elsewhere_for(flags), answer < 0, directory, path,
          (int)syscall(SYS_openat, directory, path, flags, mode),
          (int)syscall(SYS_openat, AT_FDCWD, place.outside, flags, mode),
          open_inside(&place, flags));
}

#define MODE_ARGUMENT(flags, mode)                                                                 \
    mode_t mode = 0;                                                                               \
    if ((flags) & O_CREAT || ((flags) & O_TMPFILE) == O_TMPFILE) {                                 \
        va_list arguments;                                                                         \
        va_start(arguments, flags);                                                                \
        mode = va_arg(arguments, mode_t);                                                          \
        va_end(arguments);                                                                         \
    }

EXPORT int
INTERPOSED(open)(const char *path, int flags, ...)
{
    MODE_ARGUMENT(flags, mode)
    return open_at(AT_FDCWD, path, flags, mode);
}

EXPORT int
INTERPOSED(openat)(int directory, const char *path, int flags, ...)
{
    MODE_ARGUMENT(flags, mode)
    return open_at(directory, path, flags, mode);
}

EXPORT int
INTERPOSED(creat)(const char *path, mode_t mode)
{
    return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

EXPORT int
INTERPOSED(__open_2)(const char *path, int flags)
{
    return open_at(AT_FDCWD, path, flags, 0);
}

EXPORT int
INTERPOSED(__openat_2)(int directory, const char *path, int flags)
{
    return open_at(directory, path, flags, 0);
}

ALIAS(open) int __open(const char *path, int flags, ...) __attribute__((nonnull(1)));
ALIAS(open) int __open64(const char *path, int flags, ...) __attribute__((nonnull(1)));
ALIAS(open) int open64(const char *path, int flags, ...);
ALIAS(openat) int openat64(int directory, const char *path, int flags, ...);
ALIAS(creat) int creat64(const char *path, mode_t mode);
ALIAS(__open_2) int __open64_2(const char *path, int flags);
ALIAS(__openat_2) int __openat64_2(int directory, const char *path, int flags);

/* --- streams ------------------------------------------------------------------------------- */

/* The flags of open that a mode of fopen means. */
static int
flags_of(const char *mode)
{
    int flags = strchr(mode, '+') ? O_RDWR : mode[0] == 'r' ? O_RDONLY : O_WRONLY;
    flags |= mode[0] == 'w' ? O_CREAT | O_TRUNC : mode[0] == 'a' ? O_CREAT | O_APPEND : 0;
    return flags | (strchr(mode, 'x') ? O_EXCL : 0) | (strchr(mode, 'e') ? O_CLOEXEC : 0);
}

static FILE *
open_stream(const struct place *place, const char *mode)
{
    int descriptor = strchr("rwa", mode[0]) ? open_inside(place, flags_of(mode)) : fail(EINVAL);
    return descriptor < 0 ? NULL : fdopen(descriptor, mode);
}

EXPORT FILE *
INTERPOSED(fopen)(const char *path, const char *mode)
{
    typedef FILE *function(const char *, const char *);
    NEXT(function, fopen)
    SERVE(elsewhere_for(flags_of(mode)), answer == NULL, AT_FDCWD, path, next(path, mode),
          next(place.outside, mode), open_stream(&place, mode));
}

/* The system's function closes the stream first, so that this has to be asked before. */
static bool
is_inside(const char *path, const char *mode, struct place *place)
{
    struct stat status;
    return path != NULL &&
           (tree_has_prefix(path, place) ||
            elsewhere_for(flags_of(mode))(tree_system_stat(AT_FDCWD, path, &status, 0), AT_FDCWD,
                                          path, place));
}

EXPORT FILE *
INTERPOSED(freopen)(const char *path, const char *mode, FILE *stream)
{
    typedef FILE *function(const char *, const char *, FILE *);
    NEXT(function, freopen)
    struct place place;
    if (!is_inside(path, mode, &place)) {
        return next(path, mode, stream);
    }
    if (place.outside != NULL) {
        return next(place.outside, mode, stream);
    }
    int descriptor = open_inside(&place, flags_of(mode) | O_CLOEXEC);
    if (descriptor < 0) {
        int error = errno;
        fclose(stream);
        errno = error;
        return NULL;
    }
    char name[64];
    snprintf(name, sizeof name, "/proc/self/fd/%d", descriptor);
    FILE *result = next(name, mode, stream);
    close(descriptor);
    return result;
}

ALIAS(fopen) FILE *fopen64(const char *path, const char *mode);
ALIAS(freopen) FILE *freopen64(const char *path, const char *mode, FILE *stream);

/* --- temporary files ----------------------------------------------------------------------- */

static int
template_error(const struct place *place)
{
    return place->error == ENOENT && place->last ? EROFS : place->error ? place->error : EEXIST;
}

static char *
no_directory(const struct place *place)
{
    errno = template_error(place);
    return NULL;
}

EXPORT int
INTERPOSED(mkostemps)(char *template, int suffix, int flags)
{
    typedef int function(char *, int, int);
    NEXT(function, mkostemps)
    REFUSE_AT(AT_FDCWD, template, next(template, suffix, flags), fail(EROFS),
              fail(template_error(&place)));
}

EXPORT int
INTERPOSED(mkostemp)(char *template, int flags)
{
    return mkostemps(template, 0, flags);
}

EXPORT int
INTERPOSED(mkstemps)(char *template, int suffix)
{
    return mkostemps(template, suffix, 0);
}

EXPORT int
INTERPOSED(mkstemp)(char *template)
{
    return mkostemps(template, 0, 0);
}

EXPORT char *
INTERPOSED(mkdtemp)(char *template)
{
    typedef char *function(char *);
    NEXT(function, mkdtemp)
    REFUSE_POINTER(template, next(template), no_directory(&place), no_directory(&place));
}

ALIAS(mkostemps) int mkostemps64(char *template, int suffix, int flags);
ALIAS(mkostemp) int mkostemp64(char *template, int flags);
ALIAS(mkstemps) int mkstemps64(char *template, int suffix);
ALIAS(mkstemp) int mkstemp64(char *template);
