/* This executable's own dlopen stands before the system's: the dynamic loader binds the calls of
   CPython, ctypes and of every other library to it. A path inside the executable is loaded from
   the image, after the libraries that it needs; any other goes on untouched.

   The loader satisfies DT_NEEDED by the SONAMEs of libraries that are loaded already, so that
   run paths of packed libraries need not resolve to anything. Libraries that need each other in
   a circle are loaded together, as a carrier's. */
#define _GNU_SOURCE
#include <dlfcn.h>  /* RTLD_LAZY */
#include <fcntl.h>  /* AT_FDCWD */
#include <link.h>   /* struct link_map */
#include <stdio.h>  /* snprintf */
#include <stdlib.h> /* calloc */

#include "interpose.h"
#include "late.h"
#include "os.h"
#include "trace.h"
#include "tree.h"

struct library {
    void *handle; /* null: not loaded */
    bool loading; /* its own constructors may ask for it */
};

/* By index in the image; null until one is asked for. */
static struct library *libraries;

static _Thread_local const char *failure;

/* Why a needed library could not be loaded: the loader would only say that it is not there. */
static _Thread_local char missing[512];

static void
die_if_failed(struct status status)
{
    if (status_failed(status)) {
        status_die(status);
    }
}

static struct image_library
record_of(uint32_t index)
{
    struct image_library record;
    die_if_failed(image_library(tree_image(), index, &record));
    return record;
}

static uint32_t
dependency_of(const struct image_library *library, uint32_t position)
{
    uint32_t dependency;
    die_if_failed(image_dependency(tree_image(), library, position, &dependency));
    return dependency;
}

/* --- circles ------------------------------------------------------------------------------- */

/* Mark in `reached`, which has a place for every library, what `index` needs and is not loaded. */
static void
reach(uint32_t index, bool *reached)
{
    struct image_library library = record_of(index);
    for (uint32_t i = 0; i < library.dependency_count; i++) {
        uint32_t dependency = dependency_of(&library, i);
        if (!reached[dependency] && libraries[dependency].handle == NULL) {
            reached[dependency] = true;
            reach(dependency, reached);
        }
    }
}

static bool
needs(uint32_t index, uint32_t other)
{
    bool *reached = calloc(image_library_count(tree_image()), sizeof *reached);
    if (reached != NULL) {
        reach(index, reached);
    }
    bool result = reached != NULL && reached[other];
    free(reached);
    return result;
}

/* Store in `circle` the library itself and all that it needs and that need it. The places are as
   many as there are libraries. Returns how many were stored. */
static size_t
find_circle(uint32_t index, uint32_t *circle)
{
    uint32_t count = image_library_count(tree_image());
    bool *reached = calloc(count, sizeof *reached);
    size_t size = 0;
    circle[size++] = index;
    if (reached != NULL) {
        reach(index, reached);
    }
    /* Only what needs itself is in a circle. */
    for (uint32_t i = 0; reached != NULL && reached[index] && i < count; i++) {
        if (reached[i] && i != index && needs(i, index)) {
            circle[size++] = i;
        }
    }
    free(reached);
    return size;
}

/* --- loading ------------------------------------------------------------------------------- */

/* Let the loader call the library by its path in the tree: this is what dladdr and
   dl_iterate_phdr say of it, by which code finds out where it is. */
static void
give_name(void *handle, const char *path)
{
    struct link_map *map;
    if (handle != NULL && dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0 &&
        strcmp(map->l_name, path) != 0) {
        char *name = strdup(path); /* stays, as the library does */
        map->l_name = name != NULL ? name : map->l_name;
    }
}

static bool
fill(uint32_t index, struct os_library *library, char *path, size_t capacity)
{
    struct image_node node;
    struct text name;
    struct image_library record = record_of(index);
    die_if_failed(image_node(tree_image(), record.node, &node, &name));
    die_if_failed(image_locate_content(tree_image(), &node, &library->content));
    library->path = path;
    library->serial = index + 1;
    trace_library(record.node);
    return tree_path(record.node, path, capacity);
}

static void
load_one(uint32_t index, int flags)
{
    char path[PATH_MAX];
    struct os_library library;
    if (!fill(index, &library, path, sizeof path)) {
        failure = "the path is too long";
        return;
    }
    libraries[index].handle =
        os_load_library(&library.content, path, library.serial, flags, &failure);
    give_name(libraries[index].handle, path);
}

static void
load_circle(const uint32_t *circle, size_t size, int flags)
{
    char(*paths)[PATH_MAX] = calloc(size, sizeof *paths);
    struct os_library *members = calloc(size, sizeof *members);
    bool ready = paths != NULL && members != NULL;
    for (size_t i = 0; ready && i < size; i++) {
        ready = fill(circle[i], &members[i], paths[i], sizeof paths[i]);
    }
    if (ready) {
        /* A number that no library has, for each of them. */
        unsigned serial = image_library_count(tree_image()) + 1 + circle[0];
        os_load_circle(members, size, serial, flags, &failure);
    } else {
        failure = "out of memory";
    }
    for (size_t i = 0; ready && i < size; i++) {
        libraries[circle[i]].handle = members[i].handle;
        give_name(members[i].handle, paths[i]);
    }
    free(members);
    free(paths);
}

static void *load(uint32_t index, int flags);

static bool
is_in(const uint32_t *circle, size_t size, uint32_t index)
{
    for (size_t i = 0; i < size; i++) {
        if (circle[i] == index) {
            return true;
        }
    }
    return false;
}

/* Load what `index` needs, and those in a circle with it. */
static void
load_dependencies(uint32_t index, const uint32_t *circle, size_t size)
{
    struct image_library library = record_of(index);
    for (uint32_t i = 0; i < library.dependency_count; i++) {
        uint32_t dependency = dependency_of(&library, i);
        if (libraries[dependency].handle != NULL || is_in(circle, size, dependency)) {
            continue;
        }
        if (load(dependency, RTLD_LAZY | RTLD_LOCAL) == NULL && missing[0] == '\0') {
            const char *reason = failure ? failure : os_dlerror();
            snprintf(missing, sizeof missing, "%s", reason ? reason : "");
        }
    }
}

static void
load_first(uint32_t index, int flags)
{
    uint32_t *circle = calloc(image_library_count(tree_image()), sizeof *circle);
    if (circle == NULL) {
        failure = "out of memory";
        return;
    }
    size_t size = find_circle(index, circle);
    for (size_t i = 0; i < size; i++) {
        load_dependencies(circle[i], circle, size);
    }
    if (size == 1) {
        load_one(index, flags);
    } else {
        load_circle(circle, size, flags);
    }
    free(circle);
}

/* Open once more what is open: that counts, and may widen its scope to RTLD_GLOBAL. */
static void *
reopen(void *handle, int flags)
{
    struct link_map *map;
    if (dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0) {
        return handle;
    }
    return os_dlopen(map->l_name, flags | RTLD_NOLOAD);
}

static void *
load(uint32_t index, int flags)
{
    struct library *library = &libraries[index];
    if (library->handle != NULL) {
        return reopen(library->handle, flags);
    }
    if (library->loading || flags & RTLD_NOLOAD) {
        return NULL;
    }
    library->loading = true;
    load_first(index, flags);
    library->loading = false;
    /* One reference is ours: the library stays when the application closes it, and so does what
       we know of it. */
    return library->handle != NULL ? reopen(library->handle, flags) : NULL;
}

static void *
load_place(const struct place *place, int flags)
{
    uint32_t count = image_library_count(tree_image());
    if (place->error != 0 || place->node.library >= count) {
        failure = "there is no such shared library in the executable";
        return NULL;
    }
    if (libraries == NULL) {
        libraries = calloc(count, sizeof *libraries);
    }
    if (libraries == NULL) {
        failure = "out of memory";
        return NULL;
    }
    return load(place->node.library, flags);
}

static void *
load_inside(const struct place *place, int flags)
{
    if (place->outside != NULL) {
        return os_dlopen(place->outside, flags);
    }
    os_lock_libraries();
    failure = NULL;
    missing[0] = '\0';
    void *handle = load_place(place, flags);
    if (handle == NULL && missing[0] != '\0') {
        failure = missing;
    } else if (handle != NULL) {
        failure = NULL;
    }
    os_unlock_libraries();
    return handle;
}

/* Whether a path leads into the tree in another spelling than tree_has_prefix knows. The loader
   says no more than that it failed, so ask the kernel. */
static bool
spelled_otherwise(const char *path, struct place *place)
{
    struct stat status;
    return strchr(path, '/') != NULL &&
           refused_but_inside(tree_system_stat(AT_FDCWD, path, &status, 0), AT_FDCWD, path, place);
}

struct answer {
    bool inside;
    void *handle;
};

static __attribute__((noinline)) struct answer
serve(const char *path, int flags)
{
    struct place place;
    failure = NULL;
    late_load();
    if (path == NULL || (!tree_has_prefix(path, &place) && !spelled_otherwise(path, &place))) {
        return (struct answer){0};
    }
    return (struct answer){true, load_inside(&place, flags)};
}

/* What is outside goes on by a jump, for which this function must have nothing on the stack: the
   loader looks at its caller's address to find the run path that applies. */
EXPORT void *
dlopen(const char *path, int flags)
{
    struct answer answer = serve(path, flags);
    return answer.inside ? answer.handle : os_dlopen(path, flags);
}

EXPORT char *
dlerror(void)
{
    if (failure == NULL) {
        return os_dlerror();
    }
    char *message = (char *)failure;
    failure = NULL;
    return message;
}
