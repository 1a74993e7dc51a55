/* The functions of libc that take a path, under all the names that programs compiled against old
   and new versions of it use. The dynamic loader binds every library's calls to these, since the
   executable's symbols come first.

   Each tells by one comparison whether the path leads into the executable's tree; any other goes
   to the system call as it is, and only if the kernel then answers ENOTDIR, which a path through
   a file gives, it is looked at again. The tree is read-only: what would change it gives EROFS. */
#define _GNU_SOURCE
#include <errno.h>       /* errno */
#include <fcntl.h>       /* O_CREAT, AT_FDCWD */
#include <stdarg.h>      /* va_list */
#include <stdio.h>       /* FILE, fdopen */
#include <stdlib.h>      /* realpath */
#include <sys/stat.h>    /* struct stat */
#include <sys/syscall.h> /* SYS_openat */
#include <sys/sysmacros.h>
#include <unistd.h>      /* syscall */

#include "interpose.h"
#include "tree.h"

/* Fail with `error`. */
static int
fail(int error)
{
    errno = error;
    return -1;
}

/* --- open ---------------------------------------------------------------------------------- */

static int
open_place(const struct place *place, int flags, mode_t mode)
{
    if (place->outside != NULL) {
        return (int)syscall(SYS_openat, AT_FDCWD, place->outside, flags, mode);
    }
    if (place->error != 0) {
        return fail(place->error == ENOENT && flags & O_CREAT ? EROFS : place->error);
    }
    return tree_open(place, flags);
}

static int
open_at(int directory, const char *path, int flags, mode_t mode)
{
    struct place place;
    if (tree_has_prefix(path, &place)) {
        return open_place(&place, flags, mode);
    }
    int result = (int)syscall(SYS_openat, directory, path, flags, mode);
    if (refused_but_inside(result, directory, path, &place)) {
        return open_place(&place, flags, mode);
    }
    return result;
}

#define MODE_ARGUMENT(flags, mode)                                                                 \
    mode_t mode = 0;                                                                               \
    if (__OPEN_NEEDS_MODE(flags)) {                                                                \
        va_list arguments;                                                                         \
        va_start(arguments, flags);                                                                \
        mode = va_arg(arguments, mode_t);                                                          \
        va_end(arguments);                                                                         \
    }

EXPORT int
open(const char *path, int flags, ...)
{
    MODE_ARGUMENT(flags, mode)
    return open_at(AT_FDCWD, path, flags, mode);
}

EXPORT int
openat(int directory, const char *path, int flags, ...)
{
    MODE_ARGUMENT(flags, mode)
    return open_at(directory, path, flags, mode);
}

EXPORT int
creat(const char *path, mode_t mode)
{
    return open_at(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

EXPORT int
__open_2(const char *path, int flags)
{
    return open_at(AT_FDCWD, path, flags, 0);
}

EXPORT int
__openat_2(int directory, const char *path, int flags)
{
    return open_at(directory, path, flags, 0);
}

ALIAS(open) int open64(const char *path, int flags, ...);
ALIAS(openat) int openat64(int directory, const char *path, int flags, ...);
ALIAS(creat) int creat64(const char *path, mode_t mode);
ALIAS(__open_2) int __open64_2(const char *path, int flags);
ALIAS(__openat_2) int __openat64_2(int directory, const char *path, int flags);

/* --- streams ------------------------------------------------------------------------------- */

static FILE *
open_stream(const struct place *place, const char *mode)
{
    int flags = strchr(mode, 'e') ? O_CLOEXEC : 0;
    if (mode[0] != 'r' || strchr(mode, '+')) {
        flags |= O_RDWR | (mode[0] == 'r' ? 0 : O_CREAT);
    }
    int descriptor = open_place(place, flags, 0);
    return descriptor < 0 ? NULL : fdopen(descriptor, mode);
}

EXPORT FILE *
fopen(const char *path, const char *mode)
{
    typedef FILE *function(const char *, const char *);
    NEXT(function, "fopen")
    struct place place;
    if (tree_has_prefix(path, &place)) {
        return place.outside ? next(place.outside, mode) : open_stream(&place, mode);
    }
    FILE *stream = next(path, mode);
    if (refused_but_inside(stream ? 0 : -1, AT_FDCWD, path, &place)) {
        return place.outside ? next(place.outside, mode) : open_stream(&place, mode);
    }
    return stream;
}

EXPORT FILE *
freopen(const char *path, const char *mode, FILE *stream)
{
    typedef FILE *function(const char *, const char *, FILE *);
    NEXT(function, "freopen")
    struct place place;
    if (!tree_has_prefix(path, &place) || place.outside != NULL) {
        return next(path, mode, stream);
    }
    /* Not even the system's function keeps the descriptor's number when it has to open anew. */
    int descriptor = open_place(&place, strchr(mode, 'e') ? O_CLOEXEC : 0, 0);
    if (descriptor < 0) {
        fclose(stream);
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

/* --- stat ---------------------------------------------------------------------------------- */

static int
stat_place(const struct place *place, struct stat *status, int flags)
{
    if (place->outside != NULL) {
        return (int)syscall(SYS_newfstatat, AT_FDCWD, place->outside, status, flags);
    }
    if (place->error != 0) {
        return fail(place->error);
    }
    tree_stat(place, status);
    return 0;
}

static int
stat_at(int directory, const char *path, struct stat *status, int flags)
{
    struct place place;
    if (tree_has_prefix(path, &place)) {
        return stat_place(&place, status, flags);
    }
    int result = (int)syscall(SYS_newfstatat, directory, path, status, flags);
    if (refused_but_inside(result, directory, path, &place)) {
        return stat_place(&place, status, flags);
    }
    if (result == 0 && flags & AT_EMPTY_PATH && tree_place_of_descriptor(status, &place)) {
        tree_stat(&place, status);
    }
    return result;
}

EXPORT int
stat(const char *path, struct stat *status)
{
    return stat_at(AT_FDCWD, path, status, 0);
}

EXPORT int
lstat(const char *path, struct stat *status)
{
    return stat_at(AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW);
}

EXPORT int
fstat(int descriptor, struct stat *status)
{
    return stat_at(descriptor, "", status, AT_EMPTY_PATH);
}

EXPORT int
fstatat(int directory, const char *path, struct stat *status, int flags)
{
    return stat_at(directory, path, status, flags);
}

/* Before 2.33 glibc's headers turned stat into calls of these; binary wheels still make them. */

EXPORT int
__xstat(int version, const char *path, struct stat *status)
{
    (void)version;
    return stat_at(AT_FDCWD, path, status, 0);
}

EXPORT int
__lxstat(int version, const char *path, struct stat *status)
{
    (void)version;
    return stat_at(AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW);
}

EXPORT int
__fxstat(int version, int descriptor, struct stat *status)
{
    (void)version;
    return stat_at(descriptor, "", status, AT_EMPTY_PATH);
}

EXPORT int
__fxstatat(int version, int directory, const char *path, struct stat *status, int flags)
{
    (void)version;
    return stat_at(directory, path, status, flags);
}

_Static_assert(sizeof(struct stat) == sizeof(struct stat64), "the 64-bit names are aliases");
ALIAS(stat) int stat64(const char *path, struct stat64 *status);
ALIAS(lstat) int lstat64(const char *path, struct stat64 *status);
ALIAS(fstat) int fstat64(int descriptor, struct stat64 *status);
ALIAS(fstatat) int fstatat64(int directory, const char *path, struct stat64 *status, int flags);
ALIAS(__xstat) int __xstat64(int version, const char *path, struct stat *status);
ALIAS(__lxstat) int __lxstat64(int version, const char *path, struct stat *status);
ALIAS(__fxstat) int __fxstat64(int version, int descriptor, struct stat *status);
ALIAS(__fxstatat)
int __fxstatat64(int version, int directory, const char *path, struct stat *status, int flags);

static struct statx_timestamp
statx_time(struct timespec time)
{
    return (struct statx_timestamp){.tv_sec = time.tv_sec, .tv_nsec = (uint32_t)time.tv_nsec};
}

static int
statx_place(const struct place *place, int flags, unsigned mask, struct statx *result)
{
    struct stat status;
    if (place->outside != NULL) {
        return (int)syscall(SYS_statx, AT_FDCWD, place->outside, flags, mask, result);
    }
    if (place->error != 0) {
        return fail(place->error);
    }
    tree_stat(place, &status);
    *result = (struct statx){
        .stx_mask = STATX_BASIC_STATS,
        .stx_blksize = (uint32_t)status.st_blksize,
        .stx_nlink = (uint32_t)status.st_nlink,
        .stx_uid = status.st_uid,
        .stx_gid = status.st_gid,
        .stx_mode = (uint16_t)status.st_mode,
        .stx_ino = status.st_ino,
        .stx_size = (uint64_t)status.st_size,
        .stx_blocks = (uint64_t)status.st_blocks,
        .stx_atime = statx_time(status.st_atim),
        .stx_mtime = statx_time(status.st_mtim),
        .stx_ctime = statx_time(status.st_ctim),
        .stx_dev_major = major(status.st_dev),
        .stx_dev_minor = minor(status.st_dev),
    };
    return 0;
}

EXPORT int
statx(int directory, const char *path, int flags, unsigned mask, struct statx *result)
{
    struct place place;
    struct stat status;
    if (tree_has_prefix(path, &place)) {
        return statx_place(&place, flags, mask, result);
    }
    int done = (int)syscall(SYS_statx, directory, path, flags, mask, result);
    if (refused_but_inside(done, directory, path, &place) ||
        (done == 0 && flags & AT_EMPTY_PATH && result->stx_nlink == 0 &&
         syscall(SYS_newfstatat, directory, path, &status, AT_EMPTY_PATH) == 0 &&
         tree_place_of_descriptor(&status, &place))) {
        return statx_place(&place, flags, mask, result);
    }
    return done;
}

/* --- access, readlink, realpath ------------------------------------------------------------ */

static int
access_place(const struct place *place, int mode)
{
    struct stat status;
    if (place->outside != NULL) {
        return (int)syscall(SYS_faccessat, AT_FDCWD, place->outside, mode);
    }
    if (place->error != 0) {
        return fail(place->error);
    }
    tree_stat(place, &status);
    if (mode & W_OK) {
        return fail(EROFS);
    }
    return mode & X_OK && !(status.st_mode & S_IXUSR) ? fail(EACCES) : 0;
}

static int
access_at(int directory, const char *path, int mode, int flags)
{
    struct place place;
    typedef int function(int, const char *, int, int);
    NEXT(function, "faccessat")
    if (tree_has_prefix(path, &place)) {
        return access_place(&place, mode);
    }
    int result = flags ? next(directory, path, mode, flags)
                       : (int)syscall(SYS_faccessat, directory, path, mode);
    return refused_but_inside(result, directory, path, &place) ? access_place(&place, mode)
                                                               : result;
}

EXPORT int
access(const char *path, int mode)
{
    return access_at(AT_FDCWD, path, mode, 0);
}

EXPORT int
faccessat(int directory, const char *path, int mode, int flags)
{
    return access_at(directory, path, mode, flags);
}

EXPORT int
euidaccess(const char *path, int mode)
{
    return access_at(AT_FDCWD, path, mode, AT_EACCESS);
}

ALIAS(euidaccess) int eaccess(const char *path, int mode);

static ssize_t
readlink_place(const struct place *place, char *buffer, size_t size)
{
    if (place->outside != NULL) {
        return syscall(SYS_readlinkat, AT_FDCWD, place->outside, buffer, size);
    }
    return fail(place->error ? place->error : EINVAL); /* no entry is a symbolic link */
}

EXPORT ssize_t
readlinkat(int directory, const char *path, char *buffer, size_t size)
{
    struct place place;
    if (tree_has_prefix(path, &place)) {
        return readlink_place(&place, buffer, size);
    }
    ssize_t result = syscall(SYS_readlinkat, directory, path, buffer, size);
    return refused_but_inside(result, directory, path, &place)
               ? readlink_place(&place, buffer, size)
               : result;
}

EXPORT ssize_t
readlink(const char *path, char *buffer, size_t size)
{
    return readlinkat(AT_FDCWD, path, buffer, size);
}

static char *
realpath_place(const struct place *place, char *resolved)
{
    char path[PATH_MAX];
    if (place->outside != NULL) {
        return realpath(place->outside, resolved);
    }
    if (place->error != 0) {
        errno = place->error;
        return NULL;
    }
    if (!tree_path(place->index, path, sizeof path)) {
        errno = ENAMETOOLONG;
        return NULL;
    }
    return resolved != NULL ? strcpy(resolved, path) : strdup(path);
}

EXPORT char *
realpath(const char *path, char *resolved)
{
    typedef char *function(const char *, char *);
    NEXT(function, "realpath")
    struct place place;
    if (tree_has_prefix(path, &place)) {
        return realpath_place(&place, resolved);
    }
    char *result = next(path, resolved);
    return refused_but_inside(result ? 0 : -1, AT_FDCWD, path, &place)
               ? realpath_place(&place, resolved)
               : result;
}

EXPORT char *
canonicalize_file_name(const char *path)
{
    return realpath(path, NULL);
}

/* --- what would change the tree ------------------------------------------------------------ */

/* A call that the kernel refused with ENOTDIR, since it sees a file where the tree is. */
static int
read_only(long result, int directory, const char *path)
{
    struct place place;
    if (refused_but_inside(result, directory, path, &place)) {
        errno = place.error == ENOTDIR ? ENOTDIR : EROFS;
    }
    return (int)result;
}

EXPORT int
mkdirat(int directory, const char *path, mode_t mode)
{
    struct place place;
    long result = syscall(SYS_mkdirat, directory, path, mode);
    if (refused_but_inside(result, directory, path, &place) && place.error == 0) {
        return fail(EEXIST);
    }
    return read_only(result, directory, path);
}

EXPORT int
mkdir(const char *path, mode_t mode)
{
    return mkdirat(AT_FDCWD, path, mode);
}

/* ENOENT goes before EROFS where the entry has to exist. */
static int
read_only_entry(long result, int directory, const char *path)
{
    struct place place;
    if (refused_but_inside(result, directory, path, &place)) {
        errno = place.error ? place.error : EROFS;
    }
    return (int)result;
}

EXPORT int
unlinkat(int directory, const char *path, int flags)
{
    return read_only_entry(syscall(SYS_unlinkat, directory, path, flags), directory, path);
}

EXPORT int
unlink(const char *path)
{
    return unlinkat(AT_FDCWD, path, 0);
}

EXPORT int
rmdir(const char *path)
{
    return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

EXPORT int
renameat(int from_directory, const char *from, int to_directory, const char *to)
{
    long result = syscall(SYS_renameat2, from_directory, from, to_directory, to, 0);
    read_only_entry(result, from_directory, from);
    return read_only(result, to_directory, to);
}

EXPORT int
rename(const char *from, const char *to)
{
    return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

EXPORT int
symlinkat(const char *target, int directory, const char *path)
{
    return read_only(syscall(SYS_symlinkat, target, directory, path), directory, path);
}

EXPORT int
symlink(const char *target, const char *path)
{
    return symlinkat(target, AT_FDCWD, path);
}

EXPORT int
linkat(int from_directory, const char *from, int to_directory, const char *to, int flags)
{
    struct place place;
    long result = syscall(SYS_linkat, from_directory, from, to_directory, to, flags);
    if (refused_but_inside(result, from_directory, from, &place)) {
        return fail(place.error ? place.error : EXDEV);
    }
    return read_only(result, to_directory, to);
}

EXPORT int
link(const char *from, const char *to)
{
    return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

EXPORT int
truncate(const char *path, off_t size)
{
    return read_only_entry(syscall(SYS_truncate, path, size), AT_FDCWD, path);
}

ALIAS(truncate) int truncate64(const char *path, off64_t size);

EXPORT int
fchmodat(int directory, const char *path, mode_t mode, int flags)
{
    typedef int function(int, const char *, mode_t, int);
    NEXT(function, "fchmodat")
    return read_only_entry(next(directory, path, mode, flags), directory, path);
}

EXPORT int
chmod(const char *path, mode_t mode)
{
    return fchmodat(AT_FDCWD, path, mode, 0);
}

EXPORT int
fchownat(int directory, const char *path, uid_t owner, gid_t group, int flags)
{
    long result = syscall(SYS_fchownat, directory, path, owner, group, flags);
    return read_only_entry(result, directory, path);
}

EXPORT int
chown(const char *path, uid_t owner, gid_t group)
{
    return fchownat(AT_FDCWD, path, owner, group, 0);
}

EXPORT int
lchown(const char *path, uid_t owner, gid_t group)
{
    return fchownat(AT_FDCWD, path, owner, group, AT_SYMLINK_NOFOLLOW);
}

EXPORT int
utimensat(int directory, const char *path, const struct timespec times[2], int flags)
{
    return read_only_entry(syscall(SYS_utimensat, directory, path, times, flags), directory, path);
}
