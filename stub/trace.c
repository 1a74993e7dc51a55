/* Events are lines of text in files that are mapped: they cost no system call each, outlive a crash
   and a hasty exit, and no descriptor stays open that the application could close. Room in a file
   is taken by one atomic addition, so that threads and signal handlers need not wait. */
#define _GNU_SOURCE
#include "trace.h"

#include <errno.h>       /* EEXIST */
#include <fcntl.h>       /* O_CREAT, posix_fallocate */
#include <limits.h>      /* PATH_MAX */
#include <pthread.h>     /* pthread_atfork */
#include <stdatomic.h>   /* atomic_fetch_add */
#include <stdio.h>       /* snprintf */
#include <stdlib.h>      /* calloc */
#include <string.h>      /* memcpy */
#include <sys/mman.h>    /* mmap */
#include <sys/stat.h>    /* S_ISDIR */
#include <sys/syscall.h> /* SYS_openat */
#include <time.h>        /* clock_gettime */
#include <unistd.h>      /* getpid */

#include "tree.h"

/* Its blocks are allocated at once: a full disk must not end the process by SIGBUS. */
#define CHUNK_SIZE ((size_t)256 * 1024)
#define LONGEST_LINE (PATH_MAX + 100)

bool trace_is_on;

struct chunk {
    char *bytes;
    _Atomic(size_t) used;
};

static char directory[PATH_MAX];
static _Atomic(struct chunk *) current;
static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;
static unsigned next_number;
static const char *origin = "start"; /* of the process, for the first line of a file */

/* A bit for each node: whether it has been told. */
static _Atomic(unsigned char) *told;

uint64_t
trace_time(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* --- files --------------------------------------------------------------------------------- */

/* Open a file of a name that this process alone uses: -1 if that cannot be. */
static int
open_file(void)
{
    char path[PATH_MAX + 32];
    int descriptor;
    do {
        snprintf(path, sizeof path, "%s/%ld-%u", directory, (long)getpid(), next_number++);
        descriptor =
            (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    } while (descriptor < 0 && errno == EEXIST);
    return descriptor;
}

static struct chunk *
make_chunk(void)
{
    struct chunk *chunk = calloc(1, sizeof *chunk);
    int descriptor = chunk != NULL ? open_file() : -1;
    void *bytes = MAP_FAILED;
    if (descriptor >= 0 && posix_fallocate(descriptor, 0, CHUNK_SIZE) == 0) {
        bytes = mmap(NULL, CHUNK_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    }
    if (descriptor >= 0) {
        close(descriptor);
    }
    if (bytes == MAP_FAILED) {
        free(chunk);
        return NULL;
    }
    chunk->bytes = bytes;
    chunk->used = (size_t)snprintf(chunk->bytes, CHUNK_SIZE, "P %ld %s\n", (long)getpid(), origin);
    origin = "more";
    return chunk;
}

/* Return the chunk that follows `old`, which others may still write to: it stays mapped. */
static struct chunk *
next_chunk(struct chunk *old)
{
    pthread_mutex_lock(&making);
    struct chunk *chunk = atomic_load(&current);
    if (chunk == old && trace_is_on) {
        chunk = make_chunk();
        trace_is_on = chunk != NULL; /* no more room: there will not be any later either */
        atomic_store(&current, chunk);
    }
    pthread_mutex_unlock(&making);
    return chunk;
}

static void
append(const char *line, size_t size)
{
    struct chunk *chunk = atomic_load(&current);
    for (;;) {
        size_t at = chunk != NULL ? atomic_fetch_add(&chunk->used, size) : CHUNK_SIZE;
        if (at + size <= CHUNK_SIZE) {
            memcpy(chunk->bytes + at, line, size);
            return;
        }
        struct chunk *next = next_chunk(chunk);
        if (next == NULL) {
            return;
        }
        chunk = next;
    }
}

/* The child's events go to files of its own. What its parent has told need not be told again. */
static void
renew_in_child(void)
{
    atomic_store(&current, NULL);
    making = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    next_number = 0;
    origin = "fork";
}

void
trace_setup(const char *executable)
{
    struct stat status;
    int size = snprintf(directory, sizeof directory, "%s" IMAGE_TRACE_SUFFIX, executable);
    if (size >= (int)sizeof directory || tree_system_stat(AT_FDCWD, directory, &status, 0) < 0 ||
        !S_ISDIR(status.st_mode)) {
        return;
    }
    told = calloc(image_node_count(tree_image()) / 8 + 1, 1);
    pthread_atfork(NULL, NULL, renew_in_child);
    trace_is_on = told != NULL;
}

/* --- events -------------------------------------------------------------------------------- */

/* A number for each thread of the process. */
static unsigned
thread_number(void)
{
    static _Atomic(unsigned) last;
    static _Thread_local unsigned own;
    if (own == 0) {
        own = ++last;
    }
    return own;
}

static bool
is_name(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ') {
            return false;
        }
    }
    return true;
}

/* The file layer's functions come through here: they set errno, and leave it alone. */
void
trace_event(char letter, uint64_t from, uint64_t to, const char *text)
{
    int saved = errno;
    char line[LONGEST_LINE];
    int size = snprintf(line, sizeof line, "%c %u %llu %llu %s\n", letter, thread_number(),
                        (unsigned long long)from, (unsigned long long)to, text);
    if (trace_is_on && size < (int)sizeof line && is_name(text)) {
        append(line, (size_t)size);
    }
    errno = saved;
}

static void
tell_node(char letter, uint32_t node)
{
    char path[PATH_MAX];
    unsigned char bit = (unsigned char)(1u << node % 8);
    if (!(atomic_fetch_or(&told[node / 8], bit) & bit) &&
        !status_failed(image_path(tree_image(), node, path, sizeof path))) {
        uint64_t now = trace_time();
        trace_event(letter, now, now, path);
    }
}

void
trace_tell_file(uint32_t node)
{
    tell_node('F', node);
}

void
trace_tell_library(uint32_t node)
{
    /* Its path has been told when it was asked for, as a file's. */
    atomic_fetch_and(&told[node / 8], (unsigned char)~(1u << node % 8));
    tell_node('L', node);
    trace_tell_file(node);
}
