/* What functions say of files without opening them. */
#define _GNU_SOURCE
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

#include "check.h"
#include "old_names.h"
#include "tests.h"

static void
test_stat(void)
{
    struct stat status;
    int inside = open(at("app/lib/data"), O_RDONLY);
    int file = open(at(HELLO), O_RDONLY);
    IS_HELLO(stat(at(HELLO), &status));
    IS_HELLO(lstat(at(HELLO), &status));
    IS_HELLO(fstat(file, &status));
    IS_HELLO(fstatat(inside, "hello.txt", &status, 0));
    IS_HELLO(fstatat(file, "", &status, AT_EMPTY_PATH));
    IS_HELLO(stat64(at(HELLO), (struct stat64 *)&status));
    IS_HELLO(lstat64(at(HELLO), (struct stat64 *)&status));
    IS_HELLO(fstat64(file, (struct stat64 *)&status));
    IS_HELLO(fstatat64(inside, "hello.txt", (struct stat64 *)&status, 0));
    IS_HELLO(__xstat(1, at(HELLO), &status));
    IS_HELLO(__xstat64(1, at(HELLO), (struct stat64 *)&status));
    IS_HELLO(__lxstat(1, at(HELLO), &status));
    IS_HELLO(__fxstat(1, file, &status));
    IS_HELLO(__fxstatat(1, inside, "hello.txt", &status, 0));
    IS_HELLO(stat(at("link/lib/data/hello.txt"), &status));
    CHECK(stat(at("app/lib"), &status) == 0 && status.st_mode == (S_IFDIR | 0555));
    CHECK(fstat(inside, &status) == 0 && S_ISDIR(status.st_mode));
    CHECK(stat(at("app/bin/tool"), &status) == 0 && status.st_mode == (S_IFREG | 0555));
    CHECK(stat(at("app/"), &status) == 0 && S_ISDIR(status.st_mode));
    CHECK(stat(at("app"), &status) == 0 && S_ISREG(status.st_mode));
    CHECK(stat(at("app/.."), &status) == 0 && S_ISDIR(status.st_mode));
    FAILS(ENOENT, stat(at(MISSING), &status));
    FAILS(ENOTDIR, stat(at(HELLO "/x"), &status));
    FAILS(ENOENT, stat("", &status));
    FAILS(EBADF, fstat(-1, &status));
    close(file);
    close(inside);
}

static void
test_statx(void)
{
    struct statx status;
    int file = open(at(HELLO), O_RDONLY);
    const unsigned mask = STATX_BASIC_STATS;
    CHECK(statx(AT_FDCWD, at(HELLO), 0, mask, &status) == 0 && status.stx_nlink == 1 &&
          status.stx_mode == (S_IFREG | 0444) && status.stx_mtime.tv_sec == TREE_TIME);
    uint64_t number = status.stx_ino;
    CHECK(statx(file, "", AT_EMPTY_PATH, mask, &status) == 0 && status.stx_ino == number &&
          status.stx_nlink == 1);
    CHECK(statx(AT_FDCWD, at("plain.txt"), 0, mask, &status) == 0 && status.stx_size == 6);
    FAILS(ENOENT, statx(AT_FDCWD, at(MISSING), 0, mask, &status));
    close(file);
}

static void
test_access(void)
{
    CHECK(access(at(HELLO), R_OK) == 0);
    CHECK(access(at("app/bin/tool"), R_OK | X_OK) == 0);
    CHECK(access(at("app/lib"), F_OK | X_OK) == 0);
    CHECK(faccessat(AT_FDCWD, at(HELLO), R_OK, AT_EACCESS) == 0);
    CHECK(faccessat(AT_FDCWD, at("plain.txt"), R_OK, AT_EACCESS) == 0);
    CHECK(euidaccess(at(HELLO), R_OK) == 0 && eaccess(at(HELLO), R_OK) == 0);
    FAILS(EACCES, access(at(HELLO), X_OK));
    FAILS(EROFS, access(at(HELLO), W_OK));
    FAILS(EROFS, access(at("app/lib"), W_OK));
    FAILS(ENOENT, access(at(MISSING), F_OK));
    FAILS(EINVAL, access(at(HELLO), 8));
}

static void
test_links(void)
{
    char buffer[PATH_MAX];
    char expected[PATH_MAX];
    int inside = open(at("app/lib/data"), O_RDONLY);
    FAILS(EINVAL, readlink(at(HELLO), buffer, sizeof buffer));
    FAILS(EINVAL, readlinkat(inside, "hello.txt", buffer, sizeof buffer));
    FAILS(ENOENT, readlink(at(MISSING), buffer, sizeof buffer));
    FAILS(EINVAL, __readlink_chk(at(HELLO), buffer, 8, sizeof buffer));
    FAILS(EINVAL, __readlinkat_chk(inside, "hello.txt", buffer, 8, sizeof buffer));
    CHECK(readlink(at("link"), buffer, sizeof buffer) == 3);
    close(inside);
    CHECK(realpath(folder, expected) != NULL);
    strcat(expected, "/" HELLO);
    CHECK(realpath(at(HELLO), buffer) && !strcmp(buffer, expected));
    CHECK(realpath(at("link/lib/./data//hello.txt"), buffer) && !strcmp(buffer, expected));
    CHECK(realpath(at("into/hello.txt"), buffer) && !strcmp(buffer, expected));
    CHECK(__realpath_chk(at("app/lib/../lib/data/hello.txt"), buffer, sizeof buffer) &&
          !strcmp(buffer, expected));
    char *own = canonicalize_file_name(at("link/lib/data/hello.txt"));
    CHECK(own != NULL && !strcmp(own, expected));
    free(own);
    REFUSES(ENOENT, realpath(at(MISSING), NULL));
    REFUSES(ENOTDIR, realpath(at(HELLO "/"), buffer));
}

static void
test_file_system(void)
{
    struct statfs status;
    struct statvfs also;
    char value[8];
    int file = open(at(HELLO), O_RDONLY);
    CHECK(statfs(at(HELLO), &status) == 0 && status.f_flags & ST_RDONLY);
    CHECK(fstatfs(file, &status) == 0 && status.f_flags & ST_RDONLY);
    CHECK(statfs64(at(HELLO), (struct statfs64 *)&status) == 0 && status.f_flags & ST_RDONLY);
    CHECK(statvfs(at("link/lib"), &also) == 0 && also.f_flag & ST_RDONLY);
    CHECK(fstatvfs(file, &also) == 0 && also.f_flag & ST_RDONLY);
    CHECK(statfs(folder, &status) == 0 && statvfs(folder, &also) == 0);
    CHECK(pathconf(at(HELLO), _PC_NAME_MAX) == NAME_MAX);
    CHECK(pathconf(at(MISSING), _PC_PATH_MAX) == PATH_MAX);
    CHECK(getxattr(folder, "user.none", value, sizeof value) == -1);
    FAILS(ENOENT, statfs(at(MISSING), &status));
    FAILS(ENOENT, statvfs(at(MISSING), &also));
#ifndef OXIDIZE_STATIC /* musl's knows the limits without a look at the path */
    FAILS(ENOENT, pathconf(at(MISSING), _PC_NAME_MAX));
#endif
    FAILS(ENODATA, getxattr(at(HELLO), "user.x", value, sizeof value));
    FAILS(ENODATA, lgetxattr(at(HELLO), "user.x", value, sizeof value));
    FAILS(ENOENT, getxattr(at(MISSING), "user.x", value, sizeof value));
    CHECK(listxattr(at(HELLO), NULL, 0) == 0 && llistxattr(at(HELLO), value, 8) == 0);
    FAILS(ENOENT, listxattr(at(MISSING), NULL, 0));
    close(file);
}

void
test_asking(void)
{
    test_stat();
    test_statx();
    test_access();
    test_links();
    test_file_system();
}
