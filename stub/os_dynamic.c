/* Loading shared libraries, in a dynamic executable. */
#define _GNU_SOURCE
#include <dlfcn.h>   /* dlsym, RTLD_NEXT */
#include <errno.h>   /* errno */
#include <fcntl.h>   /* O_CLOEXEC */
#include <limits.h>  /* PATH_MAX */
#include <pthread.h> /* pthread_mutex_t */
#include <stdio.h>   /* snprintf */
#include <stdlib.h>  /* mkostemp, getenv, calloc */
#include <unistd.h>  /* access */

#include "carrier.h"
#include "os.h"
#include "os_linux.h"

/* The loader has run them. */
void
os_run_constructors(bool variables_are_saved)
{
    (void)variables_are_saved;
}

static pthread_mutex_t library_mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

static void
lock_before_fork(void)
{
    pthread_mutex_lock(&library_mutex);
}

/* The child's only thread has another number than the one that locked it. */
static void
renew_in_child(void)
{
    library_mutex = (pthread_mutex_t)PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
}

/* A fork waits for a library that another thread is loading: its child would find it half loaded
   for ever. */
static void
prepare_for_forks(void)
{
    pthread_atfork(lock_before_fork, os_unlock_libraries, renew_in_child);
}

void
os_lock_libraries(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, prepare_for_forks);
    pthread_mutex_lock(&library_mutex);
}

void
os_unlock_libraries(void)
{
    pthread_mutex_unlock(&library_mutex);
}

static void *(*next_dlopen)(const char *, int);
static char *(*next_dlerror)(void);

/* Both at once: dlsym forgets the error that dlerror is to tell. */
static void
find_next_definitions(void)
{
    *(void **)&next_dlopen = dlsym(RTLD_NEXT, "dlopen");
    *(void **)&next_dlerror = dlsym(RTLD_NEXT, "dlerror");
}

void *
os_dlopen(const char *path, int flags)
{
    if (next_dlopen == NULL) {
        find_next_definitions();
    }
    /* Compiled to a jump: the loader looks at its caller's address to find the run path that
       applies, and is to see the caller of our dlopen. */
    return next_dlopen(path, flags);
}

char *
os_dlerror(void)
{
    if (next_dlerror == NULL) {
        find_next_definitions();
    }
    return next_dlerror();
}

const char *
os_library_of(void (*code)(void))
{
    Dl_info found;
    return dladdr((void *)code, &found) != 0 ? found.dli_fname : NULL;
}

/* Enough for every serial number. */
#define SPELLING_SIZE 160

/* Spell the path of a descriptor in a way that is used once. The loader takes a second library
   of the same spelling for the first one, although the descriptor is another file by then. */
static void
spell_descriptor(char *path, size_t capacity, int descriptor, unsigned serial)
{
    int used = snprintf(path, capacity, "/proc/self");
    for (unsigned bits = serial; bits != 0; bits >>= 1) {
        used += snprintf(path + used, capacity - used, "%s", bits & 1 ? "/." : "//.");
    }
    snprintf(path + used, capacity - used, "/fd/%d", descriptor);
}

static void *
load_descriptor(int descriptor, const char *path, unsigned serial, int flags, bool *reached)
{
    char spelling[SPELLING_SIZE];
    spell_descriptor(spelling, sizeof spelling, descriptor, serial);
    *reached = access(spelling, F_OK) == 0;
    struct linux_file file = {.path = path, .descriptor = descriptor, .size = UINT64_MAX};
    return *reached ? os_dlopen(spelling, flags) : linux_dlopen_as(&file, 1, flags, reached);
}

/* Where neither memory files nor /proc serve: a file that loses its name at once. */
static void *
load_temporary_file(const struct stored *content, int flags, bool *reached)
{
    const char *const directories[] = {getenv("TMPDIR"), "/dev/shm", "/tmp", "/var/tmp"};
    *reached = false;
    for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
        char path[PATH_MAX];
        if (directories[i] == NULL ||
            snprintf(path, sizeof path, "%s/oxidize-XXXXXX", directories[i]) >= (int)sizeof path) {
            continue;
        }
        int descriptor = mkostemp(path, O_CLOEXEC);
        if (descriptor < 0) {
            continue;
        }
        void *handle = NULL;
        if (linux_fill(descriptor, content)) {
            *reached = true;
            handle = os_dlopen(path, flags);
        }
        unlink(path);
        close(descriptor);
        if (handle != NULL) {
            return handle;
        }
    }
    return NULL;
}

/* Say why no memory file could be made or loaded, nor a temporary one. */
static const char *
refusal(int error)
{
    switch (error) {
    case EFBIG:
        return "cannot load a shared library: files may not be as large as it is (ulimit -f)";
    case EMFILE:
    case ENFILE:
        return "cannot load a shared library: too many open files (ulimit -n)";
    case ENOMEM:
        return "cannot load a shared library: out of memory";
    default:
        return "cannot load a shared library: this system refuses executable memory files (or has "
               "no /proc), and no temporary directory can be written to";
    }
}

void *
os_load_library(const struct stored *content, const char *path, unsigned serial, int flags,
                const char **reason)
{
    bool reached;
    *reason = NULL;
    void *handle = linux_load_mapped(content, path, serial, flags, &reached);
    if (reached) {
        return handle;
    }
    status_die_if_failed(image_check_content(content));
    int descriptor = linux_memory_file(path, content, true);
    int error = descriptor < 0 ? errno : 0;
    os_release_content(content);
    if (descriptor >= 0) {
        handle = load_descriptor(descriptor, path, serial, flags, &reached);
        close(descriptor);
    }
    if (!reached) {
        handle = load_temporary_file(content, flags, &reached);
    }
    if (!reached) {
        *reason = refusal(error);
    }
    return handle;
}

/* Where the loader finds the files of a circle: the carrier first, then its members. */
struct circle {
    struct linux_file *files;
    char (*spellings)[SPELLING_SIZE];
    size_t count;
    bool has_proc;
};

/* Make the memory file of position `i`. With /proc it can be found by its descriptor. */
static bool
add_to_circle(struct circle *circle, size_t i, const struct stored *content, const char *path,
              unsigned serial)
{
    struct linux_file *file = &circle->files[i];
    int descriptor = linux_memory_file(path, content, true);
    *file = (struct linux_file){.path = path, .descriptor = descriptor, .size = UINT64_MAX};
    if (file->descriptor < 0) {
        return false;
    }
    spell_descriptor(circle->spellings[i], SPELLING_SIZE, file->descriptor, serial);
    if (i == 1) {
        circle->has_proc = access(circle->spellings[i], F_OK) == 0;
    }
    if (circle->has_proc) {
        file->path = circle->spellings[i];
    }
    return true;
}

/* Make the file that needs all members. */
static bool
add_carrier(struct circle *circle, unsigned serial)
{
    const char **names = calloc(circle->count, sizeof *names);
    unsigned char *bytes = NULL;
    size_t size;
    if (names != NULL) {
        for (size_t i = 1; i < circle->count; i++) {
            names[i - 1] = circle->files[i].path;
        }
        bytes = carrier_make(names, circle->count - 1, &size);
    }
    struct stored carrier = stored_plainly((struct cursor){bytes, bytes != NULL ? size : 0});
    bool made = bytes != NULL && add_to_circle(circle, 0, &carrier, "/circle", serial);
    free(bytes);
    free(names);
    return made;
}

static bool
open_circle(struct circle *circle, struct os_library *members, int flags)
{
    bool reached = true;
    void *handle = circle->has_proc
                       ? os_dlopen(circle->files[0].path, flags)
                       : linux_dlopen_as(circle->files, circle->count, flags, &reached);
    for (size_t i = 1; handle != NULL && i < circle->count; i++) {
        members[i - 1].handle = os_dlopen(circle->files[i].path, flags | RTLD_NOLOAD);
    }
    return reached;
}

void
os_load_circle(struct os_library *members, size_t count, unsigned serial, int flags,
               const char **reason)
{
    struct circle circle = {.files = calloc(count + 1, sizeof *circle.files),
                            .spellings = calloc(count + 1, sizeof *circle.spellings),
                            .count = count + 1};
    bool ready = circle.files != NULL && circle.spellings != NULL;
    for (size_t i = 0; ready && i < count; i++) {
        const struct os_library *member = &members[i];
        status_die_if_failed(image_check_content(&member->content));
        ready = add_to_circle(&circle, i + 1, &member->content, member->path, member->serial);
    }
    ready = ready && add_carrier(&circle, serial) && open_circle(&circle, members, flags);
    *reason = ready ? NULL : refusal(errno);
    for (size_t i = 0; circle.files != NULL && i <= count; i++) {
        if (circle.files[i].path != NULL && circle.files[i].descriptor >= 0) {
            close(circle.files[i].descriptor);
        }
    }
    free(circle.spellings);
    free(circle.files);
}
