/* The functions of libc that change a file system. The tree inside the executable is read-only:
   what would change it gives EROFS, and other faults, where the kernel would see those first, as
   it does on a file system that is mounted read-only. See files.c. */
#define _GNU_SOURCE
#include <fcntl.h>       /* AT_FDCWD */
#include <stdio.h>       /* renameat2 */
#include <sys/stat.h>    /* mkdir */
#include <sys/syscall.h> /* SYS_mkdirat */
#include <sys/time.h>    /* struct timeval */
#include <unistd.h>      /* unlink */
#include <utime.h>       /* utime */

#include "interpose.h"
#include "tree.h"

/* --- to create and to remove --------------------------------------------------------------- */

/* `slash_allowed` says whether a slash may follow the name, as it may for directories. */
static int
creation_error(const struct place *place, bool slash_allowed)
{
    if (place->error == 0) {
        return EEXIST;
    }
    if (!place->last) {
        return place->error;
    }
    if (place->error == ENOTDIR) {
        return EEXIST; /* a file and a slash */
    }
    return place->error == ENOENT && (slash_allowed || !place->slash) ? EROFS : place->error;
}

EXPORT int
INTERPOSED(mkdirat)(int directory, const char *path, mode_t mode)
{
    REFUSE_AT(directory, path, (int)syscall(SYS_mkdirat, directory, path, mode),
              mkdirat(AT_FDCWD, place.outside, mode), fail(creation_error(&place, true)));
}

EXPORT int
INTERPOSED(mkdir)(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}

EXPORT int
INTERPOSED(symlinkat)(const char *target, int directory, const char *path)
{
    REFUSE_AT(directory, path, (int)syscall(SYS_symlinkat, target, directory, path),
              symlinkat(target, AT_FDCWD, place.outside), fail(creation_error(&place, false)));
}

EXPORT int
INTERPOSED(symlink)(const char *target, const char *path)
{
    return symlinkat(target, AT_FDCWD, path);
}

EXPORT int
INTERPOSED(mknodat)(int directory, const char *path, mode_t mode, dev_t device)
{
    REFUSE_AT(directory, path, (int)syscall(SYS_mknodat, directory, path, mode, device),
              mknodat(AT_FDCWD, place.outside, mode, device), fail(creation_error(&place, false)));
}

EXPORT int
INTERPOSED(mknod)(const char *path, mode_t mode, dev_t device)
{
    return mknodat(AT_FDCWD, path, mode, device);
}

EXPORT int
INTERPOSED(__xmknodat)(int version, int directory, const char *path, mode_t mode, dev_t *device)
{
    (void)version;
    return mknodat(directory, path, mode, *device);
}

EXPORT int
INTERPOSED(__xmknod)(int version, const char *path, mode_t mode, dev_t *device)
{
    (void)version;
    return mknodat(AT_FDCWD, path, mode, *device);
}

EXPORT int
INTERPOSED(mkfifoat)(int directory, const char *path, mode_t mode)
{
    return mknodat(directory, path, mode | S_IFIFO, 0);
}

EXPORT int
INTERPOSED(mkfifo)(const char *path, mode_t mode)
{
    return mkfifoat(AT_FDCWD, path, mode);
}

/* The kernel looks at where the name is and whether it may write there, then at the entry. */
static int
removal_error(const struct place *place, bool directory)
{
    if (place->error != 0 && !place->last) {
        return place->error;
    }
    if (place->dots != 0 || (place->index == 0 && place->error == 0)) {
        return !directory         ? EISDIR
               : place->dots == 2 ? ENOTEMPTY
               : place->dots == 1 ? EINVAL
                                  : EBUSY;
    }
    return EROFS;
}

EXPORT int
INTERPOSED(unlinkat)(int directory, const char *path, int flags)
{
    REFUSE_AT(directory, path, (int)syscall(SYS_unlinkat, directory, path, flags),
              unlinkat(AT_FDCWD, place.outside, flags),
              fail(removal_error(&place, flags & AT_REMOVEDIR)));
}

EXPORT int
INTERPOSED(unlink)(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

EXPORT int
INTERPOSED(rmdir)(const char *path)
{
    return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

EXPORT int
INTERPOSED(remove)(const char *path)
{
    int failed = unlink(path);
    return failed && errno == EISDIR ? rmdir(path) : failed;
}

/* --- to rename and to link ----------------------------------------------------------------- */

/* One of two paths. */
struct end {
    int directory;
    const char *path;
    bool inside;
    struct place place;
};

static void
found(struct end *end)
{
    end->inside = end->place.outside == NULL;
    if (!end->inside) {
        end->directory = AT_FDCWD;
        end->path = end->place.outside;
    }
}

static void
find_by_prefix(struct end *end)
{
    if (tree_has_prefix_at(end->directory, end->path, &end->place)) {
        found(end);
    }
}

static void
find_by_any_spelling(struct end *end)
{
    if (!end->inside && tree_leads_inside(end->directory, end->path, &end->place)) {
        found(end);
    }
}

typedef int pair_function(const struct end *from, const struct end *to, int flags);

/* Apply `call` to both paths. True if one of them leads into the tree, so that it cannot be done.
 */
static bool
refused_pair(pair_function *call, struct end *from, struct end *to, int flags, int *result)
{
    find_by_prefix(from);
    find_by_prefix(to);
    if (!from->inside && !to->inside) {
        *result = call(from, to, flags);
        if (*result == 0 || errno != ENOTDIR) {
            return false;
        }
    }
    find_by_any_spelling(from);
    find_by_any_spelling(to);
    if (!from->inside && !to->inside) {
        *result = call(from, to, flags);
        return false;
    }
    return true;
}

static int
rename_error(const struct end *from, const struct end *to)
{
    const struct end *ends[] = {from, to};
    for (int i = 0; i < 2; i++) {
        if (ends[i]->inside && ends[i]->place.error != 0 && !ends[i]->place.last) {
            return ends[i]->place.error;
        }
    }
    if (!from->inside || !to->inside) {
        return EXDEV;
    }
    return from->place.dots || to->place.dots ? EBUSY : EROFS;
}

static int
system_rename(const struct end *from, const struct end *to, int flags)
{
    return (int)syscall(SYS_renameat2, from->directory, from->path, to->directory, to->path, flags);
}

static int
rename_at(int from_directory, const char *from, int to_directory, const char *to, unsigned flags)
{
    int result;
    struct end source = {.directory = from_directory, .path = from};
    struct end target = {.directory = to_directory, .path = to};
    return refused_pair(system_rename, &source, &target, (int)flags, &result)
               ? fail(rename_error(&source, &target))
               : result;
}

EXPORT int
INTERPOSED(renameat2)(int from_directory, const char *from, int to_directory, const char *to,
                      unsigned flags)
{
    return rename_at(from_directory, from, to_directory, to, flags);
}

EXPORT int
INTERPOSED(renameat)(int from_directory, const char *from, int to_directory, const char *to)
{
    return rename_at(from_directory, from, to_directory, to, 0);
}

EXPORT int
INTERPOSED(rename)(const char *from, const char *to)
{
    return rename_at(AT_FDCWD, from, AT_FDCWD, to, 0);
}

static int
link_error(const struct end *from, const struct end *to)
{
    if (from->inside && from->place.error != 0) {
        return from->place.error;
    }
    return to->inside ? creation_error(&to->place, false) : EXDEV;
}

static int
system_link(const struct end *from, const struct end *to, int flags)
{
    return (int)syscall(SYS_linkat, from->directory, from->path, to->directory, to->path, flags);
}

EXPORT int
INTERPOSED(linkat)(int from_directory, const char *from, int to_directory, const char *to,
                   int flags)
{
    int result;
    struct end source = {.directory = from_directory, .path = from};
    struct end target = {.directory = to_directory, .path = to};
    return refused_pair(system_link, &source, &target, flags, &result)
               ? fail(link_error(&source, &target))
               : result;
}

EXPORT int
INTERPOSED(link)(const char *from, const char *to)
{
    return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

/* --- to change an entry -------------------------------------------------------------------- */

static int
change_error(const struct place *place)
{
    return place->error ? place->error : EROFS;
}

/* Whether a call with no path is about a descriptor of the tree. */
static bool
is_open_entry(int descriptor, const char *path)
{
    struct place place;
    return (path == NULL || path[0] == '\0') && tree_place_of_descriptor(descriptor, &place);
}

/* Refuse to change the file of a descriptor of the tree. */
static int
refuse_open_entry(int descriptor)
{
    return fail(fcntl(descriptor, F_GETFL) & O_PATH ? EBADF : EROFS);
}

static int
truncation_error(const struct place *place, off_t size)
{
    bool directory = place->error == 0 && place->node.kind == IMAGE_NODE_KIND_DIRECTORY;
    return size < 0 ? EINVAL : directory ? EISDIR : change_error(place);
}

EXPORT int
INTERPOSED(truncate)(const char *path, off_t size)
{
    REFUSE_AT(AT_FDCWD, path, (int)syscall(SYS_truncate, path, size), truncate(place.outside, size),
              fail(truncation_error(&place, size)));
}

_Static_assert(sizeof(off_t) == sizeof(off64_t), "the 64-bit name is an alias");
ALIAS(truncate) int truncate64(const char *path, off64_t size);

static int
system_chmod(int directory, const char *path, mode_t mode, int flags)
{
    typedef int function(int, const char *, mode_t, int);
    if (flags == 0) {
        return (int)syscall(SYS_fchmodat, directory, path, mode);
    }
    NEXT(function, fchmodat)
    return next(directory, path, mode, flags);
}

EXPORT int
INTERPOSED(fchmodat)(int directory, const char *path, mode_t mode, int flags)
{
    REFUSE_AT(directory, path, system_chmod(directory, path, mode, flags),
              system_chmod(AT_FDCWD, place.outside, mode, flags), fail(change_error(&place)));
}

EXPORT int
INTERPOSED(chmod)(const char *path, mode_t mode)
{
    return fchmodat(AT_FDCWD, path, mode, 0);
}

EXPORT int
INTERPOSED(lchmod)(const char *path, mode_t mode)
{
    return fchmodat(AT_FDCWD, path, mode, AT_SYMLINK_NOFOLLOW);
}

EXPORT int
INTERPOSED(fchmod)(int descriptor, mode_t mode)
{
    return is_open_entry(descriptor, NULL) ? refuse_open_entry(descriptor)
                                           : (int)syscall(SYS_fchmod, descriptor, mode);
}

EXPORT int
INTERPOSED(fchownat)(int directory, const char *path, uid_t owner, gid_t group, int flags)
{
    if (flags & AT_EMPTY_PATH && is_open_entry(directory, path)) {
        return fail(EROFS);
    }
    REFUSE_AT(directory, path, (int)syscall(SYS_fchownat, directory, path, owner, group, flags),
              (int)syscall(SYS_fchownat, AT_FDCWD, place.outside, owner, group, flags),
              fail(change_error(&place)));
}

EXPORT int
INTERPOSED(chown)(const char *path, uid_t owner, gid_t group)
{
    return fchownat(AT_FDCWD, path, owner, group, 0);
}

EXPORT int
INTERPOSED(lchown)(const char *path, uid_t owner, gid_t group)
{
    return fchownat(AT_FDCWD, path, owner, group, AT_SYMLINK_NOFOLLOW);
}

EXPORT int
INTERPOSED(fchown)(int descriptor, uid_t owner, gid_t group)
{
    return is_open_entry(descriptor, NULL) ? refuse_open_entry(descriptor)
                                           : (int)syscall(SYS_fchown, descriptor, owner, group);
}

/* --- times --------------------------------------------------------------------------------- */

/* Set times by path, or those of an open file if there is none. */
static int
set_times(int directory, const char *path, const struct timespec times[2], int flags)
{
    if ((path == NULL || flags & AT_EMPTY_PATH) && is_open_entry(directory, path)) {
        return path == NULL ? refuse_open_entry(directory) : fail(EROFS);
    }
    REFUSE_AT(directory, path, (int)syscall(SYS_utimensat, directory, path, times, flags),
              (int)syscall(SYS_utimensat, AT_FDCWD, place.outside, times, flags),
              fail(change_error(&place)));
}

/* The same with times in microseconds. */
static int
set_rough_times(int directory, const char *path, const struct timeval times[2], int flags)
{
    struct timespec precise[2];
    for (int i = 0; times != NULL && i < 2; i++) {
        if (times[i].tv_usec < 0 || times[i].tv_usec >= 1000000) {
            return fail(EINVAL);
        }
        precise[i] = (struct timespec){times[i].tv_sec, times[i].tv_usec * 1000};
    }
    return set_times(directory, path, times ? precise : NULL, flags);
}

EXPORT int
INTERPOSED(utimensat)(int directory, const char *path, const struct timespec times[2], int flags)
{
    return set_times(directory, path, times, flags);
}

EXPORT int
INTERPOSED(futimens)(int descriptor, const struct timespec times[2])
{
    /* AT_FDCWD is not meant. */
    return descriptor < 0 ? fail(EBADF) : set_times(descriptor, NULL, times, 0);
}

EXPORT int
INTERPOSED(utimes)(const char *path, const struct timeval times[2])
{
    return set_rough_times(AT_FDCWD, path, times, 0);
}

EXPORT int
INTERPOSED(lutimes)(const char *path, const struct timeval times[2])
{
    return set_rough_times(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW);
}

EXPORT int
INTERPOSED(futimesat)(int directory, const char *path, const struct timeval times[2])
{
    return set_rough_times(directory, path, times, 0);
}

EXPORT int
INTERPOSED(futimes)(int descriptor, const struct timeval times[2])
{
    return descriptor < 0 ? fail(EBADF) : set_rough_times(descriptor, NULL, times, 0);
}

EXPORT int
INTERPOSED(utime)(const char *path, const struct utimbuf *times)
{
    struct timespec precise[2] = {{0}};
    if (times != NULL) {
        precise[0].tv_sec = times->actime;
        precise[1].tv_sec = times->modtime;
    }
    return set_times(AT_FDCWD, path, times ? precise : NULL, 0);
}
