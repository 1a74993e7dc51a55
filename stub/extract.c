#define _GNU_SOURCE /* syncfs */

#include "extract.h"

#include <dirent.h> /* fdopendir */
#include <errno.h>
#include <fcntl.h>    /* openat */
#include <limits.h>   /* PATH_MAX, NAME_MAX */
#include <stdio.h>    /* snprintf, renameat */
#include <stdlib.h>   /* getenv */
#include <sys/file.h> /* flock */
#include <sys/stat.h> /* mkdirat, futimens */
#include <unistd.h>

#include "content.h"
#include "os.h"
#include "tree.h"

#define LOCK ".lock"
#define UNFINISHED ".new-"
#define REPLACED ".old-"

#define DEEPEST 64
#define DIRECTORY_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define CHUNK 65536

/* A directory of the image, and its copy. */
struct pair {
    struct image_node node;
    int directory;
    int depth;
};

/* What is done with a file of the image and its copy `name` in `directory`: false with errno set.
 */
typedef bool handle_file(int directory, const char *name, const struct image_node *node);
typedef int enter_directory(int directory, const char *name);

/* --- the image ----------------------------------------------------------------------------- */

static struct content
content_of(const struct image_node *node)
{
    struct stored stored;
    struct content content;
    status_die_if_failed(image_content(tree_image(), node, &stored));
    status_die_if_failed(content_open(&stored, &content));
    return content;
}

static mode_t
mode_of(const struct image_node *node)
{
    return node->flags & IMAGE_NODE_FLAG_EXECUTABLE ? 0500 : 0400;
}

/* Do `handle` with all files below a directory of the image, in whose copy `enter` opens
 * directories. */
static bool
walk(const struct pair *pair, enter_directory *enter, handle_file *handle)
{
    for (uint32_t i = 0; i < pair->node.child_count; i++) {
        struct pair child = {.depth = pair->depth + 1};
        struct text text;
        char name[NAME_MAX + 1];
        status_die_if_failed(
            image_node(tree_image(), pair->node.first_child + i, &child.node, &text));
        if (text.size > NAME_MAX || child.depth > DEEPEST) {
            errno = ENAMETOOLONG;
            return false;
        }
        snprintf(name, sizeof name, "%.*s", (int)text.size, text.data);
        if (child.node.kind == IMAGE_NODE_KIND_FILE) {
            if (!handle(pair->directory, name, &child.node)) {
                return false;
            }
            continue;
        }
        child.directory = enter(pair->directory, name);
        bool done = child.directory >= 0 && walk(&child, enter, handle);
        int error = errno;
        if (child.directory >= 0) {
            close(child.directory);
        }
        errno = error;
        if (!done) {
            return false;
        }
    }
    return true;
}

static bool
walk_all(int copy, enter_directory *enter, handle_file *handle)
{
    struct pair pair = {.directory = copy};
    struct text name;
    uint32_t index;
    bool present;
    status_die_if_failed(
        image_find_path(tree_image(), text_of(IMAGE_EXTRACTED_DIRECTORY), &present, &index));
    if (!present) {
        status_die(status_fault("it has nothing to unpack"));
    }
    status_die_if_failed(image_node(tree_image(), index, &pair.node, &name));
    return walk(&pair, enter, handle);
}

/* --- comparing ----------------------------------------------------------------------------- */

static bool
has_bytes(int file, struct cursor content)
{
    static unsigned char buffer[CHUNK]; /* there is one thread yet */
    size_t compared = 0;
    ssize_t got;
    while ((got = read(file, buffer, sizeof buffer)) > 0) {
        if ((size_t)got > content.size - compared ||
            memcmp(buffer, content.data + compared, (size_t)got) != 0) {
            return false;
        }
        compared += (size_t)got;
    }
    return got == 0 && compared == content.size;
}

static bool
has_content(int file, const struct image_node *node)
{
    struct content content = content_of(node);
    bool same = has_bytes(file, content.bytes);
    content_close(&content);
    return same;
}

static bool
is_copy(int directory, const char *name, const struct image_node *node)
{
    int file = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (file < 0) {
        return false;
    }
    struct stat status;
    bool same = fstat(file, &status) == 0 && S_ISREG(status.st_mode) &&
                (status.st_mode & 0777) == mode_of(node) &&
                (uint64_t)status.st_size == node->data_size && has_content(file, node);
    close(file);
    return same;
}

static int
open_directory(int directory, const char *name)
{
    return openat(directory, name, DIRECTORY_FLAGS);
}

/* Whether `key` in `cache` is a complete copy that belongs to the user. */
static bool
is_sound(int cache, const char *key)
{
    int copy = open_directory(cache, key);
    struct stat status;
    bool sound = copy >= 0 && fstat(copy, &status) == 0 && status.st_uid == geteuid() &&
                 (status.st_mode & 022) == 0 && walk_all(copy, open_directory, is_copy);
    if (copy >= 0) {
        close(copy);
    }
    return sound;
}

/* --- making -------------------------------------------------------------------------------- */

static bool
write_all(int file, struct cursor content)
{
    while (content.size > 0) {
        ssize_t written = write(file, content.data, content.size);
        if (written < 0 && errno != EINTR) {
            return false;
        }
        content.data += written > 0 ? written : 0;
        content.size -= written > 0 ? (size_t)written : 0;
    }
    return true;
}

static bool
write_content(int file, const struct image_node *node)
{
    struct content content = content_of(node);
    bool written = write_all(file, content.bytes);
    int error = errno;
    content_close(&content);
    errno = error;
    return written;
}

static bool
make_file(int directory, const char *name, const struct image_node *node)
{
    const struct timespec times[] = {{.tv_sec = TREE_TIME}, {.tv_sec = TREE_TIME}};
    int file = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0) {
        return false;
    }
    bool made =
        write_content(file, node) && fchmod(file, mode_of(node)) == 0 && futimens(file, times) == 0;
    int error = errno;
    bool closed = close(file) == 0;
    errno = made ? errno : error;
    return made && closed;
}

static int
make_directory(int directory, const char *name)
{
    return mkdirat(directory, name, 0700) == 0 ? open_directory(directory, name) : -1;
}

static void
remove_tree(int directory, const char *name, int depth)
{
    if (unlinkat(directory, name, 0) == 0 || depth > DEEPEST) {
        return;
    }
    int descriptor = open_directory(directory, name);
    DIR *stream = descriptor >= 0 ? fdopendir(descriptor) : NULL;
    struct dirent *entry;
    while (stream != NULL && (entry = readdir(stream)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            remove_tree(descriptor, entry->d_name, depth + 1);
        }
    }
    if (stream != NULL) {
        closedir(stream);
    } else if (descriptor >= 0) {
        close(descriptor);
    }
    unlinkat(directory, name, AT_REMOVEDIR);
}

/* Remove what processes have left behind that were killed. */
static void
remove_leftovers(int cache)
{
    int descriptor = openat(cache, ".", DIRECTORY_FLAGS);
    DIR *stream = descriptor >= 0 ? fdopendir(descriptor) : NULL;
    struct dirent *entry;
    while (stream != NULL && (entry = readdir(stream)) != NULL) {
        if (strncmp(entry->d_name, UNFINISHED, strlen(UNFINISHED)) == 0 ||
            strncmp(entry->d_name, REPLACED, strlen(REPLACED)) == 0) {
            remove_tree(cache, entry->d_name, 0);
        }
    }
    if (stream != NULL) {
        closedir(stream);
    }
}

/* Put `made` in the place of `key`, which may be a damaged copy. */
static bool
put_in_place(int cache, const char *made, const char *key)
{
    char replaced[64];
    if (renameat(cache, made, cache, key) == 0) {
        return true;
    }
    snprintf(replaced, sizeof replaced, REPLACED "%ld", (long)getpid());
    bool done =
        renameat(cache, key, cache, replaced) == 0 && renameat(cache, made, cache, key) == 0;
    int error = errno;
    remove_tree(cache, replaced, 0);
    errno = error;
    return done;
}

static bool
make(int cache, const char *key)
{
    char made[64];
    snprintf(made, sizeof made, UNFINISHED "%ld", (long)getpid());
    int copy = make_directory(cache, made);
    /* All of it is on the disk before it gets its name: a power failure leaves no half of it. */
    bool done = copy >= 0 && walk_all(copy, make_directory, make_file) && syncfs(copy) == 0 &&
                put_in_place(cache, made, key);
    int error = errno;
    if (copy >= 0) {
        close(copy);
    }
    if (!done) {
        remove_tree(cache, made, 0);
    }
    errno = error;
    return done;
}

static bool
make_alone(int cache, const char *key)
{
    int lock = openat(cache, LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (lock < 0) {
        return false;
    }
    /* On a file system without locks processes may do the same work at once, and the last one wins.
     */
    if (flock(lock, LOCK_EX) == 0) {
        remove_leftovers(cache);
    }
    bool done = is_sound(cache, key) || make(cache, key);
    int error = errno;
    close(lock);
    errno = error;
    return done;
}

/* --- the place ----------------------------------------------------------------------------- */

/* Make the directory `path` and those that lead to it; a descriptor of it, or -1. */
static int
open_cache(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    mkdir(path, 0700);
    int cache = open(path, DIRECTORY_FLAGS);
    struct stat status;
    if (cache >= 0 &&
        (fstat(cache, &status) != 0 || status.st_uid != geteuid() || (status.st_mode & 022) != 0)) {
        close(cache);
        errno = EPERM; /* somebody else could change what is in it */
        return -1;
    }
    return cache;
}

static bool
extract_into(char *path, const char *key)
{
    int cache = open_cache(path);
    bool done = cache >= 0 && (is_sound(cache, key) || make_alone(cache, key));
    int error = errno;
    if (cache >= 0) {
        close(cache);
    }
    errno = error;
    return done;
}

/* Write the directory for the unpacked parts of programs called `name` to `path`: the cache, or a
   directory for temporary files. False: there is no such place. The environment of a program that
   has more rights than its user is not trusted. */
static bool
choose_cache(int choice, const char *name, char *path, size_t capacity)
{
    static const char *const variables[] = {"XDG_CACHE_HOME", "HOME", "TMPDIR", NULL};
    static const char *const below[] = {"", "/.cache", "", ""};
    const char *variable = variables[choice];
    const char *base = variable == NULL ? "/tmp" : os_has_more_rights() ? NULL : getenv(variable);
    if (base == NULL || base[0] != '/') {
        return false;
    }
    int size = choice < 2 ? snprintf(path, capacity, "%s%s/%s", base, below[choice], name)
                          : snprintf(path, capacity, "%s/%s-%ld", base, name, (long)geteuid());
    return size < (int)capacity;
}

void
extract(struct text name, char *root, size_t capacity)
{
    char program[NAME_MAX + 1], key[NAME_MAX + 1], reasons[3 * PATH_MAX] = "";
    const char *slash = memchr(name.data, '/', name.size);
    size_t size = slash != NULL ? (size_t)(slash - name.data) : name.size;
    if (slash == NULL || name.size >= NAME_MAX) {
        status_die(status_fault("the name of what it unpacks is malformed"));
    }
    snprintf(program, sizeof program, "%.*s", (int)size, name.data);
    snprintf(key, sizeof key, "%.*s", (int)(name.size - size - 1), slash + 1);
    for (int choice = 0; choice < 4; choice++) {
        if (!choose_cache(choice, program, root, capacity)) {
            continue;
        }
        if (extract_into(root, key)) {
            size_t length = strlen(root);
            snprintf(root + length, capacity - length, "/%s", key);
            return;
        }
        size_t length = strlen(reasons);
        snprintf(reasons + length, sizeof reasons - length, "; %s: %s", root, strerror(errno));
    }
    char message[sizeof reasons + 256];
    snprintf(
        message, sizeof message,
        "no place for the files that it unpacks (set XDG_CACHE_HOME to a directory of yours)%s",
        reasons);
    status_end(STATUS_NO_PLACE, message);
}
