/* What the tests of the file layer have in common: a folder, as main.c describes it, and checks
   that note a fault and go on. */
#ifndef CHECK_H
#define CHECK_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tree.h"

#define HELLO "app/lib/data/hello.txt"
#define HELLO_TEXT "hello, world\n"
#define MISSING "app/lib/data/missing"

extern char folder[PATH_MAX / 4];

/* How many checks have failed. */
extern int faults;

void report(const char *file, int line, const char *text, long result, int error);

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        errno = 0;                                                                                 \
        if (!(condition)) {                                                                        \
            report(__FILE__, __LINE__, #condition, 0, errno);                                      \
        }                                                                                          \
    } while (0)

/* The call is to fail with that error. */
#define FAILS(error, call)                                                                         \
    do {                                                                                           \
        errno = 0;                                                                                 \
        long result_ = (long)(call);                                                               \
        if (result_ != -1 || errno != (error)) {                                                   \
            report(__FILE__, __LINE__, #call " is to fail with " #error, result_, errno);          \
        }                                                                                          \
    } while (0)

/* The same for calls that give a pointer. */
#define REFUSES(error, call)                                                                       \
    do {                                                                                           \
        errno = 0;                                                                                 \
        void *result_ = (void *)(call);                                                            \
        if (result_ != NULL || errno != (error)) {                                                 \
            report(__FILE__, __LINE__, #call " is to fail with " #error, result_ != NULL, errno);  \
        }                                                                                          \
    } while (0)

/* The call, which fills `status`, is to tell of HELLO. */
#define IS_HELLO(call)                                                                             \
    do {                                                                                           \
        struct stat status;                                                                        \
        memset(&status, 0xff, sizeof status);                                                      \
        CHECK((call) == 0 && status.st_size == (off_t)strlen(HELLO_TEXT) &&                        \
              status.st_mode == (S_IFREG | 0444) && status.st_nlink == 1 &&                        \
              status.st_mtim.tv_sec == TREE_TIME && status.st_mtim.tv_nsec == 0);                  \
    } while (0)

/* A path below the folder, in one of a few buffers; "app" is the root of the tree. */
const char *at(const char *path);

/* Whether what is read from the descriptor, which is closed, or from the stream is just that. */
bool reads(int descriptor, const char *expected);
bool stream_reads(FILE *stream, const char *expected);

/* Close the descriptor, if it is one; -1 otherwise. */
int closed(int descriptor);

/* How many entries are left to be read; -1 of no stream. */
int count_entries(DIR *stream);

/* Whether the entries that are left are those of app/lib/data. */
bool lists_data(DIR *stream);

/* Free what scandir has given. */
void free_list(struct dirent **entries, int count);

#endif
