/* Directory streams. Those of the tree are ours, and all functions that take a stream have to know
   both kinds: a stream of ours is one in the list of open ones. Symbolic links aside, what they
   yield is what the kernel would: "." and "..", then the entries, with type and inode. */
#define _GNU_SOURCE
#include <dirent.h>   /* DIR, struct dirent */
#include <fcntl.h>    /* AT_FDCWD, O_DIRECTORY */
#include <pthread.h>  /* pthread_mutex_t */
#include <stdlib.h>   /* malloc, qsort */
#include <sys/stat.h> /* fstat */
#include <unistd.h>   /* close, dup */

#include "interpose.h"
#include "tree.h"

struct stream {
    struct stream *next;
    struct place place; /* the directory */
    int descriptor;     /* -1 until dirfd wants one */
    long position;      /* of the next entry: 0 is ".", 1 is ".." */
    struct dirent entry;
};

static struct stream *streams;
static pthread_mutex_t streams_mutex = PTHREAD_MUTEX_INITIALIZER;

/* The stream as one of ours, or null. */
static struct stream *
ours(DIR *stream)
{
    if (__atomic_load_n(&streams, __ATOMIC_ACQUIRE) == NULL) {
        return NULL;
    }
    pthread_mutex_lock(&streams_mutex);
    struct stream *found = streams;
    while (found != NULL && found != (struct stream *)stream) {
        found = found->next;
    }
    pthread_mutex_unlock(&streams_mutex);
    return found;
}

static DIR *
open_stream(const struct place *place, int descriptor)
{
    if (place->error != 0 || place->node.kind != IMAGE_NODE_KIND_DIRECTORY) {
        errno = place->error ? place->error : ENOTDIR;
        return NULL;
    }
    struct stream *stream = malloc(sizeof *stream);
    if (stream == NULL) {
        return NULL;
    }
    stream->place = *place;
    stream->descriptor = descriptor;
    stream->position = 0;
    pthread_mutex_lock(&streams_mutex);
    stream->next = streams;
    __atomic_store_n(&streams, stream, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&streams_mutex);
    return (DIR *)stream;
}

static int
close_stream(struct stream *stream)
{
    pthread_mutex_lock(&streams_mutex);
    struct stream **link = &streams;
    while (*link != stream) {
        link = &(*link)->next;
    }
    *link = stream->next;
    pthread_mutex_unlock(&streams_mutex);
    if (stream->descriptor >= 0) {
        close(stream->descriptor);
    }
    free(stream);
    return 0;
}

static struct dirent *
fill(struct stream *stream, uint32_t index, struct text name, unsigned char type)
{
    struct dirent *entry = &stream->entry;
    if (name.size >= sizeof entry->d_name) {
        status_die(status_fault("the file tree is damaged"));
    }
    entry->d_ino = (ino_t)index + 1;
    entry->d_off = ++stream->position;
    entry->d_reclen = sizeof *entry;
    entry->d_type = type;
    memcpy(entry->d_name, name.data, name.size);
    entry->d_name[name.size] = '\0';
    return entry;
}

static struct dirent *
read_stream(struct stream *stream)
{
    const struct image_node *directory = &stream->place.node;
    if (stream->position < 2) {
        bool self = stream->position == 0;
        uint32_t index = self ? stream->place.index : directory->parent;
        return fill(stream, index, text_of(self ? "." : ".."), DT_DIR);
    }
    if ((unsigned long)stream->position - 2 >= directory->child_count) {
        return NULL;
    }
    struct image_node child;
    struct text name;
    uint32_t index = directory->first_child + (uint32_t)(stream->position - 2);
    struct status status = image_node(tree_image(), index, &child, &name);
    if (status_failed(status)) {
        status_die(status);
    }
    return fill(stream, index, name, child.kind == IMAGE_NODE_KIND_DIRECTORY ? DT_DIR : DT_REG);
}

EXPORT DIR *
opendir(const char *path)
{
    typedef DIR *function(const char *);
    NEXT(function, "opendir")
    struct place place;
    if (tree_has_prefix(path, &place)) {
        return place.outside ? next(place.outside) : open_stream(&place, -1);
    }
    DIR *stream = next(path);
    if (refused_but_inside(stream ? 0 : -1, AT_FDCWD, path, &place)) {
        return place.outside ? next(place.outside) : open_stream(&place, -1);
    }
    return stream;
}

/* Whether the descriptor is a file of the tree. Its status is asked for by the system call, since
   our own fstat does not show what tells. */
static bool
place_of(int descriptor, struct place *place)
{
    struct stat status;
    return tree_system_stat(descriptor, "", &status, AT_EMPTY_PATH) == 0 &&
           tree_place_of_descriptor(&status, place);
}

EXPORT DIR *
fdopendir(int descriptor)
{
    typedef DIR *function(int);
    NEXT(function, "fdopendir")
    struct place place;
    return place_of(descriptor, &place) ? open_stream(&place, descriptor) : next(descriptor);
}

EXPORT int
closedir(DIR *stream)
{
    typedef int function(DIR *);
    NEXT(function, "closedir")
    struct stream *own = ours(stream);
    return own ? close_stream(own) : next(stream);
}

EXPORT struct dirent *
readdir(DIR *stream)
{
    typedef struct dirent *function(DIR *);
    NEXT(function, "readdir")
    struct stream *own = ours(stream);
    return own ? read_stream(own) : next(stream);
}

EXPORT int
readdir_r(DIR *stream, struct dirent *entry, struct dirent **result)
{
    typedef int function(DIR *, struct dirent *, struct dirent **);
    NEXT(function, "readdir_r")
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
rewinddir(DIR *stream)
{
    typedef void function(DIR *);
    NEXT(function, "rewinddir")
    struct stream *own = ours(stream);
    if (own != NULL) {
        own->position = 0;
    } else {
        next(stream);
    }
}

EXPORT void
seekdir(DIR *stream, long position)
{
    typedef void function(DIR *, long);
    NEXT(function, "seekdir")
    struct stream *own = ours(stream);
    if (own != NULL) {
        own->position = position < 0 ? 0 : position;
    } else {
        next(stream, position);
    }
}

EXPORT long
telldir(DIR *stream)
{
    typedef long function(DIR *);
    NEXT(function, "telldir")
    struct stream *own = ours(stream);
    return own ? own->position : next(stream);
}

EXPORT int
dirfd(DIR *stream)
{
    typedef int function(DIR *);
    NEXT(function, "dirfd")
    struct stream *own = ours(stream);
    if (own == NULL) {
        return next(stream);
    }
    if (own->descriptor < 0) {
        own->descriptor = tree_open(&own->place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
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
        qsort(entries, (size_t)count, sizeof *entries, (int (*)(const void *, const void *))compare);
    }
    *result = entries;
    return count;
}

EXPORT int
scandir(const char *path, struct dirent ***result, select_function *select,
        compare_function *compare)
{
    return scan(opendir(path), result, select, compare);
}

ALIAS(scandir)
int scandir64(const char *path, struct dirent64 ***result, int (*select)(const struct dirent64 *),
              int (*compare)(const struct dirent64 **, const struct dirent64 **));
