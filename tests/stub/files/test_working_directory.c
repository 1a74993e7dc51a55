/* The current directory may be in the tree, of children too. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/wait.h>

#include "check.h"
#include "old_names.h"
#include "tests.h"

static bool
is_in(const char *expected)
{
    char path[PATH_MAX];
    return getcwd(path, sizeof path) != NULL && !strcmp(path, expected);
}

static void
test_moving(void)
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

void
test_working_directory(void)
{
    test_moving();
    test_children();
    test_many_children();
}
