/* This executable's own dlopen stands before the system's: the dynamic loader binds the calls of
   CPython, ctypes and of every other library to it. A path inside the executable is loaded from
   the image, after the libraries that it needs; any other goes on untouched.

   The loader satisfies DT_NEEDED by the SONAMEs of libraries that are loaded already, so that
   run paths of packed libraries need not resolve to anything. */
#define _GNU_SOURCE
#include "library.h"

#include <dlfcn.h>  /* RTLD_LAZY */
#include <limits.h> /* PATH_MAX */
#include <link.h>   /* struct link_map */
#include <stdlib.h> /* calloc */

#include "os.h"

struct library {
    void *handle; /* null: not loaded */
    bool loading; /* libraries may need each other in a circle */
};

static struct {
    const struct image *image;
    struct text prefix;
    struct library *libraries; /* by index; null until one is asked for */
} loaded;

static _Thread_local const char *failure;

void
library_setup(const struct image *image, const char *prefix)
{
    loaded.image = image;
    loaded.prefix = text_of(prefix);
}

/* The part of `path` below the executable, or null. */
static const char *
path_inside(const char *path)
{
    size_t size = loaded.prefix.size;
    if (path == NULL || loaded.image == NULL || size == 0 ||
        strncmp(path, loaded.prefix.data, size) != 0 || path[size] != '/') {
        return NULL;
    }
    return path + size + 1;
}

static void *load(uint32_t index, int flags);

static void
load_dependencies(const struct image_library *library)
{
    for (uint32_t i = 0; i < library->dependency_count; i++) {
        uint32_t dependency;
        struct status status = image_dependency(loaded.image, library, i, &dependency);
        if (status_failed(status)) {
            status_die(status);
        }
        /* One that fails is reported by the loader, when it misses it. */
        if (loaded.libraries[dependency].handle == NULL) {
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
    size_t prefix = loaded.prefix.size;
    struct status status = image_node(loaded.image, library->node, &node, &name);
    if (!status_failed(status)) {
        status = image_content(loaded.image, &node, &content);
    }
    if (!status_failed(status)) {
        memcpy(path, loaded.prefix.data, prefix);
        path[prefix] = '/';
        status = image_path(loaded.image, library->node, path + prefix + 1,
                            sizeof path - prefix - 1);
    }
    if (status_failed(status)) {
        status_die(status);
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
    struct library *library = &loaded.libraries[index];
    if (library->loading) {
        return NULL;
    }
    if (library->handle != NULL) {
        return reopen(library->handle, flags);
    }
    struct image_library record;
    struct status status = image_library(loaded.image, index, &record);
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
load_inside(const char *path, int flags)
{
    bool present;
    uint32_t index;
    struct image_node node;
    struct text name;
    struct status status = image_find_path(loaded.image, text_of(path), &present, &index);
    if (!status_failed(status) && present) {
        status = image_node(loaded.image, index, &node, &name);
    }
    if (status_failed(status)) {
        status_die(status);
    }
    if (!present || node.library >= image_library_count(loaded.image)) {
        failure = "no such shared library in the executable";
        return NULL;
    }
    if (loaded.libraries == NULL) {
        loaded.libraries = calloc(image_library_count(loaded.image), sizeof *loaded.libraries);
    }
    if (loaded.libraries == NULL) {
        failure = "out of memory";
        return NULL;
    }
    return load(node.library, flags);
}

__attribute__((visibility("default"))) void *
dlopen(const char *path, int flags)
{
    const char *inside = path_inside(path);
    if (inside == NULL) {
        return os_dlopen(path, flags);
    }
    os_lock_libraries();
    void *handle = load_inside(inside, flags);
    os_unlock_libraries();
    return handle;
}

__attribute__((visibility("default"))) char *
dlerror(void)
{
    if (failure == NULL) {
        return os_dlerror();
    }
    char *message = (char *)failure;
    failure = NULL;
    return message;
}
