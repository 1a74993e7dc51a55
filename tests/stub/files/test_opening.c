/* How files of the tree are opened, and what can be done with the descriptors. */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/xattr.h>

#include "check.h"
#include "old_names.h"
#include "tests.h"

#define BIG (1 << 20)

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

void
test_opening(void)
{
    test_open();
    test_long_names();
    test_spellings();
    test_descriptors();
    test_strangers();
    test_other_images();
    test_content();
    test_streams();
}
