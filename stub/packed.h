/* The modules of the image, as objects of Python. */
#ifndef OXIDIZE_PACKED_H
#define OXIDIZE_PACKED_H

#include <Python.h>
#include <stdbool.h>

#include "image.h"

/* Look a module up by its full name. Returns 1, 0 if it is not packed, or -1 with an exception. */
int packed_find(PyObject *name, struct image_module *module);

/* Whether it is a module that has been left out by a profile. */
bool packed_is_pruned(PyObject *name);

/* The directory that is searched for a module: for a package, the one that its own is in. */
uint32_t packed_searched_directory(const struct image_module *module);

/* The directory that holds node `index`. */
uint32_t packed_directory(uint32_t index);

/* The path under which node `index` appears in the file system, as a str. */
PyObject *packed_path(uint32_t index);

/* The paths of the directories that the image's options with this key name, as a tuple. */
PyObject *packed_option_paths(uint32_t key);

/* The content of a file. */
struct stored packed_content(uint32_t index);

static inline bool
packed_is_package(const struct image_module *module)
{
    return module->flags & IMAGE_MODULE_FLAG_PACKAGE;
}

/* Return an attribute of a module that is imported for it, or null with an exception set. */
PyObject *packed_import(const char *module_name, const char *attribute);

/* Put a function in the place of a module's, which becomes its `self`. Returns -1 with an exception
   set. */
int packed_wrap(const char *module_name, const char *function, PyMethodDef *definition);

#endif
