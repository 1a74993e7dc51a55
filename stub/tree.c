#define _GNU_SOURCE
#include "tree.h"

#include <errno.h>       /* ENOENT */
#include <fcntl.h>       /* AT_FDCWD */
#include <pthread.h>     /* pthread_atfork */
#include <stdatomic.h>   /* _Atomic */
#include <stdio.h>       /* snprintf */
#include <stdlib.h>      /* realpath */
#include <string.h>      /* strncmp */
#include <sys/syscall.h> /* SYS_newfstatat */
#include <unistd.h>      /* syscall */

#include "trace.h"

/* As many symbolic links as the kernel follows. */
#define MOST_LINKS 40

#define NOWHERE UINT32_MAX

static struct {
    const struct image *image;
    const char *path;
    size_t path_size;
    struct stat status;                  /* of the executable's file, when it was started */
    pid_t process;                       /* the one whose memory this is */
    _Atomic(uint32_t) working_directory; /* a node, or NOWHERE */
} root;

/* The child of this thread, made by vfork, that is elsewhere. The child runs in the thread's place,
   with the thread's variables, until it ends or starts a program. */
static _Thread_local pid_t strayed;

static void
note_process(void)
{
    root.process = getpid();
    strayed = 0;
}

void
tree_setup(const struct image *image, const char *executable)
{
    root.path = executable;
    root.path_size = strlen(executable);
    root.working_directory = NOWHERE;
    tree_system_stat(AT_FDCWD, executable, &root.status, 0);
    note_process();
    pthread_atfork(NULL, NULL, note_process);
    root.image = image;
}

const struct image *
tree_image(void)
{
    return root.image;
}

const char *
tree_root(void)
{
    return root.path;
}

static void
die_if_failed(struct status status)
{
    if (status_failed(status)) {
        status_die(status);
    }
}

static void
go_to(struct place *place, uint32_t index)
{
    struct text name;
    place->index = index;
    die_if_failed(image_node(root.image, index, &place->node, &name));
}

void
tree_place(uint32_t index, struct place *place)
{
    place->error = 0;
    place->last = false;
    place->slash = false;
    place->dots = 0;
    place->outside = NULL;
    go_to(place, index);
}

/* --- walking ------------------------------------------------------------------------------- */

/* Take the first component, without slashes, off *path. */
static struct text
next_component(const char **path)
{
    *path += strspn(*path, "/");
    struct text component = {*path, strcspn(*path, "/")};
    *path += component.size;
    return component;
}

static bool
is_dots(struct text component, size_t count)
{
    return component.size == count && memcmp(component.data, "..", count) == 0;
}

/* The path went above the root: put together what it means outside. */
static void
leave(struct place *place, const char *rest)
{
    char executable[PATH_MAX];
    if (!tree_real_path(0, executable, sizeof executable)) {
        place->error = ENAMETOOLONG;
        return;
    }
    const char *slash = strrchr(executable, '/');
    int directory = slash != NULL ? (int)(slash - executable) : 0;
    int size =
        snprintf(place->buffer, sizeof place->buffer, "%.*s/%s", directory, executable, rest);
    if (size < 0 || (size_t)size >= sizeof place->buffer) {
        place->error = ENAMETOOLONG;
    } else {
        place->outside = place->buffer;
    }
}

/* Go on to the child of that name. */
static void
descend(struct place *place, struct text name, const char *rest)
{
    bool present;
    uint32_t child;
    place->last = rest[strspn(rest, "/")] == '\0';
    if (name.size > NAME_MAX) {
        place->error = ENAMETOOLONG;
        return;
    }
    die_if_failed(image_find_child(root.image, &place->node, name, &present, &child));
    if (present) {
        go_to(place, child);
    } else {
        place->error = ENOENT;
    }
}

/* Go from where *place is along `path`, up to its end or out of the tree. There are no symbolic
   links in the tree, so ".." is the directory that holds the entry. */
static void
walk(struct place *place, const char *path)
{
    size_t size = strlen(path);
    place->slash = size > 0 && path[size - 1] == '/';
    while (*path != '\0' && place->error == 0) {
        struct text component = next_component(&path);
        if (place->node.kind != IMAGE_NODE_KIND_DIRECTORY) {
            place->error = ENOTDIR; /* also for a slash at the end of a file's path */
            place->last = component.size == 0;
            return;
        }
        if (component.size != 0) {
            place->dots = is_dots(component, 1) ? 1 : is_dots(component, 2) ? 2 : 0;
        }
        if (place->dots == 2 && component.size != 0) {
            if (place->index == 0) {
                leave(place, path + strspn(path, "/"));
                return;
            }
            go_to(place, place->node.parent);
        } else if (place->dots == 0 && component.size != 0) {
            descend(place, component, path);
        }
    }
}

/* --- by any spelling ----------------------------------------------------------------------- */

int
tree_system_stat(int directory, const char *path, struct stat *status, int flags)
{
    return (int)syscall(SYS_newfstatat, directory, path, status, flags);
}

/* A path on its way into the tree. */
struct route {
    int directory;
    uint32_t index;   /* where in the tree it comes in, or NOWHERE */
    const char *rest; /* what follows from there, in `path` */
    char path[PATH_MAX];
};

/* The first `size` bytes of the path are a file: is it the executable, or open and of the tree? */
static void
arrive(struct route *route, size_t size, const struct stat *file)
{
    struct place place;
    route->rest = route->path + size;
    if (file->st_dev == root.status.st_dev && file->st_ino == root.status.st_ino &&
        *route->rest == '/') {
        route->index = 0;
    } else if (tree_place_of_status(file, &place)) { /* by /proc/self/fd */
        route->index = place.index;
    }
}

/* The first `size` bytes of the path are a symbolic link: put its target in their place. */
static bool
follow(struct route *route, size_t size)
{
    char target[PATH_MAX], rest[PATH_MAX];
    char *prefix = route->path;
    strcpy(rest, prefix + size);
    prefix[size] = '\0';
    ssize_t length = syscall(SYS_readlinkat, route->directory, prefix, target, sizeof target);
    char *slash = strrchr(prefix, '/');
    size_t kept =
        length > 0 && target[0] != '/' && slash != NULL ? (size_t)(slash + 1 - prefix) : 0;
    if (length <= 0 || kept + (size_t)length + strlen(rest) >= sizeof route->path) {
        return false;
    }
    memcpy(prefix + kept, target, (size_t)length);
    strcpy(prefix + kept + length, rest);
    return true;
}

/* Ask the kernel for each part of the path until it comes to a file, or to a link into the tree.
   False: there is nothing to go on with. */
static bool
advance(struct route *route)
{
    struct stat part;
    size_t size = 0;
    while (route->path[size] != '\0') {
        size += strspn(route->path + size, "/");
        size += strcspn(route->path + size, "/");
        char end = route->path[size];
        route->path[size] = '\0';
        int failed = tree_system_stat(route->directory, route->path, &part, 0);
        int error = errno;
        route->path[size] = end;
        if (failed) {
            return error == ENOTDIR && follow(route, size);
        }
        if (S_ISREG(part.st_mode)) {
            arrive(route, size, &part);
            return false;
        }
    }
    return false;
}

/* Go into the tree through the executable's file, if that is where the path leads. */
static bool
enter(int directory, const char *path, struct place *place)
{
    struct route route = {.directory = directory, .index = NOWHERE};
    int links = 0;
    if (strlen(path) >= sizeof route.path) {
        return false;
    }
    strcpy(route.path, path);
    while (advance(&route) && links < MOST_LINKS) {
        links++;
    }
    if (route.index == NOWHERE) {
        return false;
    }
    tree_place(route.index, place);
    walk(place, route.rest);
    return true;
}

/* A path may leave the tree and come back any number of times. */
static void
come_back(struct place *place)
{
    char outside[PATH_MAX];
    while (place->outside != NULL) {
        strcpy(outside, place->outside);
        if (!enter(AT_FDCWD, outside, place)) {
            return;
        }
    }
}

/* What is asked for by a path that leads to it counts as used. */
static void
note_use(const struct place *place)
{
    if (place->error == 0 && place->outside == NULL && place->node.kind == IMAGE_NODE_KIND_FILE) {
        trace_file(place->index);
    }
}

/* Walk along what follows the first `skipped` bytes of `path`. */
static void
walk_from(struct place *place, uint32_t index, const char *path, size_t skipped)
{
    int saved = errno;
    tree_place(index, place);
    if (strlen(path) >= PATH_MAX) {
        place->error = ENAMETOOLONG;
    } else {
        walk(place, path + skipped);
        come_back(place);
        note_use(place);
    }
    errno = saved;
}

bool
tree_has_prefix_at(int directory, const char *path, struct place *place)
{
    if (root.image == NULL || path == NULL) {
        return false;
    }
    if (strncmp(path, root.path, root.path_size) == 0 && path[root.path_size] == '/') {
        walk_from(place, 0, path, root.path_size);
        return true;
    }
    uint32_t index;
    if (path[0] != '/' && path[0] != '\0' && directory == AT_FDCWD &&
        tree_working_directory(&index)) {
        walk_from(place, index, path, 0);
        return true;
    }
    return false;
}

bool
tree_has_prefix(const char *path, struct place *place)
{
    return tree_has_prefix_at(AT_FDCWD, path, place);
}

bool
tree_leads_inside(int directory, const char *path, struct place *place)
{
    int saved = errno;
    bool inside = false;
    if (root.image == NULL || path == NULL) {
        return false;
    }
    if (path[0] != '/' && directory != AT_FDCWD && tree_place_of_descriptor(directory, place)) {
        inside = true;
        walk_from(place, place->index, path, 0);
    } else if (enter(directory, path, place)) {
        inside = true;
        come_back(place);
        note_use(place);
    }
    errno = saved;
    return inside;
}

/* --- the current directory ------------------------------------------------------------------ */

/* Whether this is a child made by vfork, which shares the memory of its parent. */
static bool
is_borrowed(void)
{
    return getpid() != root.process;
}

bool
tree_working_directory(uint32_t *index)
{
    *index = root.working_directory;
    return *index != NOWHERE && (strayed == 0 || strayed != getpid());
}

int
tree_enter(const struct place *place)
{
    char executable[PATH_MAX];
    if (is_borrowed()) {
        errno = ENOTDIR;
        return -1;
    }
    /* Where the kernel is does not matter to this process, but its children begin there. */
    if (tree_real_path(0, executable, sizeof executable)) {
        char *slash = strrchr(executable, '/');
        slash[slash == executable] = '\0';
        (void)!syscall(SYS_chdir, executable);
    }
    root.working_directory = place->index;
    return 0;
}

void
tree_leave(void)
{
    if (is_borrowed()) {
        strayed = getpid();
    } else {
        root.working_directory = NOWHERE;
    }
}

/* --- paths and status ----------------------------------------------------------------------- */

static bool
path_below(const char *executable, uint32_t index, char *path, size_t capacity)
{
    size_t size = strlen(executable);
    if (size + 1 >= capacity) {
        return false;
    }
    memmove(path, executable, size);
    path[size] = index == 0 ? '\0' : '/';
    if (index != 0) {
        die_if_failed(image_path(root.image, index, path + size + 1, capacity - size - 1));
    }
    return true;
}

bool
tree_path(uint32_t index, char *path, size_t capacity)
{
    return path_below(root.path, index, path, capacity);
}

bool
tree_real_path(uint32_t index, char *path, size_t capacity)
{
    char executable[PATH_MAX];
    int saved = errno;
    bool found = realpath(root.path, executable) != NULL;
    errno = saved; /* it is deleted while it runs */
    return path_below(found ? executable : root.path, index, path, capacity);
}

void
tree_stat(const struct place *place, struct stat *status)
{
    const struct timespec time = {.tv_sec = TREE_TIME};
    bool directory = place->node.kind == IMAGE_NODE_KIND_DIRECTORY;
    bool executable = directory || place->node.flags & IMAGE_NODE_FLAG_EXECUTABLE;
    memset(status, 0, sizeof *status);
    status->st_dev = root.status.st_dev ^ 0x6f78; /* a file system of its own */
    status->st_ino = (ino_t)place->index + 1;
    status->st_mode = (directory ? S_IFDIR : S_IFREG) | (executable ? 0555 : 0444);
    status->st_nlink = directory ? 2 : 1;
    status->st_uid = root.status.st_uid;
    status->st_gid = root.status.st_gid;
    status->st_size = directory ? 0 : (off_t)place->node.data_size;
    status->st_blksize = 4096;
    status->st_blocks = (status->st_size + 511) / 512;
    status->st_atim = status->st_mtim = status->st_ctim = time;
}
