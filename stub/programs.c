/* The functions of libc that start programs. Three things can lead into the tree:

   - sys.executable: this executable is started as an interpreter, by the marked spelling of its
     own path. It is understood by the kernel and so by every program, and put into arguments for
     other programs: respelling.c.
   - a packed program: it is started from a memory file.
   - a packed script that names python in its first line: the interpreter is started with it.

   A child made by vfork shares this process's memory: nothing is allocated between the call and
   the exec but what the stack holds. */
#define _GNU_SOURCE
#include "programs.h"

#include <fcntl.h>       /* AT_FDCWD */
#include <limits.h>      /* PATH_MAX */
#include <spawn.h>       /* posix_spawn */
#include <stdio.h>       /* snprintf */
#include <stdlib.h>      /* malloc */
#include <string.h>      /* memmem */
#include <sys/syscall.h> /* SYS_execve */
#include <unistd.h>      /* environ */

#include "interpose.h"
#include "os_linux.h"
#include "respelling.h"
#include "tree.h"

/* --- the mark ------------------------------------------------------------------------------ */

bool
programs_take_mark(const char *invoked, char *path, size_t capacity)
{
    const char *slash = strrchr(invoked, '/');
    const size_t before = sizeof PROGRAMS_MARK - 2; /* all of the mark but its last slash */
    if (slash == NULL || (size_t)(slash - invoked) < before ||
        memcmp(slash - before, PROGRAMS_MARK, before) != 0) {
        return false;
    }
    int directory = (int)(slash - before - invoked);
    return (size_t)snprintf(path, capacity, "%.*s%s", directory, invoked, slash) < capacity;
}

const char *
programs_marked_path(char *path, size_t capacity)
{
    const char *slash = strrchr(tree_root(), '/');
    snprintf(path, capacity, "%.*s" PROGRAMS_MARK "%s", (int)(slash - tree_root()), tree_root(),
             slash + 1);
    return path;
}

/* --- what a path starts -------------------------------------------------------------------- */

enum kind { INTERPRETER, SCRIPT, PACKED, FAILED };

static bool
is_interpreter(const struct place *place)
{
    bool present;
    uint32_t index;
    struct status status =
        image_find_path(tree_image(), text_of(PROGRAMS_INTERPRETER), &present, &index);
    return place->error == 0 && !status_failed(status) && present && place->index == index;
}

static bool
is_script(struct cursor content)
{
    return content.size > 2 && memcmp(content.data, "#!", 2) == 0;
}

/* Whether the first line names python. */
static bool
is_python_script(struct cursor content)
{
    const unsigned char *end = memchr(content.data, '\n', content.size);
    size_t size = end ? (size_t)(end - content.data) : content.size;
    return is_script(content) && memmem(content.data, size, "python", 6);
}

static enum kind
kind_of(const struct place *place, struct stored *content)
{
    int error = place->error;
    if (is_interpreter(place)) {
        return INTERPRETER;
    }
    if (error == 0 && !(place->node.flags & IMAGE_NODE_FLAG_EXECUTABLE)) {
        error = EACCES;
    }
    if (error == 0 && status_failed(image_content(tree_image(), &place->node, content))) {
        error = EIO;
    }
    if (error != 0) {
        errno = error;
        return FAILED;
    }
    return is_python_script(content->bytes) ? SCRIPT : PACKED;
}

/* A script can only be read by its interpreter, so it stays open; a program need not. (What is
   compressed is no script.) */
static int
program_file(const char *path, const struct stored *content)
{
    int descriptor = linux_memory_file(path, content, true);
    if (descriptor >= 0 && is_script(content->bytes)) {
        fcntl(descriptor, F_SETFD, 0);
    }
    return descriptor;
}

/* --- exec ---------------------------------------------------------------------------------- */

typedef int exec_function(const char *, char *const *, char *const *);

static int
exec_system(const char *path, char *const *arguments, char *const *environment)
{
    return (int)syscall(SYS_execve, path, arguments, environment);
}

/* Start a program outside the tree by `exec`. */
static int
exec_by(exec_function *exec, const char *path, char *const *arguments, char *const *environment)
{
    if (!respelling_applies(arguments)) {
        return exec(path, arguments, environment);
    }
    char memory[respelled_size(arguments)] __attribute__((aligned(sizeof(char *))));
    return exec(path, respell(arguments, memory), environment);
}

static int
exec_other(const char *path, char *const *arguments, char *const *environment)
{
    return exec_by(exec_system, path, arguments, environment);
}

/* Start the interpreter with `script`, if there is one, before the other arguments. */
static int
exec_interpreter(const char *script, char *const *arguments, char *const *environment)
{
    char marked[PATH_MAX + sizeof PROGRAMS_MARK];
    programs_marked_path(marked, sizeof marked);
    if (script == NULL) {
        return exec_system(marked, arguments, environment);
    }
    size_t count = 0;
    while (arguments[count] != NULL) {
        count++;
    }
    const char *more[count + 3];
    more[0] = marked;
    more[1] = script;
    for (size_t i = 1; i <= count; i++) {
        more[i + 1] = arguments[i];
    }
    more[count ? count + 1 : 2] = NULL;
    return exec_system(marked, (char *const *)more, environment);
}

static int
exec_packed(const char *path, const struct stored *content, char *const *arguments,
            char *const *environment)
{
    int descriptor = program_file(path, content);
    if (descriptor < 0) {
        return -1;
    }
    int result = (int)syscall(SYS_execveat, descriptor, "", arguments, environment, AT_EMPTY_PATH);
    int error = errno;
    close(descriptor);
    errno = error;
    return result;
}

static int
exec_inside(const struct place *place, char *const *arguments, char *const *environment)
{
    struct stored content;
    char path[PATH_MAX];
    if (!tree_path(place->index, path, sizeof path)) {
        return fail(ENAMETOOLONG);
    }
    switch (kind_of(place, &content)) {
    case INTERPRETER:
        return exec_interpreter(NULL, arguments, environment);
    case SCRIPT:
        return exec_interpreter(path, arguments, environment);
    case PACKED:
        return exec_packed(path, &content, arguments, environment);
    default:
        return -1;
    }
}

static __attribute__((noinline)) int
exec_any(const char *path, char *const arguments[], char *const environment[])
{
    SERVE_AT(AT_FDCWD, path, exec_other(path, arguments, environment),
             exec_other(place.outside, arguments, environment),
             exec_inside(&place, arguments, environment));
}

/* The system's posix_spawn has been called, with what it is to start. Where it calls functions that
   are interposed (musl's does), these go straight on: the child, which shares this variable, has
   a stack of a few kilobytes. */
static _Thread_local bool spawning;

EXPORT int
INTERPOSED(execve)(const char *path, char *const arguments[], char *const environment[])
{
    return spawning ? exec_system(path, arguments, environment)
                    : exec_any(path, arguments, environment);
}

EXPORT int
INTERPOSED(fexecve)(int descriptor, char *const arguments[], char *const environment[])
{
    struct place place;
    if (tree_place_of_descriptor(descriptor, &place)) {
        return exec_inside(&place, arguments, environment);
    }
    return (int)syscall(SYS_execveat, descriptor, "", arguments, environment, AT_EMPTY_PATH);
}

EXPORT int
INTERPOSED(execv)(const char *path, char *const arguments[])
{
    return execve(path, arguments, environ);
}

EXPORT int
INTERPOSED(execvpe)(const char *file, char *const arguments[], char *const environment[])
{
    NEXT(exec_function, execvpe)
    return strchr(file, '/') ? execve(file, arguments, environment)
                             : exec_by(next, file, arguments, environment);
}

EXPORT int
INTERPOSED(execvp)(const char *file, char *const arguments[])
{
    return execvpe(file, arguments, environ);
}

/* --- posix_spawn --------------------------------------------------------------------------- */

typedef int spawn_function(pid_t *, const char *, const posix_spawn_file_actions_t *,
                           const posix_spawnattr_t *, char *const[], char *const[]);

/* What a call of posix_spawn or posix_spawnp was asked for. */
struct request {
    spawn_function *next;
    pid_t *process;
    const posix_spawn_file_actions_t *actions;
    const posix_spawnattr_t *attributes;
    char *const *environment;
};

static int
start(const struct request *request, const char *path, char *const *arguments)
{
    spawning = true;
    int error = request->next(request->process, path, request->actions, request->attributes,
                              arguments, request->environment);
    spawning = false;
    return error;
}

static int
spawn_other(const struct request *request, const char *path, char *const *arguments)
{
    if (!respelling_applies(arguments)) {
        return start(request, path, arguments);
    }
    void *memory = malloc(respelled_size(arguments));
    if (memory == NULL) {
        return ENOMEM;
    }
    int result = start(request, path, respell(arguments, memory));
    free(memory);
    return result;
}

/* Start the interpreter with `first`, a list that ends with null, before the arguments. */
static int
spawn_interpreter(const struct request *request, const char *const *first, char *const *arguments)
{
    char marked[PATH_MAX + sizeof PROGRAMS_MARK];
    size_t before = 0, count = 0, used = 0;
    while (first[before] != NULL) {
        before++;
    }
    while (arguments[count] != NULL) {
        count++;
    }
    const char **all = calloc(before + count + 2, sizeof *all);
    if (all == NULL) {
        return ENOMEM;
    }
    programs_marked_path(marked, sizeof marked);
    all[used++] = marked;
    memcpy(all + used, first, before * sizeof *all);
    used += before;
    for (size_t i = 1; i < count; i++) {
        all[used++] = arguments[i];
    }
    int result = start(request, marked, (char *const *)all);
    free(all);
    return result;
}

/* Let the child make the memory file: it is our interpreter first, and then becomes the program. A
   script's interpreter reads it by a descriptor, which the child may have been told to close. */
static int
spawn_by_interpreter(const struct request *request, const char *path, char *const *arguments)
{
    const char *const first[] = {"-Ic", "import os, sys; os.execv(sys.argv[1], sys.argv[1:])", path,
                                 NULL};
    return spawn_interpreter(request, first, arguments);
}

static int
spawn_packed(const struct request *request, const char *path, const struct stored *content,
             char *const *arguments)
{
    char name[64];
    if (is_script(content->bytes)) {
        return spawn_by_interpreter(request, path, arguments);
    }
    int descriptor = program_file(path, content);
    if (descriptor < 0) {
        return errno;
    }
    /* This process's descriptor: the child's own may be closed before it starts the program. This
       one is open until then, since posix_spawn returns after it. */
    snprintf(name, sizeof name, "/proc/%ld/fd/%d", (long)getpid(), descriptor);
    int result = access(name, X_OK) == 0 ? start(request, name, arguments)
                                         : spawn_by_interpreter(request, path, arguments);
    close(descriptor);
    return result;
}

static int
spawn_inside(const struct request *request, const struct place *place, char *const *arguments)
{
    struct stored content;
    char marked[PATH_MAX + sizeof PROGRAMS_MARK], path[PATH_MAX];
    if (!tree_path(place->index, path, sizeof path)) {
        return ENAMETOOLONG;
    }
    switch (kind_of(place, &content)) {
    case INTERPRETER:
        return start(request, programs_marked_path(marked, sizeof marked), arguments);
    case SCRIPT:
        return spawn_interpreter(request, (const char *const[]){path, NULL}, arguments);
    case PACKED:
        return spawn_packed(request, path, &content, arguments);
    default:
        return errno;
    }
}

/* The result is an error number, as that of posix_spawn. */
static int
spawn(const struct request *request, const char *path, char *const *arguments)
{
    struct place place;
    if (!tree_has_prefix(path, &place)) {
        int error = spawn_other(request, path, arguments);
        if (error != ENOTDIR || !tree_leads_inside(AT_FDCWD, path, &place)) {
            return error;
        }
    }
    return place.outside ? spawn_other(request, place.outside, arguments)
                         : spawn_inside(request, &place, arguments);
}

EXPORT int
INTERPOSED(posix_spawn)(pid_t *process, const char *path, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const arguments[],
                        char *const environment[])
{
    NEXT(spawn_function, posix_spawn)
    if (spawning) {
        return next(process, path, actions, attributes, arguments, environment);
    }
    const struct request request = {next, process, actions, attributes, environment};
    return spawn(&request, path, arguments);
}

EXPORT int
INTERPOSED(posix_spawnp)(pid_t *process, const char *file,
                         const posix_spawn_file_actions_t *actions,
                         const posix_spawnattr_t *attributes, char *const arguments[],
                         char *const environment[])
{
    NEXT(spawn_function, posix_spawnp)
    const struct request request = {next, process, actions, attributes, environment};
    /* A mere name is looked for on PATH: not where we are. */
    return strchr(file, '/') ? spawn(&request, file, arguments)
                             : spawn_other(&request, file, arguments);
}
