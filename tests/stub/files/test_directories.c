/* Directories are listed, by whatever function. */
#define _GNU_SOURCE
#include <glob.h>

#include "check.h"
#include "old_names.h"
#include "tests.h"

static void
test_reading(void)
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

void
test_directories(void)
{
    test_reading();
    test_scandir();
    test_glob();
    test_system_call();
}
