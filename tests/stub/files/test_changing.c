/* What would change the tree is refused; beside it all goes on as ever. */
#define _GNU_SOURCE
#include <sys/time.h>
#include <sys/xattr.h>
#include <utime.h>

#include "check.h"
#include "old_names.h"
#include "tests.h"

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

void
test_changing(void)
{
    test_creation();
    test_removal();
    test_changes();
}
