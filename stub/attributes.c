/* The functions of libc that ask what an entry is, by path or by descriptor; and all that are about
   extended attributes. See files.c. */
#define _GNU_SOURCE
#include <fcntl.h>       /* AT_FDCWD */
#include <stdio.h>       /* snprintf */
#include <stdlib.h>      /* realpath */
#include <sys/stat.h>    /* struct stat */
#include <sys/statfs.h>  /* struct statfs */
#include <sys/statvfs.h> /* struct statvfs, ST_RDONLY */
#include <sys/syscall.h> /* SYS_newfstatat */
#include <sys/sysmacros.h>
#include <sys/xattr.h> /* getxattr */
#include <unistd.h>    /* syscall */

#include "interpose.h"
#include "tree.h"

/* --- stat ---------------------------------------------------------------------------------- */

static int
stat_inside(const struct place *place, struct stat *status)
{
    if (place->error != 0) {
        return fail(place->error);
    }
    tree_stat(place, status);
    return 0;
}

/* A descriptor of the tree shows as what it stands for; its memory file has no name. */
static int
unmask(int result, struct stat *status)
{
    struct place place;
    if (result == 0 && status->st_nlink == 0 && tree_place_of_status(status, &place)) {
        tree_stat(&place, status);
    }
    return result;
}

static int
stat_at(int directory, const char *path, struct stat *status, int flags)
{
    SERVE_AT(directory, path, unmask(tree_system_stat(directory, path, status, flags), status),
             tree_system_stat(AT_FDCWD, place.outside, status, flags), stat_inside(&place, status));
}

EXPORT int
INTERPOSED(stat)(const char *path, struct stat *status)
{
    return stat_at(AT_FDCWD, path, status, 0);
}

EXPORT int
INTERPOSED(lstat)(const char *path, struct stat *status)
{
    return stat_at(AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW);
}

EXPORT int
INTERPOSED(fstat)(int descriptor, struct stat *status)
{
    return unmask((int)syscall(SYS_fstat, descriptor, status), status);
}

EXPORT int
INTERPOSED(fstatat)(int directory, const char *path, struct stat *status, int flags)
{
    return stat_at(directory, path, status, flags);
}

/* Before 2.33 glibc's headers turned stat into calls of these; binary wheels still make them. */

EXPORT int
INTERPOSED(__xstat)(int version, const char *path, struct stat *status)
{
    (void)version;
    return stat_at(AT_FDCWD, path, status, 0);
}

EXPORT int
INTERPOSED(__lxstat)(int version, const char *path, struct stat *status)
{
    (void)version;
    return stat_at(AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW);
}

EXPORT int
INTERPOSED(__fxstat)(int version, int descriptor, struct stat *status)
{
    (void)version;
    return unmask((int)syscall(SYS_fstat, descriptor, status), status);
}

EXPORT int
INTERPOSED(__fxstatat)(int version, int directory, const char *path, struct stat *status, int flags)
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
statx_inside(const struct place *place, struct statx *result)
{
    struct stat status;
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

static int
system_statx(int directory, const char *path, int flags, unsigned mask, struct statx *result)
{
    struct place place;
    struct stat status;
    int done = (int)syscall(SYS_statx, directory, path, flags, mask, result);
    if (done == 0 && result->stx_nlink == 0 && path != NULL &&
        tree_system_stat(directory, path, &status, flags & AT_EMPTY_PATH) == 0 &&
        tree_place_of_status(&status, &place)) {
        return statx_inside(&place, result);
    }
    return done;
}

EXPORT int
INTERPOSED(statx)(int directory, const char *path, int flags, unsigned mask, struct statx *result)
{
    SERVE_AT(directory, path, system_statx(directory, path, flags, mask, result),
             (int)syscall(SYS_statx, AT_FDCWD, place.outside, flags, mask, result),
             statx_inside(&place, result));
}

/* --- access -------------------------------------------------------------------------------- */

#ifndef SYS_faccessat2
#define SYS_faccessat2 439
#endif

static int
access_inside(const struct place *place, int mode)
{
    struct stat status;
    if (place->error != 0 || mode & ~(R_OK | W_OK | X_OK)) {
        return fail(place->error ? place->error : EINVAL);
    }
    tree_stat(place, &status);
    if (mode & W_OK) {
        return fail(EROFS);
    }
    return mode & X_OK && !(status.st_mode & S_IXUSR) ? fail(EACCES) : 0;
}

static int
system_access(int directory, const char *path, int mode, int flags)
{
    typedef int function(int, const char *, int, int);
    if (flags == 0) {
        return (int)syscall(SYS_faccessat, directory, path, mode);
    }
    int result = (int)syscall(SYS_faccessat2, directory, path, mode, flags);
    if (result == 0 || errno != ENOSYS) {
        return result;
    }
    NEXT(function, faccessat)
    return next(directory, path, mode, flags);
}

EXPORT int
INTERPOSED(faccessat)(int directory, const char *path, int mode, int flags)
{
    SERVE_AT(directory, path, system_access(directory, path, mode, flags),
             system_access(AT_FDCWD, place.outside, mode, flags), access_inside(&place, mode));
}

EXPORT int
INTERPOSED(access)(const char *path, int mode)
{
    return faccessat(AT_FDCWD, path, mode, 0);
}

EXPORT int
INTERPOSED(euidaccess)(const char *path, int mode)
{
    return faccessat(AT_FDCWD, path, mode, AT_EACCESS);
}

ALIAS(euidaccess) int eaccess(const char *path, int mode);

/* --- readlink, realpath -------------------------------------------------------------------- */

EXPORT ssize_t
INTERPOSED(readlinkat)(int directory, const char *path, char *buffer, size_t size)
{
    /* No entry is a symbolic link. */
    SERVE_AT(directory, path, syscall(SYS_readlinkat, directory, path, buffer, size),
             syscall(SYS_readlinkat, AT_FDCWD, place.outside, buffer, size),
             (ssize_t)fail(place.error ? place.error : EINVAL));
}

EXPORT ssize_t
INTERPOSED(readlink)(const char *path, char *buffer, size_t size)
{
    return readlinkat(AT_FDCWD, path, buffer, size);
}

static char *
realpath_inside(const struct place *place, char *resolved)
{
    char path[PATH_MAX];
    if (place->error != 0) {
        errno = place->error;
        return NULL;
    }
    if (!tree_real_path(place->index, path, sizeof path)) {
        errno = ENAMETOOLONG;
        return NULL;
    }
    return resolved != NULL ? strcpy(resolved, path) : strdup(path);
}

EXPORT char *
INTERPOSED(realpath)(const char *path, char *resolved)
{
    typedef char *function(const char *, char *);
    NEXT(function, realpath)
    SERVE_POINTER(path, next(path, resolved), next(place.outside, resolved),
                  realpath_inside(&place, resolved));
}

EXPORT char *
INTERPOSED(canonicalize_file_name)(const char *path)
{
    return realpath(path, NULL);
}

/* What _FORTIFY_SOURCE makes of the above. The sizes were too small if they were not known. */

EXPORT ssize_t
INTERPOSED(__readlink_chk)(const char *path, char *buffer, size_t size, size_t capacity)
{
    return size > capacity ? fail(ERANGE) : readlink(path, buffer, size);
}

EXPORT ssize_t
INTERPOSED(__readlinkat_chk)(int directory, const char *path, char *buffer, size_t size,
                             size_t capacity)
{
    return size > capacity ? fail(ERANGE) : readlinkat(directory, path, buffer, size);
}

EXPORT char *
INTERPOSED(__realpath_chk)(const char *path, char *resolved, size_t capacity)
{
    if (capacity < PATH_MAX) {
        errno = ERANGE;
        return NULL;
    }
    return realpath(path, resolved);
}

/* --- the file system ----------------------------------------------------------------------- */

/* The tree is on the executable's file system, read-only. */
static int
statfs_inside(const struct place *place, struct statfs *result)
{
    if (place->error != 0) {
        return fail(place->error);
    }
    int done = (int)syscall(SYS_statfs, tree_root(), result);
    result->f_flags |= ST_RDONLY;
    return done;
}

EXPORT int
INTERPOSED(statfs)(const char *path, struct statfs *result)
{
    SERVE_AT(AT_FDCWD, path, (int)syscall(SYS_statfs, path, result),
             (int)syscall(SYS_statfs, place.outside, result), statfs_inside(&place, result));
}

EXPORT int
INTERPOSED(fstatfs)(int descriptor, struct statfs *result)
{
    struct place place;
    return tree_place_of_descriptor(descriptor, &place)
               ? statfs_inside(&place, result)
               : (int)syscall(SYS_fstatfs, descriptor, result);
}

typedef int statvfs_function(const char *, struct statvfs *);

static int
statvfs_inside(const struct place *place, struct statvfs *result, statvfs_function *next)
{
    if (place->error != 0) {
        return fail(place->error);
    }
    int done = next(tree_root(), result);
    result->f_flag |= ST_RDONLY;
    return done;
}

EXPORT int
INTERPOSED(statvfs)(const char *path, struct statvfs *result)
{
    NEXT(statvfs_function, statvfs)
    SERVE_AT(AT_FDCWD, path, next(path, result), next(place.outside, result),
             statvfs_inside(&place, result, next));
}

EXPORT int
INTERPOSED(fstatvfs)(int descriptor, struct statvfs *result)
{
    typedef int function(int, struct statvfs *);
    NEXT(function, fstatvfs)
    struct place place;
    if (!tree_place_of_descriptor(descriptor, &place)) {
        return next(descriptor, result);
    }
    int done = statvfs(tree_root(), result);
    result->f_flag |= ST_RDONLY;
    return done;
}

_Static_assert(sizeof(struct statfs) == sizeof(struct statfs64), "the 64-bit names are aliases");
ALIAS(statfs) int statfs64(const char *path, struct statfs64 *result);
ALIAS(fstatfs) int fstatfs64(int descriptor, struct statfs64 *result);
ALIAS(statvfs) int statvfs64(const char *path, struct statvfs64 *result);
ALIAS(fstatvfs) int fstatvfs64(int descriptor, struct statvfs64 *result);

/* Most limits are the same everywhere: the system's function does not even look at the path. */
EXPORT long
INTERPOSED(pathconf)(const char *path, int name)
{
    typedef long function(const char *, int);
    NEXT(function, pathconf)
    struct place place;
    long result = next(path, name);
    if (result >= 0 ||
        !(refused_but_inside(result, AT_FDCWD, path, &place) || tree_has_prefix(path, &place))) {
        return result;
    }
    if (place.outside != NULL) {
        return next(place.outside, name);
    }
    return place.error ? fail(place.error) : next(tree_root(), name);
}

/* --- extended attributes: no entry has any --------------------------------------------------- */

EXPORT ssize_t
INTERPOSED(getxattr)(const char *path, const char *name, void *value, size_t size)
{
    SERVE_AT(AT_FDCWD, path, syscall(SYS_getxattr, path, name, value, size),
             syscall(SYS_getxattr, place.outside, name, value, size),
             (ssize_t)fail(place.error ? place.error : ENODATA));
}

EXPORT ssize_t
INTERPOSED(lgetxattr)(const char *path, const char *name, void *value, size_t size)
{
    SERVE_AT(AT_FDCWD, path, syscall(SYS_lgetxattr, path, name, value, size),
             syscall(SYS_lgetxattr, place.outside, name, value, size),
             (ssize_t)fail(place.error ? place.error : ENODATA));
}

EXPORT ssize_t
INTERPOSED(listxattr)(const char *path, char *list, size_t size)
{
    SERVE_AT(AT_FDCWD, path, syscall(SYS_listxattr, path, list, size),
             syscall(SYS_listxattr, place.outside, list, size),
             (ssize_t)(place.error ? fail(place.error) : 0));
}

EXPORT ssize_t
INTERPOSED(llistxattr)(const char *path, char *list, size_t size)
{
    SERVE_AT(AT_FDCWD, path, syscall(SYS_llistxattr, path, list, size),
             syscall(SYS_llistxattr, place.outside, list, size),
             (ssize_t)(place.error ? fail(place.error) : 0));
}

EXPORT int
INTERPOSED(setxattr)(const char *path, const char *name, const void *value, size_t size, int flags)
{
    REFUSE_AT(AT_FDCWD, path, (int)syscall(SYS_setxattr, path, name, value, size, flags),
              (int)syscall(SYS_setxattr, place.outside, name, value, size, flags),
              fail(place.error ? place.error : EROFS));
}

EXPORT int
INTERPOSED(lsetxattr)(const char *path, const char *name, const void *value, size_t size, int flags)
{
    REFUSE_AT(AT_FDCWD, path, (int)syscall(SYS_lsetxattr, path, name, value, size, flags),
              (int)syscall(SYS_lsetxattr, place.outside, name, value, size, flags),
              fail(place.error ? place.error : EROFS));
}

EXPORT int
INTERPOSED(fsetxattr)(int descriptor, const char *name, const void *value, size_t size, int flags)
{
    struct place place;
    return tree_place_of_descriptor(descriptor, &place)
               ? fail(EROFS)
               : (int)syscall(SYS_fsetxattr, descriptor, name, value, size, flags);
}

EXPORT int
INTERPOSED(removexattr)(const char *path, const char *name)
{
    REFUSE_AT(AT_FDCWD, path, (int)syscall(SYS_removexattr, path, name),
              (int)syscall(SYS_removexattr, place.outside, name),
              fail(place.error ? place.error : EROFS));
}

EXPORT int
INTERPOSED(lremovexattr)(const char *path, const char *name)
{
    REFUSE_AT(AT_FDCWD, path, (int)syscall(SYS_lremovexattr, path, name),
              (int)syscall(SYS_lremovexattr, place.outside, name),
              fail(place.error ? place.error : EROFS));
}

EXPORT int
INTERPOSED(fremovexattr)(int descriptor, const char *name)
{
    struct place place;
    return tree_place_of_descriptor(descriptor, &place)
               ? fail(EROFS)
               : (int)syscall(SYS_fremovexattr, descriptor, name);
}
