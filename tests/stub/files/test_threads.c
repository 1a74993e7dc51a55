/* Many threads at once. */
#define _GNU_SOURCE
#include <pthread.h>

#include "check.h"
#include "tests.h"

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

void
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
