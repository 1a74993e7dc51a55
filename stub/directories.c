/* Directory streams. Those of the tree are ours, and all functions that take a stream have to know
   both kinds: ours are those of one array. Symbolic links aside, what they yield is what the
   kernel would: "." and "..", then the entries, with type and inode. */
#define _GNU_SOURCE
#include <dirent.h>      /* DIR, struct dirent */
#include <fcntl.h>       /* AT_FDCWD, O_DIRECTORY */
#include <stdatomic.h>   /* atomic_flag */
#include <stdlib.h>      /* malloc, qsort */
#include <sys/stat.h>    /* fstat */
#include <sys/syscall.h> /* SYS_getdents64 */
#include <unistd.h>      /* close, dup */

#include "interpose.h"
#include "tree.h"

typedef DIR *fdopendir_function(int);

/* As many as a process may usually have files open. An array needs no lock that a fork could
   find taken, and its unused pages no memory. */
#define MOST_STREAMS 4096

struct stream {
    atomic_flag used;
    uint32_t index; /* of the directory */
    int descriptor; /* -1 until dirfd wants one */
    long position;  /* of the next entry: 0 is ".", 1 is ".." */
    struct dirent entry;
};

static struct stream streams[MOST_STREAMS];

/* The stream as one of ours, or null. */
static struct stream *
ours(DIR *stream)
{
    uintptr_t offset = (uintptr_t)stream - (uintptr_t)streams;
    return offset < sizeof streams ? (struct stream *)stream : NULL;
}

static DIR *
open_stream(const struct place *place, int descriptor)
{
    if (place->error != 0 || place->node.kind != IMAGE_NODE_KIND_DIRECTORY) {
        errno = place->error ? place->error : ENOTDIR;
        return NULL;
    }
    for (int i = 0; i < MOST_STREAMS; i++) {
        struct stream *stream = &streams[i];
        if (!atomic_flag_test_and_set(&stream->used)) {
            stream->index = place->index;
            stream->descriptor = descriptor;
            stream->position = 0;
            return (DIR *)stream;
        }
    }
    errno = EMFILE;
    return NULL;
}

static int
close_stream(struct stream *stream)
{
    int result = stream->descriptor >= 0 ? close(stream->descriptor) : 0;
    atomic_flag_clear(&stream->used);
    return result;
}

static struct image_node
read_node(uint32_t index, struct text *name)
{
    struct image_node node;
    struct status status = image_node(tree_image(), index, &node, name);
    if (status_failed(status)) {
        status_die(status);
    }
    return node;
}

/* Entry number `position` of a directory; false behind the last one. */
static bool
read_entry(uint32_t directory, long position, struct dirent *entry)
{
    struct text name;
    struct image_node node = read_node(directory, &name);
    uint32_t index = position == 0 ? directory : node.parent;
    entry->d_type = DT_DIR;
    if (position < 2) {
        name = text_of(position == 0 ? "." : "..");
    } else if ((unsigned long)position - 2 < node.child_count) {
        index = node.first_child + (uint32_t)(position - 2);
        bool is_file = read_node(index, &name).kind == IMAGE_NODE_KIND_FILE;
        entry->d_type = is_file ? DT_REG : DT_DIR;
    } else {
        return false;
    }
    if (name.size >= sizeof entry->d_name) {
        status_die(status_fault("the file tree is damaged"));
    }
    entry->d_ino = (ino_t)index + 1;
    entry->d_off = position + 1;
    entry->d_reclen = sizeof *entry;
    memcpy(entry->d_name, name.data, name.size);
    entry->d_name[name.size] = '\0';
    return true;
}

static struct dirent *
read_stream(struct stream *stream)
{
    if (!read_entry(stream->index, stream->position, &stream->entry)) {
        return NULL;
    }
    stream->position++;
    return &stream->entry;
}

/* A stream of the system's for a descriptor, which is closed if there is none. */
static DIR *
system_stream(int descriptor)
{
    NEXT(fdopendir_function, fdopendir)
    DIR *stream = descriptor >= 0 ? next(descriptor) : NULL;
    if (stream == NULL && descriptor >= 0) {
        int error = errno;
        close(descriptor);
        errno = error;
    }
    return stream;
}

/* Not by the system's opendir: that may call open, which is ours. */
static DIR *
system_opendir(const char *path)
{
    const int flags = O_RDONLY | O_NONBLOCK | O_DIRECTORY | O_CLOEXEC;
    return system_stream((int)syscall(SYS_openat, AT_FDCWD, path, flags, 0));
}

EXPORT DIR *
INTERPOSED(opendir)(const char *path)
{
    SERVE_POINTER(path, system_opendir(path), system_opendir(place.outside),
                  open_stream(&place, -1));
}

EXPORT DIR *
INTERPOSED(fdopendir)(int descriptor)
{
    NEXT(fdopendir_function, fdopendir)
    struct place place;
    if (!tree_place_of_descriptor(descriptor, &place)) {
        return next(descriptor);
    }
    if (fcntl(descriptor, F_GETFL) & O_PATH) {
        errno = EBADF;
        return NULL;
    }
    return open_stream(&place, descriptor);
}

EXPORT int
INTERPOSED(closedir)(DIR *stream)
{
    typedef int function(DIR *);
    NEXT(function, closedir)
    struct stream *own = ours(stream);
    return own ? close_stream(own) : next(stream);
}

EXPORT struct dirent *
INTERPOSED(readdir)(DIR *stream)
{
    typedef struct dirent *function(DIR *);
    NEXT(function, readdir)
    struct stream *own = ours(stream);
    return own ? read_stream(own) : next(stream);
}

EXPORT int
INTERPOSED(readdir_r)(DIR *stream, struct dirent *entry, struct dirent **result)
{
    typedef int function(DIR *, struct dirent *, struct dirent **);
    NEXT(function, readdir_r)
    struct stream *own = ours(stream);
    if (own == NULL) {
        return next(stream, entry, result);
    }
    const struct dirent *read = read_stream(own);
    if (read != NULL) {
        *entry = *read;
    }
    *result = read ? entry : NULL;
    return 0;
}

_Static_assert(sizeof(struct dirent) == sizeof(struct dirent64), "the 64-bit names are aliases");
ALIAS(readdir) struct dirent64 *readdir64(DIR *stream);
ALIAS(readdir_r)
int readdir64_r(DIR *stream, struct dirent64 *entry, struct dirent64 **result);

EXPORT void
INTERPOSED(rewinddir)(DIR *stream)
{
    typedef void function(DIR *);
    NEXT(function, rewinddir)
    struct stream *own = ours(stream);
    if (own != NULL) {
        own->position = 0;
    } else {
        next(stream);
    }
}

EXPORT void
INTERPOSED(seekdir)(DIR *stream, long position)
{
    typedef void function(DIR *, long);
    NEXT(function, seekdir)
    struct stream *own = ours(stream);
    if (own != NULL) {
        own->position = position < 0 ? 0 : position;
    } else {
        next(stream, position);
    }
}

EXPORT long
INTERPOSED(telldir)(DIR *stream)
{
    typedef long function(DIR *);
    NEXT(function, telldir)
    struct stream *own = ours(stream);
    return own ? own->position : next(stream);
}

EXPORT int
INTERPOSED(dirfd)(DIR *stream)
{
    typedef int function(DIR *);
    NEXT(function, dirfd)
    struct stream *own = ours(stream);
    if (own == NULL) {
        return next(stream);
    }
    if (own->descriptor < 0) {
        struct place place;
        tree_place(own->index, &place);
        own->descriptor = tree_open(&place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    return own->descriptor;
}

/* --- scandir, which in libc calls libc's own opendir ---------------------------------------- */

typedef int select_function(const struct dirent *);
typedef int compare_function(const struct dirent **, const struct dirent **);

static void
free_entries(struct dirent **entries, int count)
{
    while (count > 0) {
        free(entries[--count]);
    }
    free(entries);
}

static bool
append_copy(struct dirent ***entries, int count, const struct dirent *entry)
{
    struct dirent **more = realloc(*entries, ((size_t)count + 1) * sizeof **entries);
    if (more == NULL) {
        return false;
    }
    *entries = more;
    more[count] = malloc(sizeof *entry);
    if (more[count] == NULL) {
        return false;
    }
    *more[count] = *entry;
    return true;
}

static int
scan(DIR *stream, struct dirent ***result, select_function *select, compare_function *compare)
{
    struct dirent **entries = NULL;
    const struct dirent *entry;
    int count = 0;
    if (stream == NULL) {
        return -1;
    }
    while ((entry = readdir(stream)) != NULL) {
        if (select != NULL && !select(entry)) {
            continue;
        }
        if (!append_copy(&entries, count, entry)) {
            free_entries(entries, count);
            closedir(stream);
            return -1;
        }
        count++;
    }
    closedir(stream);
    if (compare != NULL && count > 1) {
        qsort(entries, (size_t)count, sizeof *entries,
              (int (*)(const void *, const void *))compare);
    }
    *result = entries;
    return count;
}

EXPORT int
INTERPOSED(scandir)(const char *path, struct dirent ***result, select_function *select,
                    compare_function *compare)
{
    return scan(opendir(path), result, select, compare);
}

EXPORT int
INTERPOSED(scandirat)(int directory, const char *path, struct dirent ***result,
                      select_function *select, compare_function *compare)
{
    int descriptor = openat(directory, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = descriptor >= 0 ? fdopendir(descriptor) : NULL;
    if (stream == NULL && descriptor >= 0) {
        int error = errno;
        close(descriptor);
        errno = error;
    }
    return scan(stream, result, select, compare);
}

typedef int select64_function(const struct dirent64 *);
typedef int compare64_function(const struct dirent64 **, const struct dirent64 **);
ALIAS(scandir)
int scandir64(const char *path, struct dirent64 ***result, select64_function *select,
              compare64_function *compare);
ALIAS(scandirat)
int scandirat64(int directory, const char *path, struct dirent64 ***result,
                select64_function *select, compare64_function *compare);

/* --- what else lists directories ------------------------------------------------------------ */

/* The offset of the memory file is the position in the directory. */
static ssize_t
list_inside(int descriptor, uint32_t index, struct dirent *buffer, size_t size)
{
    size_t used = 0;
    off_t position = lseek(descriptor, 0, SEEK_CUR);
    while (used + sizeof *buffer <= size && read_entry(index, position, buffer)) {
        used += sizeof *buffer;
        buffer++;
        position++;
    }
    lseek(descriptor, position, SEEK_SET);
    struct dirent more;
    return used == 0 && read_entry(index, position, &more) ? fail(EINVAL) : (ssize_t)used;
}

EXPORT ssize_t
INTERPOSED(getdents64)(int descriptor, void *buffer, size_t size)
{
    struct place place;
    ssize_t result = syscall(SYS_getdents64, descriptor, buffer, size);
    if (result < 0 && errno == ENOTDIR && tree_place_of_descriptor(descriptor, &place) &&
        place.node.kind == IMAGE_NODE_KIND_DIRECTORY) {
        return list_inside(descriptor, place.index, buffer, size);
    }
    return result;
}
