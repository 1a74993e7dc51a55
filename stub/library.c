/* This executable's own dlopen stands before the system's: the dynamic loader binds the calls of
   CPython, ctypes and of every other library to it. A path inside the executable is loaded from
   the image, after the libraries that it needs; any other goes on untouched.

   The loader satisfies DT_NEEDED by the SONAMEs of libraries that are loaded already, so that
   run paths of packed libraries need not resolve to anything. */
#define _GNU_SOURCE
#include <dlfcn.h>  /* RTLD_LAZY */
#include <fcntl.h>  /* AT_FDCWD */
#include <link.h>   /* struct link_map */
#include <stdlib.h> /* calloc */

#include "interpose.h"
#include "os.h"
#include "tree.h"

struct library {
    void *handle; /* null: not loaded */
    bool loading; /* libraries may need each other in a circle */
};

/* By index in the image; null until one is asked for. */
static struct library *libraries;

static _Thread_local const char *failure;

static void *load(uint32_t index, int flags);

static void
load_dependencies(const struct image_library *library)
{
    for (uint32_t i = 0; i < library->dependency_count; i++) {
        uint32_t dependency;
        struct status status = image_dependency(tree_image(), library, i, &dependency);
        if (status_failed(status)) {
            status_die(status);
        }
        /* One that fails is reported by the loader, when it misses it. */
        if (libraries[dependency].handle == NULL) {
            load(dependency, RTLD_LAZY | RTLD_LOCAL);
        }
    }
}

static void *
load_content(uint32_t index, const struct image_library *library, int flags)
{
    struct image_node node;
    struct text name;
    struct cursor content;
    char path[PATH_MAX];
    struct status status = image_node(tree_image(), library->node, &node, &name);
    if (!status_failed(status)) {
        status = image_content(tree_image(), &node, &content);
    }
    if (status_failed(status)) {
        status_die(status);
    }
    if (!tree_path(library->node, path, sizeof path)) {
        failure = "the path is too long";
        return NULL;
    }
    return os_load_library(content, path, index + 1, flags, &failure);
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
    if (library->loading) {
        return NULL;
    }
    if (library->handle != NULL) {
        return reopen(library->handle, flags);
    }
    struct image_library record;
    struct status status = image_library(tree_image(), index, &record);
    if (status_failed(status)) {
        status_die(status);
    }
    library->loading = true;
    load_dependencies(&record);
    library->handle = load_content(index, &record, flags);
    library->loading = false;
    return library->handle;
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
    void *handle = load_place(place, flags);
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

EXPORT void *
dlopen(const char *path, int flags)
{
    struct place place;
    if (path != NULL && (tree_has_prefix(path, &place) || spelled_otherwise(path, &place))) {
        return load_inside(&place, flags);
    }
    return os_dlopen(path, flags);
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
