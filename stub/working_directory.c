/* The current directory, when that is in the tree. The kernel knows nothing of it: this process
   sees itself there, and relative paths lead there, but the programs that it starts begin in the
   directory that holds the executable. See files.c. */
#define _GNU_SOURCE
#include <fcntl.h>       /* AT_FDCWD */
#include <stdlib.h>      /* malloc */
#include <sys/syscall.h> /* SYS_chdir */
#include <unistd.h>      /* chdir */

#include "interpose.h"
#include "tree.h"

static int
leave_if(int failed)
{
    if (!failed) {
        tree_leave();
    }
    return failed;
}

static int
enter(const struct place *place)
{
    if (place->error != 0 || place->node.kind != IMAGE_NODE_KIND_DIRECTORY) {
        return fail(place->error ? place->error : ENOTDIR);
    }
    return tree_enter(place);
}

EXPORT int
INTERPOSED(chdir)(const char *path)
{
    SERVE_AT(AT_FDCWD, path, leave_if((int)syscall(SYS_chdir, path)),
             leave_if((int)syscall(SYS_chdir, place.outside)), enter(&place));
}

EXPORT int
INTERPOSED(fchdir)(int descriptor)
{
    struct place place;
    int failed = leave_if((int)syscall(SYS_fchdir, descriptor));
    if (failed && errno == ENOTDIR && tree_place_of_descriptor(descriptor, &place)) {
        return enter(&place);
    }
    return failed;
}

/* As the system's function does: into `buffer`, or into memory of that size or of the size needed
   if there is none. */
static char *
give(const char *path, char *buffer, size_t capacity)
{
    size_t size = strlen(path) + 1;
    if (buffer != NULL ? capacity < size : capacity != 0 && capacity < size) {
        errno = buffer != NULL && capacity == 0 ? EINVAL : ERANGE;
        return NULL;
    }
    if (buffer == NULL) {
        buffer = malloc(capacity ? capacity : size);
    }
    return buffer != NULL ? strcpy(buffer, path) : NULL;
}

EXPORT char *
INTERPOSED(getcwd)(char *buffer, size_t capacity)
{
    typedef char *function(char *, size_t);
    NEXT(function, getcwd)
    char path[PATH_MAX];
    uint32_t index;
    if (!tree_working_directory(&index)) {
        return next(buffer, capacity);
    }
    if (!tree_real_path(index, path, sizeof path)) {
        errno = ENAMETOOLONG;
        return NULL;
    }
    return give(path, buffer, capacity);
}

EXPORT char *
INTERPOSED(getwd)(char *buffer)
{
    return getcwd(buffer, PATH_MAX);
}

EXPORT char *
INTERPOSED(get_current_dir_name)(void)
{
    typedef char *function(void);
    NEXT(function, get_current_dir_name)
    uint32_t index;
    return tree_working_directory(&index) ? getcwd(NULL, 0) : next();
}

EXPORT char *
INTERPOSED(__getcwd_chk)(char *buffer, size_t capacity, size_t available)
{
    return getcwd(buffer, capacity < available ? capacity : available);
}

EXPORT char *
INTERPOSED(__getwd_chk)(char *buffer, size_t available)
{
    return getcwd(buffer, PATH_MAX < available ? PATH_MAX : available);
}
