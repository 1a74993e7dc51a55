/* Where the path of the executable is in a snapshot, and how this process's own takes its place.

   While a snapshot is made the executable is called by a path that occurs nowhere else; so all
   that depends on it can be found, and none is missed. */
#ifndef OXIDIZE_SNAPSHOT_PATHS_H
#define OXIDIZE_SNAPSHOT_PATHS_H

#include <Python.h>

#include "image_format.h"
#include "snapshot_state.h"

/* What both parts of a snapshot's path begin with, behind the directory's slash. */
#define SNAPSHOT_TOKEN "oxidize-snapshot-"

#define SNAPSHOT_ROOT IMAGE_SNAPSHOT_DIRECTORY "/" IMAGE_SNAPSHOT_NAME

/* Whether `executable` fits into the place of the path that a snapshot is made with. */
bool snapshot_path_fits(const char *executable);

/* Put `executable` in the place of the path in `text`. */
void snapshot_replace_path(const struct image_snapshot_path *text, const char *executable);

/* --- while a snapshot is made ----------------------------------------------------------------- */

struct snapshot_paths {
    struct image_snapshot_path *list; /* sorted by address */
    size_t count;
    size_t capacity;
    PyObject *containers; /* a list: dicts and sets that have to be built anew */
    PyObject *path_class; /* pathlib's, if that is imported */
    size_t faults;
};

/* Find the path in the arena and the regions. What can't be replaced is written to stderr. */
void snapshot_find_paths(const struct region regions[SNAPSHOT_REGIONS],
                         struct snapshot_paths *paths);

/* Find the dicts and sets whose order depends on what is replaced. */
void snapshot_find_containers(struct snapshot_paths *paths);

#endif
