#define _GNU_SOURCE
#include "tree.h"

#include <errno.h>       /* ENOENT */
#include <fcntl.h>       /* AT_FDCWD, O_ACCMODE, F_ADD_SEALS */
#include <stdio.h>       /* snprintf */
#include <string.h>      /* strncmp */
#include <sys/mman.h>    /* memfd_create */
#include <sys/syscall.h> /* SYS_newfstatat */
#include <unistd.h>      /* syscall, close */

#include "os_linux.h"

/* Every packed file has the same time, so that builds are reproducible: 1980-01-01, the earliest
   that zip files know. */
#define NOMINAL_TIME 315532800

static struct {
    const struct image *image;
    const char *path;
    size_t path_size;
} root;

void
tree_setup(const struct image *image, const char *executable)
{
    root.path = executable;
    root.path_size = strlen(executable);
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

/* --- walking ------------------------------------------------------------------------------- */

/* Take the first component, without slashes, off *path. */
static struct text
next_component(const char **path)
{
    while (**path == '/') {
        (*path)++;
    }
    struct text component = {*path, strcspn(*path, "/")};
    *path += component.size;
    return component;
}

static bool
text_is(struct text text, const char *other)
{
    return text.size == strlen(other) && memcmp(text.data, other, text.size) == 0;
}

/* The path went above the root: put together what it means outside. */
static void
leave(struct place *place, const char *rest)
{
    const char *slash = strrchr(root.path, '/');
    int directory = slash != NULL ? (int)(slash - root.path) : 0;
    int size = snprintf(place->buffer, sizeof place->buffer, "%.*s/%s", directory, root.path, rest);
    if (size < 0 || (size_t)size >= sizeof place->buffer) {
        place->error = ENAMETOOLONG;
    } else {
        place->outside = place->buffer;
    }
}

/* Go from where *place is along `path`. There are no symbolic links in the tree, so ".." is the
   directory that holds the entry. */
static void
walk(struct place *place, const char *path)
{
    while (*path != '\0' && place->error == 0) {
        struct text component = next_component(&path);
        bool present;
        uint32_t child;
        if (place->node.kind != IMAGE_NODE_KIND_DIRECTORY) {
            place->error = ENOTDIR; /* also for a slash at the end of a file's path */
        } else if (component.size == 0 || text_is(component, ".")) {
            continue;
        } else if (text_is(component, "..")) {
            if (place->index == 0) {
                leave(place, path + strspn(path, "/"));
                return;
            }
            go_to(place, place->node.parent);
        } else {
            die_if_failed(image_find_child(root.image, &place->node, component, &present, &child));
            if (present) {
                go_to(place, child);
            } else {
                place->error = ENOENT;
            }
        }
    }
}

static void
start_at(struct place *place, uint32_t index)
{
    place->error = 0;
    place->outside = NULL;
    go_to(place, index);
}

bool
tree_has_prefix(const char *path, struct place *place)
{
    if (root.image == NULL || path == NULL || strncmp(path, root.path, root.path_size) != 0 ||
        path[root.path_size] != '/') {
        return false;
    }
    start_at(place, 0);
    walk(place, path + root.path_size);
    return true;
}

/* --- by any spelling ----------------------------------------------------------------------- */

int
tree_system_stat(int directory, const char *path, struct stat *status, int flags)
{
    return (int)syscall(SYS_newfstatat, directory, path, status, flags);
}

static bool
same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Find the end of the part of `path` that names the executable's file. */
static const char *
end_of_executable(int directory, const char *path)
{
    struct stat executable, part;
    char prefix[PATH_MAX];
    if (strlen(path) >= sizeof prefix || tree_system_stat(AT_FDCWD, root.path, &executable, 0) != 0) {
        return NULL;
    }
    const char *end = path;
    while (*end != '\0') {
        end += strspn(end, "/");
        end += strcspn(end, "/");
        memcpy(prefix, path, (size_t)(end - path));
        prefix[end - path] = '\0';
        if (tree_system_stat(directory, prefix, &part, 0) != 0) {
            return NULL;
        }
        if (S_ISREG(part.st_mode)) {
            return *end == '/' && same_file(&part, &executable) ? end : NULL;
        }
    }
    return NULL;
}

bool
tree_leads_inside(int directory, const char *path, struct place *place)
{
    struct stat status;
    int saved = errno;
    bool inside = false;
    if (root.image == NULL || path == NULL) {
        return false;
    }
    if (path[0] != '/' && directory != AT_FDCWD &&
        tree_system_stat(directory, "", &status, AT_EMPTY_PATH) == 0 &&
        tree_place_of_descriptor(&status, place)) {
        walk(place, path);
        inside = true;
    } else {
        const char *rest = end_of_executable(directory, path);
        if (rest != NULL) {
            start_at(place, 0);
            walk(place, rest);
            inside = true;
        }
    }
    errno = saved;
    return inside;
}

/* --- descriptors --------------------------------------------------------------------------- */

/* An open file or directory of the tree is a memory file without a name, which has the nominal
   time, and the index of its node as the nanoseconds. So its identity is in the file itself, and
   survives dup, fork, exec and being passed on; no table has to be kept. */

bool
tree_place_of_descriptor(const struct stat *status, struct place *place)
{
    if (root.image == NULL || status->st_nlink != 0 || !S_ISREG(status->st_mode) ||
        status->st_mtim.tv_sec != NOMINAL_TIME ||
        (uint64_t)status->st_mtim.tv_nsec >= image_node_count(root.image)) {
        return false;
    }
    start_at(place, (uint32_t)status->st_mtim.tv_nsec);
    return true;
}

bool
tree_path(uint32_t index, char *path, size_t capacity)
{
    if (root.path_size + 1 >= capacity) {
        return false;
    }
    memcpy(path, root.path, root.path_size);
    path[root.path_size] = index == 0 ? '\0' : '/';
    if (index != 0) {
        size_t used = root.path_size + 1;
        die_if_failed(image_path(root.image, index, path + used, capacity - used));
    }
    return true;
}

void
tree_stat(const struct place *place, struct stat *status)
{
    const struct timespec time = {.tv_sec = NOMINAL_TIME};
    bool directory = place->node.kind == IMAGE_NODE_KIND_DIRECTORY;
    bool executable = directory || place->node.flags & IMAGE_NODE_FLAG_EXECUTABLE;
    struct stat own;
    if (tree_system_stat(AT_FDCWD, root.path, &own, 0) != 0) {
        memset(&own, 0, sizeof own); /* deleted while it runs */
    }
    memset(status, 0, sizeof *status);
    status->st_dev = own.st_dev ^ 0x6f78; /* a file system of its own */
    status->st_ino = (ino_t)place->index + 1;
    status->st_mode = (directory ? S_IFDIR : S_IFREG) | (executable ? 0555 : 0444);
    status->st_nlink = directory ? 2 : 1;
    status->st_uid = own.st_uid;
    status->st_gid = own.st_gid;
    status->st_size = directory ? 0 : (off_t)place->node.data_size;
    status->st_blksize = 4096;
    status->st_blocks = (status->st_size + 511) / 512;
    status->st_atim = status->st_mtim = status->st_ctim = time;
}

/* Give the memory file its identity and make it unchangeable. */
static bool
seal(int descriptor, uint32_t index)
{
    const struct timespec stamp = {.tv_sec = NOMINAL_TIME, .tv_nsec = index};
    const struct timespec times[2] = {stamp, stamp};
    return futimens(descriptor, times) == 0 &&
           fcntl(descriptor, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0;
}

static int
open_flags_error(const struct place *place, int flags)
{
    bool directory = place->node.kind == IMAGE_NODE_KIND_DIRECTORY;
    bool writes = (flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC;
    if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL)) {
        return EEXIST;
    }
    if (directory && (writes || flags & O_CREAT)) {
        return EISDIR;
    }
    if (!directory && (flags & O_DIRECTORY)) {
        return ENOTDIR;
    }
    return writes ? EROFS : 0;
}

int
tree_open(const struct place *place, int flags)
{
    struct cursor content = {0};
    int error = open_flags_error(place, flags);
    if (error != 0) {
        errno = error;
        return -1;
    }
    if (place->node.kind == IMAGE_NODE_KIND_FILE) {
        die_if_failed(image_content(root.image, &place->node, &content));
    }
    int descriptor = linux_memory_file("packed", content, false);
    if (descriptor < 0) {
        return -1;
    }
    if (!seal(descriptor, place->index)) {
        error = errno;
        close(descriptor);
        errno = error;
        return -1;
    }
    descriptor = linux_read_only(descriptor);
    if (!(flags & O_CLOEXEC)) {
        fcntl(descriptor, F_SETFD, 0);
    }
    return descriptor;
}
