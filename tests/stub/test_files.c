/* Calls every function that the stub defines in the place of libc's, on the tree of an image and
   on real files, and checks what it answers, errno included. tests/test_files.py makes the image
   and the folder:

       test_files calls IMAGE FOLDER     one after the other
       test_files threads IMAGE FOLDER   many at once

   FOLDER holds `app`, a regular file that the tree is served below; `link`, a symbolic link to it;
   `into`, a symbolic link to app/lib/data; and `plain.txt`. Prints each fault, and exits with 1. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>

#include "fallbacks.h"
#include "tree.h"

/* Old names, which no header declares any more. */
int __xstat(int version, const char *path, struct stat *status);
int __lxstat(int version, const char *path, struct stat *status);
int __fxstat(int version, int descriptor, struct stat *status);
int __fxstatat(int version, int directory, const char *path, struct stat *status, int flags);
int __xstat64(int version, const char *path, struct stat64 *status);
int __xmknod(int version, const char *path, mode_t mode, dev_t *device);
int __xmknodat(int version, int directory, const char *path, mode_t mode, dev_t *device);
int __open_2(const char *path, int flags);
int __openat_2(int directory, const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat64_2(int directory, const char *path, int flags);
int __open(const char *path, int flags, ...);
ssize_t __readlink_chk(const char *path, char *buffer, size_t size, size_t capacity);
ssize_t __readlinkat_chk(int directory, const char *path, char *buffer, size_t size, size_t room);
char *__realpath_chk(const char *path, char *resolved, size_t capacity);
char *__getcwd_chk(char *buffer, size_t capacity, size_t available);
char *__getwd_chk(char *buffer, size_t available);

#ifdef OXIDIZE_STATIC
/* What musl has no prototypes of, and names that only programs compiled for glibc have. */
char *canonicalize_file_name(const char *path);
int renameat2(int from_directory, const char *from, int to_directory, const char *to, unsigned);
int scandirat(int directory, const char *path, struct dirent ***result,
              int (*select)(const struct dirent *),
              int (*compare)(const struct dirent **, const struct dirent **));
#define __open open
#define __open64_2 __open_2
#define __openat64_2 __openat_2
#define __xstat64 __xstat
#endif

static int faults;

static void
report(int line, const char *text, long result, int error)
{
    __atomic_add_fetch(&faults, 1, __ATOMIC_RELAXED);
    fprintf(stderr, "test_files.c:%d: %s: %ld, errno %d (%s)\n", line, text, result, error,
            strerror(error));
}

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        errno = 0;                                                                                 \
        if (!(condition)) {                                                                        \
            report(__LINE__, #condition, 0, errno);                                                \
        }                                                                                          \
    } while (0)

/* The call is to fail with that error. */
#define FAILS(error, call)                                                                         \
    do {                                                                                           \
        errno = 0;                                                                                 \
        long result_ = (long)(call);                                                               \
        if (result_ != -1 || errno != (error)) {                                                   \
            report(__LINE__, #call " is to fail with " #error, result_, errno);                    \
        }                                                                                          \
    } while (0)

/* The same for calls that give a pointer. */
#define REFUSES(error, call)                                                                       \
    do {                                                                                           \
        errno = 0;                                                                                 \
        void *result_ = (void *)(call);                                                            \
        if (result_ != NULL || errno != (error)) {                                                 \
            report(__LINE__, #call " is to fail with " #error, result_ != NULL, errno);            \
        }                                                                                          \
    } while (0)

#define BIG (1 << 20)

static char folder[PATH_MAX / 4];

/* A path below the folder, in one of a few buffers; "app" is the root of the tree. */
static const char *
at(const char *path)
{
    static _Thread_local char buffers[8][PATH_MAX];
    static _Thread_local unsigned turn;
    char *buffer = buffers[turn++ % 8];
    snprintf(buffer, PATH_MAX, "%s/%s", folder, path);
    return buffer;
}

static bool
reads(int descriptor, const char *expected)
{
    char buffer[64];
    ssize_t size = descriptor < 0 ? -1 : read(descriptor, buffer, sizeof buffer);
    if (descriptor >= 0) {
        close(descriptor);
    }
    return size == (ssize_t)strlen(expected) && memcmp(buffer, expected, (size_t)size) == 0;
}

static bool
stream_reads(FILE *stream, const char *expected)
{
    char buffer[64] = "";
    bool same = stream != NULL && fgets(buffer, sizeof buffer, stream) && !strcmp(buffer, expected);
    if (stream != NULL) {
        fclose(stream);
    }
    return same;
}

static int
closed(int descriptor)
{
    return descriptor < 0 ? -1 : close(descriptor);
}

#define HELLO "app/lib/data/hello.txt"
#define HELLO_TEXT "hello, world\n"
#define MISSING "app/lib/data/missing"

/* --- opening ------------------------------------------------------------------------------- */

static void
test_open(void)
{
    int directory = open(folder, O_RDONLY | O_DIRECTORY);
    int inside = open(at("app/lib/data"), O_RDONLY | O_DIRECTORY);
    CHECK(reads(open(at(HELLO), O_RDONLY), HELLO_TEXT));
    CHECK(reads(open64(at(HELLO), O_RDONLY), HELLO_TEXT));
    CHECK(reads(__open(at(HELLO), O_RDONLY), HELLO_TEXT));
    CHECK(reads(__open_2(at(HELLO), O_RDONLY), HELLO_TEXT));
    CHECK(reads(__open64_2(at(HELLO), O_RDONLY), HELLO_TEXT));
    CHECK(reads(openat(directory, HELLO, O_RDONLY), HELLO_TEXT));
    CHECK(reads(openat64(inside, "hello.txt", O_RDONLY), HELLO_TEXT));
    CHECK(reads(__openat_2(inside, "./hello.txt", O_RDONLY), HELLO_TEXT));
    CHECK(reads(__openat64_2(inside, "sub/../hello.txt", O_RDONLY), HELLO_TEXT));
    CHECK(reads(openat(inside, "../../../plain.txt", O_RDONLY), "plain\n"));
    CHECK(reads(open(at("plain.txt"), O_RDONLY), "plain\n"));
    FAILS(ENOENT, open(at(MISSING), O_RDONLY));
    FAILS(ENOENT, open(at("app/lib/none/x"), O_RDWR | O_CREAT, 0600));
    FAILS(ENOTDIR, open(at(HELLO "/x"), O_RDONLY));
    FAILS(ENOTDIR, open(at(HELLO "/"), O_RDONLY));
    FAILS(ENOTDIR, open(at(HELLO), O_RDONLY | O_DIRECTORY));
    FAILS(ENOTDIR, open(at("plain.txt/x"), O_RDONLY));
    FAILS(EROFS, open(at(HELLO), O_WRONLY));
    FAILS(EROFS, open(at(HELLO), O_RDWR));
    FAILS(EROFS, open(at(HELLO), O_RDONLY | O_TRUNC));
    FAILS(EROFS, open(at(MISSING), O_CREAT | O_RDONLY, 0600));
    FAILS(EROFS, creat(at(HELLO), 0600));
    FAILS(EROFS, creat64(at(MISSING), 0600));
    FAILS(EISDIR, open(at("app/lib"), O_RDWR));
    FAILS(EISDIR, open(at("app/lib"), O_RDONLY | O_CREAT, 0600));
    FAILS(EISDIR, open(at(MISSING "/"), O_RDONLY | O_CREAT, 0600));
    FAILS(EEXIST, open(at(HELLO), O_RDONLY | O_CREAT | O_EXCL, 0600));
    FAILS(EROFS, open(at("app/lib"), O_TMPFILE | O_RDWR, 0600));
    CHECK(reads(open(at(HELLO), O_RDONLY | O_CREAT, 0600), HELLO_TEXT));
    CHECK(closed(open(at("app/"), O_RDONLY | O_DIRECTORY)) == 0);
    FAILS(EBADF, openat(-1, "x", O_RDONLY));
    close(directory);
    close(inside);
}

static void
test_long_names(void)
{
    char path[PATH_MAX + 8];
    memset(path, 'x', sizeof path);
    int size = snprintf(path, sizeof path, "%s/app/", folder);
    path[size] = 'x';
    path[size + NAME_MAX + 1] = '\0';
    FAILS(ENAMETOOLONG, open(path, O_RDONLY));
    path[size + NAME_MAX] = '\0';
    FAILS(ENOENT, open(path, O_RDONLY));
    for (size_t i = (size_t)size; i < sizeof path - 1; i++) {
        path[i] = i % 2 ? '/' : '.';
    }
    path[sizeof path - 1] = '\0';
    FAILS(ENAMETOOLONG, open(path, O_RDONLY));
}

static void
test_spellings(void)
{
    char path[PATH_MAX];
    CHECK(reads(open(at("link/lib/data/hello.txt"), O_RDONLY), HELLO_TEXT));
    CHECK(reads(open(at("into/hello.txt"), O_RDONLY), HELLO_TEXT));
    CHECK(reads(open(at("into/../../../plain.txt"), O_RDONLY), "plain\n"));
    CHECK(reads(open(at("./app//lib/./data/../data///hello.txt"), O_RDONLY), HELLO_TEXT));
    CHECK(reads(open(at("app/../app/lib/../../app/lib/data/hello.txt"), O_RDONLY), HELLO_TEXT));
    CHECK(reads(open(at("app/../link/lib/data/hello.txt"), O_RDONLY), HELLO_TEXT));
    CHECK(reads(open(at("app/lib/../../plain.txt"), O_RDONLY), "plain\n"));
    CHECK(reads(open(at("link/../plain.txt"), O_RDONLY), "plain\n"));
    FAILS(ENOENT, open(at("app/../missing"), O_RDONLY));
    CHECK(chdir(folder) == 0);
    CHECK(reads(open(HELLO, O_RDONLY), HELLO_TEXT));
    CHECK(reads(open("./link/lib/data/hello.txt", O_RDONLY), HELLO_TEXT));
    int inside = open(HELLO, O_RDONLY);
    snprintf(path, sizeof path, "/proc/self/fd/%d", inside);
    CHECK(reads(open(path, O_RDONLY), HELLO_TEXT));
    FAILS(ENOTDIR, openat(inside, "x", O_RDONLY));
    close(inside);
    inside = open("app/lib", O_RDONLY);
    snprintf(path, sizeof path, "/proc/self/fd/%d/data/hello.txt", inside);
    CHECK(reads(open(path, O_RDONLY), HELLO_TEXT));
    close(inside);
    CHECK(chdir("/") == 0);
}

static void
test_descriptors(void)
{
    struct stat status;
    char byte = 0;
    int file = open(at(HELLO), O_RDONLY | O_CLOEXEC);
    CHECK(fcntl(file, F_GETFD) == FD_CLOEXEC);
    CHECK((fcntl(file, F_GETFL) & O_ACCMODE) == O_RDONLY);
    FAILS(EBADF, write(file, "x", 1));
    FAILS(EINVAL, ftruncate(file, 0));
    FAILS(EROFS, fchmod(file, 0777));
    FAILS(EROFS, fchown(file, 1, 1));
    FAILS(EROFS, futimens(file, NULL));
    FAILS(EROFS, futimes(file, NULL));
    FAILS(EROFS, utimensat(file, "", NULL, AT_EMPTY_PATH));
    FAILS(EROFS, fchownat(file, "", 1, 1, AT_EMPTY_PATH));
    FAILS(EROFS, fsetxattr(file, "user.x", "x", 1, 0));
    FAILS(EROFS, fremovexattr(file, "user.x"));
    CHECK(fstat(file, &status) == 0 && status.st_nlink == 1 && (status.st_mode & 0777) == 0444);
    close(file);
    file = open(at(HELLO), O_PATH);
    FAILS(EBADF, read(file, &byte, 1));
    FAILS(EBADF, fchmod(file, 0600));
    FAILS(EBADF, fchown(file, 1, 1));
    FAILS(EBADF, futimens(file, NULL));
    FAILS(EROFS, fchownat(file, "", 1, 1, AT_EMPTY_PATH));
    CHECK(fstat(file, &status) == 0 && status.st_size == (off_t)strlen(HELLO_TEXT));
    close(file);
    file = open(at(HELLO), O_RDONLY);
    CHECK(fcntl(file, F_GETFD) == 0);
    close(file);
    FAILS(EBADF, fchmod(-1, 0));
    FAILS(EBADF, futimens(-1, NULL));
    FAILS(EBADF, fstat(AT_FDCWD, &status));
    file = open(at("app/bin/tool"), O_RDONLY);
    CHECK(syscall(SYS_fstat, file, &status) == 0 && (status.st_mode & 0777) == 0555);
    close(file);
}

/* A temporary file with the time of packed ones is not one of them. */
static void
test_strangers(void)
{
    const struct timespec times[2] = {{.tv_sec = TREE_TIME}, {.tv_sec = TREE_TIME}};
    struct stat status;
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/stranger-XXXXXX", folder);
    int file = mkstemp(path);
    CHECK(file >= 0 && unlink(path) == 0 && futimens(file, times) == 0);
    CHECK(fstat(file, &status) == 0 && S_ISREG(status.st_mode) && status.st_nlink == 0);
    CHECK(fchmod(file, 0600) == 0 && fchown(file, getuid(), getgid()) == 0);
    close(file);
}

/* Whether a memory file with these nanoseconds and this text is taken for one of the tree's. */
static bool
is_taken_for_ours(long nanoseconds, const char *text)
{
    const struct timespec time = {.tv_sec = TREE_TIME, .tv_nsec = nanoseconds};
    const struct timespec times[2] = {time, time};
    struct stat status;
    int file = memfd_create("packed", 0);
    CHECK(file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text));
    CHECK(futimens(file, times) == 0 && fstat(file, &status) == 0);
    close(file);
    return status.st_nlink != 0;
}

/* Nor is a memory file of another image's tree. */
static void
test_other_images(void)
{
    struct stat status;
    int file = open(at(HELLO), O_RDONLY);
    CHECK(syscall(SYS_fstat, file, &status) == 0);
    close(file);
    long own = status.st_mtim.tv_nsec, count = image_node_count(tree_image());
    CHECK(is_taken_for_ours(own, HELLO_TEXT));
    CHECK(!is_taken_for_ours(own, "another text"));
    CHECK(own < count || !is_taken_for_ours(own - count, HELLO_TEXT));
    CHECK(own < count || !is_taken_for_ours(own % count, HELLO_TEXT));
    CHECK(own + count >= 1000000000 || !is_taken_for_ours(own + count, HELLO_TEXT));
}

static void
test_content(void)
{
    int file = open(at("app/lib/data/big.bin"), O_RDONLY);
    const unsigned char *data = mmap(NULL, BIG, PROT_READ, MAP_SHARED, file, 0);
    CHECK(data != MAP_FAILED);
    bool same = true;
    for (size_t i = 0; data != MAP_FAILED && i < BIG; i++) {
        same &= data[i] == (unsigned char)(i * 7 + (i >> 8));
    }
    CHECK(same);
    CHECK(lseek(file, -3, SEEK_END) == BIG - 3);
    FAILS(EACCES, (long)mmap(NULL, BIG, PROT_WRITE, MAP_SHARED, file, 0));
    munmap((void *)data, BIG);
    close(file);
}

static void
test_streams(void)
{
    CHECK(stream_reads(fopen(at(HELLO), "r"), HELLO_TEXT));
    CHECK(stream_reads(fopen64(at("link/lib/data/hello.txt"), "rbe"), HELLO_TEXT));
    CHECK(stream_reads(fopen(at("app/../plain.txt"), "r"), "plain\n"));
    REFUSES(EROFS, fopen(at(HELLO), "w"));
    REFUSES(EROFS, fopen(at(HELLO), "a"));
    REFUSES(EROFS, fopen(at(HELLO), "r+"));
    REFUSES(EROFS, fopen(at(MISSING), "w"));
    REFUSES(EEXIST, fopen(at(HELLO), "wx"));
    REFUSES(EISDIR, fopen(at("app/lib"), "w"));
    REFUSES(ENOENT, fopen(at(MISSING), "r"));
    REFUSES(EINVAL, fopen(at(HELLO), "q"));
    CHECK(stream_reads(freopen(at(HELLO), "r", fopen(at("plain.txt"), "r")), HELLO_TEXT));
    CHECK(stream_reads(freopen64(at("link/lib/data/hello.txt"), "r", fopen("/dev/null", "r")),
                       HELLO_TEXT));
    CHECK(stream_reads(freopen(at("app/../plain.txt"), "r", fopen("/dev/null", "r")), "plain\n"));
    REFUSES(EROFS, freopen(at(HELLO), "w", fopen("/dev/null", "r")));
    REFUSES(ENOENT, freopen(at(MISSING), "r", fopen("/dev/null", "r")));
}

/* --- asking -------------------------------------------------------------------------------- */

#define IS_HELLO(call)                                                                             \
    do {                                                                                           \
        struct stat status;                                                                        \
        memset(&status, 0xff, sizeof status);                                                      \
        CHECK((call) == 0 && status.st_size == (off_t)strlen(HELLO_TEXT) &&                        \
              status.st_mode == (S_IFREG | 0444) && status.st_nlink == 1 &&                        \
              status.st_mtim.tv_sec == TREE_TIME && status.st_mtim.tv_nsec == 0);                  \
    } while (0)

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

/* --- changing ------------------------------------------------------------------------------ */

static void
test_creation(void)
{
    dev_t device = 0;
    char template[PATH_MAX];
    int inside = open(at("app/lib/data"), O_RDONLY);
    FAILS(EROFS, mkdir(at(MISSING), 0700));
    FAILS(EROFS, mkdir(at(MISSING "/"), 0700));
    FAILS(EROFS, mkdirat(inside, "new", 0700));
    FAILS(EEXIST, mkdir(at("app/lib"), 0700));
    FAILS(EEXIST, mkdir(at(HELLO), 0700));
    FAILS(ENOENT, mkdir(at(MISSING "/deeper"), 0700));
    FAILS(ENOTDIR, mkdir(at(HELLO "/deeper"), 0700));
    FAILS(EROFS, symlink("x", at(MISSING)));
    FAILS(EEXIST, symlinkat("x", inside, "hello.txt"));
    FAILS(EROFS, mkfifo(at(MISSING), 0600));
    FAILS(EROFS, mkfifoat(inside, "new", 0600));
    FAILS(EROFS, mknod(at(MISSING), S_IFREG, 0));
    FAILS(EEXIST, mknodat(inside, "hello.txt", S_IFREG, 0));
    FAILS(EROFS, __xmknod(0, at(MISSING), S_IFREG, &device));
    FAILS(EROFS, __xmknodat(0, inside, "new", S_IFREG, &device));
    close(inside);
    strcpy(template, at("app/lib/tXXXXXX"));
    FAILS(EROFS, mkstemp(template));
    FAILS(EROFS, mkostemp(template, O_CLOEXEC));
    strcpy(template, at("link/lib/tXXXXXX.x"));
    FAILS(EROFS, mkstemps(template, 2));
    strcpy(template, at("link/lib/tXXXXXX.x"));
    FAILS(EROFS, mkostemps(template, 2, 0));
    strcpy(template, at("link/lib/tXXXXXX"));
    REFUSES(EROFS, mkdtemp(template));
    strcpy(template, at("app/none/tXXXXXX"));
    FAILS(ENOENT, mkstemp(template));
    /* Outside, and out of the tree, they do what they are for. */
    CHECK(mkdir(at("made"), 0700) == 0);
    CHECK(mkdir(at("app/../made/inner"), 0700) == 0);
    CHECK(symlink("x", at("link/../made/symbolic")) == 0);
    CHECK(mkfifo(at("app/../made/fifo"), 0600) == 0);
    CHECK(rename(at("app/../made/fifo"), at("link/../made/other")) == 0);
    CHECK(link(at("app/../plain.txt"), at("made/hard")) == 0);
    CHECK(chmod(at("app/../made/hard"), 0600) == 0 && truncate(at("made/hard"), 6) == 0);
    CHECK(unlink(at("app/../made/hard")) == 0 && remove(at("made/symbolic")) == 0);
    CHECK(remove(at("app/../made/other")) == 0 && remove(at("app/../made/inner")) == 0);
    CHECK(rmdir(at("app/lib/../../made")) == 0);
}

static void
test_removal(void)
{
    int inside = open(at("app/lib/data"), O_RDONLY);
    FAILS(EROFS, unlink(at(HELLO)));
    FAILS(EROFS, unlinkat(inside, "hello.txt", 0));
    FAILS(EROFS, rmdir(at("app/lib/data")));
    FAILS(EROFS, unlinkat(inside, "sub", AT_REMOVEDIR));
    FAILS(EROFS, remove(at(HELLO)));
    FAILS(EINVAL, rmdir(at("app/lib/.")));
    FAILS(ENOTEMPTY, rmdir(at("app/lib/..")));
    FAILS(ENOENT, unlink(at(MISSING "/x")));
    FAILS(ENOTDIR, unlink(at(HELLO "/x")));
    FAILS(EROFS, rename(at(HELLO), at(MISSING)));
    FAILS(EROFS, renameat(inside, "hello.txt", inside, "new"));
    FAILS(EROFS, renameat2(inside, "hello.txt", inside, "new", 0));
    FAILS(EXDEV, rename(at(HELLO), at("elsewhere")));
    FAILS(EXDEV, rename(at("plain.txt"), at(MISSING)));
    FAILS(ENOENT, rename(at("app/none/x"), at("app/none/y")));
    FAILS(EXDEV, link(at(HELLO), at("elsewhere")));
    FAILS(EROFS, link(at("plain.txt"), at(MISSING)));
    FAILS(EEXIST, link(at("plain.txt"), at(HELLO)));
    FAILS(EROFS, linkat(inside, "hello.txt", inside, "new", 0));
    close(inside);
}

static void
test_changes(void)
{
    const struct timeval times[2] = {{1, 1}, {1, 1}};
    const struct timeval wrong[2] = {{1, -1}, {1, 1}};
    const struct utimbuf old = {1, 1};
    int inside = open(at("app/lib/data"), O_RDONLY);
    FAILS(EROFS, truncate(at(HELLO), 0));
    FAILS(EROFS, truncate64(at(HELLO), 0));
    FAILS(EISDIR, truncate(at("app/lib"), 0));
    FAILS(EINVAL, truncate(at(HELLO), -1));
    FAILS(EROFS, chmod(at(HELLO), 0600));
    FAILS(EROFS, lchmod(at(HELLO), 0600));
    FAILS(EROFS, fchmodat(inside, "hello.txt", 0600, 0));
    FAILS(EROFS, chown(at(HELLO), 1, 1));
    FAILS(EROFS, lchown(at(HELLO), 1, 1));
    FAILS(EROFS, fchownat(inside, "hello.txt", 1, 1, 0));
    FAILS(EROFS, utime(at(HELLO), NULL));
    FAILS(EROFS, utime(at(HELLO), &old));
    FAILS(EROFS, utimes(at(HELLO), times));
    FAILS(EINVAL, utimes(at(HELLO), wrong));
    FAILS(EROFS, lutimes(at(HELLO), times));
    FAILS(EROFS, futimesat(inside, "hello.txt", times));
    FAILS(EROFS, utimensat(inside, "hello.txt", NULL, 0));
    FAILS(EROFS, setxattr(at(HELLO), "user.x", "x", 1, 0));
    FAILS(EROFS, lsetxattr(at(HELLO), "user.x", "x", 1, 0));
    FAILS(EROFS, removexattr(at(HELLO), "user.x"));
    FAILS(EROFS, lremovexattr(at(HELLO), "user.x"));
    FAILS(ENOENT, chmod(at(MISSING), 0600));
    FAILS(ENOENT, utime(at(MISSING), NULL));
    CHECK(utimes(at("plain.txt"), times) == 0 && utime(at("plain.txt"), &old) == 0);
    CHECK(lutimes(at("plain.txt"), NULL) == 0 && chmod(at("plain.txt"), 0644) == 0);
    close(inside);
}

/* --- directories --------------------------------------------------------------------------- */

static int
count_entries(DIR *stream)
{
    int count = 0;
    while (stream != NULL && readdir(stream) != NULL) {
        count++;
    }
    return stream != NULL ? count : -1;
}

static bool
lists_data(DIR *stream)
{
    static const char *const names[] = {".",         "..",  "big.bin", "empty.bin",
                                        "hello.txt", "sub", NULL};
    bool same = stream != NULL;
    for (int i = 0; same && names[i] != NULL; i++) {
        const struct dirent *entry = readdir(stream);
        same = entry != NULL && !strcmp(entry->d_name, names[i]) &&
               entry->d_type == (strchr(names[i] + 1, '.') && names[i][1] != '.' ? DT_REG : DT_DIR);
    }
    return same && readdir(stream) == NULL;
}

static void
test_directories(void)
{
    struct stat status, other;
    struct dirent entry, *result;
    DIR *stream = opendir(at("app/lib/data"));
    CHECK(lists_data(stream));
    rewinddir(stream);
    CHECK(telldir(stream) == 0 && lists_data(stream));
    rewinddir(stream);
    readdir(stream);
    readdir(stream);
    long third = telldir(stream);
    readdir64(stream);
    seekdir(stream, third);
    CHECK(readdir_r(stream, &entry, &result) == 0 && result == &entry);
    CHECK(!strcmp(entry.d_name, "big.bin"));
    CHECK(fstat(dirfd(stream), &status) == 0 && S_ISDIR(status.st_mode));
    CHECK(fstatat(dirfd(stream), "big.bin", &status, 0) == 0 && status.st_ino == entry.d_ino);
    CHECK(closedir(stream) == 0);
    int inside = open(at("app/lib/data"), O_RDONLY | O_DIRECTORY);
    stream = fdopendir(dup(inside));
    CHECK(lists_data(stream) && closedir(stream) == 0);
    CHECK(fstat(inside, &status) == 0 && stat(at("app/lib/data"), &other) == 0);
    CHECK(status.st_ino == other.st_ino && status.st_dev == other.st_dev);
    close(inside);
    stream = opendir(at("app/lib/empty"));
    CHECK(count_entries(stream) == 2 && closedir(stream) == 0);
    stream = opendir(at("app/many"));
    CHECK(count_entries(stream) == 302 && closedir(stream) == 0);
    stream = opendir(at("app/.."));
    CHECK(count_entries(stream) >= 4 && closedir(stream) == 0);
    stream = opendir(folder);
    CHECK(count_entries(stream) >= 4);
    rewinddir(stream);
    seekdir(stream, telldir(stream));
    CHECK(dirfd(stream) >= 0 && readdir_r(stream, &entry, &result) == 0 && closedir(stream) == 0);
    REFUSES(ENOENT, opendir(at(MISSING)));
    REFUSES(ENOTDIR, opendir(at(HELLO)));
    REFUSES(EBADF, fdopendir(-1));
    inside = open(at("app/lib"), O_PATH);
    REFUSES(EBADF, fdopendir(inside));
    CHECK(fstatat(inside, "data/hello.txt", &status, 0) == 0 && fchdir(inside) == 0);
    CHECK(chdir("/") == 0);
    close(inside);
    inside = open(at(HELLO), O_RDONLY);
    REFUSES(ENOTDIR, fdopendir(inside));
    close(inside);
}

static int
is_file(const struct dirent *entry)
{
    return entry->d_type == DT_REG;
}

static int
backwards(const struct dirent **a, const struct dirent **b)
{
    return -alphasort(a, b);
}

static void
free_list(struct dirent **entries, int count)
{
    for (int i = 0; i < count; i++) {
        free(entries[i]);
    }
    free(entries);
}

static void
test_scandir(void)
{
    struct dirent **entries = NULL;
    CHECK(scandir(at("app/lib/data"), &entries, is_file, backwards) == 3);
    CHECK(entries != NULL && !strcmp(entries[0]->d_name, "hello.txt"));
    free_list(entries, 3);
    int inside = open(at("app/lib"), O_RDONLY);
    CHECK(scandirat(inside, "data", &entries, NULL, alphasort) == 6);
    free_list(entries, 6);
    FAILS(ENOENT, scandir(at(MISSING), &entries, NULL, NULL));
    FAILS(ENOTDIR, scandirat(inside, "data/hello.txt", &entries, NULL, NULL));
    close(inside);
}

static void
test_glob(void)
{
    glob_t found;
    CHECK(glob(at("app/lib/*/*.t?t"), 0, NULL, &found) == 0 && found.gl_pathc == 1 &&
          !strcmp(found.gl_pathv[0], at(HELLO)));
    globfree(&found);
    CHECK(glob(at("app/none/*"), 0, NULL, &found) == GLOB_NOMATCH);
    globfree(&found);
    CHECK(glob(at("pl*n.txt"), 0, NULL, &found) == 0 && found.gl_pathc == 1);
    globfree(&found);
}

static void
test_system_call(void)
{
#ifndef OXIDIZE_STATIC /* musl calls it getdents, and nothing that is linked in does */
    struct dirent entries[100];
    int inside = open(at("app/many"), O_RDONLY);
    ssize_t size, whole = 0;
    while ((size = getdents64(inside, entries, sizeof entries)) > 0) {
        whole += size;
    }
    CHECK(size == 0 && whole == 302 * (ssize_t)sizeof *entries);
    CHECK(lseek(inside, 0, SEEK_SET) == 0);
    FAILS(EINVAL, getdents64(inside, entries, 8));
    close(inside);
    inside = open(at(HELLO), O_RDONLY);
    FAILS(ENOTDIR, getdents64(inside, entries, sizeof entries));
    close(inside);
#endif
}

/* --- the current directory ----------------------------------------------------------------- */

static bool
is_in(const char *expected)
{
    char path[PATH_MAX];
    return getcwd(path, sizeof path) != NULL && !strcmp(path, expected);
}

static void
test_working_directory(void)
{
    char real[PATH_MAX], inside[PATH_MAX + 16], path[PATH_MAX];
    struct stat status;
    CHECK(realpath(folder, real) != NULL);
    snprintf(inside, sizeof inside, "%s/app/lib/data", real);
    CHECK(chdir(at("app/lib/data")) == 0 && is_in(inside));
    CHECK(reads(open("hello.txt", O_RDONLY), HELLO_TEXT));
    CHECK(reads(openat(AT_FDCWD, "../data/hello.txt", O_RDONLY), HELLO_TEXT));
    CHECK(reads(open("../../../plain.txt", O_RDONLY), "plain\n"));
    CHECK(stream_reads(fopen("./hello.txt", "r"), HELLO_TEXT));
    CHECK(stat(".", &status) == 0 && S_ISDIR(status.st_mode));
    CHECK(access("plain.txt", F_OK) == -1);
    CHECK(realpath("sub/..", path) != NULL && !strcmp(path, inside));
    FAILS(ENOENT, stat("", &status));
    FAILS(EROFS, mkdir("new", 0700));
    DIR *stream = opendir(".");
    CHECK(lists_data(stream) && closedir(stream) == 0);
    char *own = get_current_dir_name();
    CHECK(own != NULL && !strcmp(own, inside));
    free(own);
    own = getcwd(NULL, 0);
    CHECK(own != NULL && !strcmp(own, inside));
    free(own);
    REFUSES(ERANGE, getcwd(path, 4));
    REFUSES(EINVAL, getcwd(path, 0));
    CHECK(__getcwd_chk(path, sizeof path, sizeof path) && !strcmp(path, inside));
    CHECK(__getwd_chk(path, sizeof path) && !strcmp(path, inside));
    FAILS(ENOENT, chdir("missing"));
    FAILS(ENOTDIR, chdir("hello.txt"));
    CHECK(is_in(inside));
    CHECK(chdir("sub") == 0 && chdir("..") == 0 && is_in(inside));
    int here = open(".", O_RDONLY | O_DIRECTORY);
    CHECK(chdir("../../..") == 0 && is_in(real));
    CHECK(fchdir(here) == 0 && is_in(inside));
    close(here);
    here = open("/", O_RDONLY | O_DIRECTORY);
    CHECK(fchdir(here) == 0 && is_in("/"));
    close(here);
    own = get_current_dir_name();
    CHECK(own != NULL && !strcmp(own, "/"));
    free(own);
}

static int
status_of(pid_t child)
{
    int status = -1;
    return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
test_children(void)
{
    char inside[PATH_MAX], outside[PATH_MAX];
    CHECK(chdir(at("app/lib/data")) == 0 && getcwd(inside, sizeof inside) != NULL);
    pid_t child = fork();
    if (child == 0) {
        _exit(is_in(inside) && chdir("/") == 0 && is_in("/") ? 0 : 1);
    }
    CHECK(status_of(child) == 0 && is_in(inside));
    snprintf(outside, sizeof outside, "%s", folder);
    child = vfork();
    if (child == 0) { /* as subprocess does: its memory is ours */
        _exit(chdir("sub") == -1 && errno == ENOTDIR && chdir(outside) == 0 &&
                      access("plain.txt", F_OK) == 0
                  ? 0
                  : 1);
    }
    CHECK(status_of(child) == 0 && is_in(inside) && access("hello.txt", F_OK) == 0);
    CHECK(chdir("/") == 0);
}

/* A child made by vfork goes to the folder, and still sees it after the others have gone there. */
static void *
start_children(void *all)
{
    const char *outside = at("");
    for (int i = 0; i < 20; i++) {
        pid_t child = vfork();
        if (child == 0) {
            int failed = chdir(outside);
            usleep(1000);
            _exit(failed || access("plain.txt", F_OK) != 0);
        }
        CHECK(status_of(child) == 0);
    }
    return all;
}

static void
test_many_children(void)
{
    pthread_t threads[4];
    CHECK(chdir(at("app/lib/data")) == 0);
    for (int i = 0; i < 4; i++) {
        CHECK(pthread_create(&threads[i], NULL, start_children, NULL) == 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    CHECK(access("hello.txt", F_OK) == 0 && chdir("/") == 0);
}

/* --- what is read in the place of something missing ---------------------------------------- */

static void
test_fallbacks(void)
{
    struct stat status;
    const char *const packed = "/nonexistent/packed/hello.txt", *const host = "/nonexistent/host";
    CHECK(reads(open(packed, O_RDONLY), HELLO_TEXT));
    CHECK(stream_reads(fopen(packed, "r"), HELLO_TEXT));
    CHECK(stream_reads(freopen(packed, "r", fopen("/dev/null", "r")), HELLO_TEXT));
    IS_HELLO(stat(packed, &status));
    CHECK(access(host, R_OK) == 0 && closed(open(host, O_RDONLY)) == 0);
    FAILS(ENOENT, open(host, O_WRONLY));
    FAILS(ENOENT, open(host, O_RDONLY | O_CREAT, 0600));
    REFUSES(ENOENT, fopen(host, "r+"));
    FAILS(ENOENT, unlink(host));
    FAILS(ENOENT, chmod(host, 0600));
    FAILS(ENOENT, unlink(packed));
    FAILS(ENOENT, mkdir("/nonexistent/packed/new", 0700));
    FAILS(ENOENT, stat("/nonexistent/packed/none", &status));
    FAILS(ENOENT, stat("/nonexistent/pack", &status));
}

/* --- many at once -------------------------------------------------------------------------- */

static void *
work(void *rounds)
{
    struct stat status;
    for (long i = 0; i < *(long *)rounds; i++) {
        CHECK(reads(open(at(HELLO), O_RDONLY), HELLO_TEXT));
        CHECK(reads(open(at("link/lib/data/hello.txt"), O_RDONLY), HELLO_TEXT));
        CHECK(stream_reads(fopen(at(HELLO), "r"), HELLO_TEXT));
        CHECK(stat(at("app/lib/data/sub"), &status) == 0 && S_ISDIR(status.st_mode));
        FAILS(ENOENT, stat(at(MISSING), &status));
        DIR *stream = opendir(at("app/lib/data"));
        CHECK(lists_data(stream));
        CHECK(fstat(dirfd(stream), &status) == 0 && S_ISDIR(status.st_mode));
        CHECK(closedir(stream) == 0);
        stream = opendir(folder);
        CHECK(count_entries(stream) >= 4 && closedir(stream) == 0);
        struct dirent **entries = NULL;
        CHECK(scandir(at("app/lib/data"), &entries, NULL, alphasort) == 6);
        free_list(entries, 6);
        char *path = realpath(at("link/lib/data"), NULL);
        CHECK(path != NULL);
        free(path);
        FAILS(EROFS, unlink(at(HELLO)));
    }
    return NULL;
}

static void
test_threads(void)
{
    pthread_t threads[8];
    long rounds = 100;
    for (int i = 0; i < 8; i++) {
        CHECK(pthread_create(&threads[i], NULL, work, &rounds) == 0);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
    }
}

/* --- the program --------------------------------------------------------------------------- */

/* Read the image into memory of exactly its size. */
static struct cursor
read_image(const char *path)
{
    struct stat status;
    int file = open(path, O_RDONLY);
    if (file < 0 || fstat(file, &status) != 0) {
        perror(path);
        exit(2);
    }
    size_t size = (size_t)status.st_size;
    unsigned char *data = malloc(size);
    if (data == NULL || read(file, data, size) != (ssize_t)size) {
        perror(path);
        exit(2);
    }
    close(file);
    return (struct cursor){data, size};
}

int
main(int argc, char **argv)
{
    struct image image;
    char executable[PATH_MAX];
    if (argc != 4) {
        fputs("usage: test_files calls|threads IMAGE FOLDER\n", stderr);
        return 2;
    }
    struct cursor file = read_image(argv[2]);
    struct status status = image_open(file, &image);
    if (status_failed(status)) {
        status_die(status);
    }
    snprintf(folder, sizeof folder, "%s", argv[3]);
    snprintf(executable, sizeof executable, "%s", at("app"));
    tree_setup(&image, executable);
    status = fallbacks_setup(&image);
    if (status_failed(status)) {
        status_die(status);
    }
    if (strcmp(argv[1], "threads") == 0) {
        test_threads();
    } else {
        void (*const tests[])(void) = {
            test_open,        test_long_names,    test_spellings,
            test_descriptors, test_strangers,     test_other_images,
            test_content,     test_streams,       test_stat,
            test_statx,       test_access,        test_links,
            test_file_system, test_creation,      test_removal,
            test_changes,     test_directories,   test_scandir,
            test_glob,        test_system_call,   test_working_directory,
            test_children,    test_many_children, test_fallbacks,
        };
        for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
            tests[i]();
        }
    }
    free((void *)file.data);
    return faults != 0;
}
