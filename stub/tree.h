/* The file tree inside the executable, as the functions of libc that take paths need it.

   A path leads into the tree if it goes through the executable's own file as if that were a
   directory. The kernel answers ENOTDIR to all such paths, so the two never collide, and a path
   that it does not answer so needs no second look. */
#ifndef OXIDIZE_TREE_H
#define OXIDIZE_TREE_H

#include <limits.h>
#include <sys/stat.h>

#include "image.h"

/* Every packed file has the same time, so that builds are reproducible: 1980-01-01, the earliest
   that zip files know. */
#define TREE_TIME 315532800

/* How a file is opened: for reading, for writing. (musl counts O_PATH into its O_ACCMODE.) */
#define TREE_ACCESS_MODE (O_RDONLY | O_WRONLY | O_RDWR)

/* Where a path leads. */
struct place {
    int error;          /* 0, or the errno of looking it up: there is no such entry */
    bool last;          /* an error is that of the last component: all before it is there */
    bool slash;         /* the path ends with a slash */
    unsigned char dots; /* 1 or 2 if the last component is "." or ".." */
    uint32_t index;     /* of the node */
    struct image_node node;
    const char *outside; /* if the path leaves the tree again (..): where to, in `buffer` */
    char buffer[PATH_MAX];
};

/* From now on paths below `executable` lead into the tree of `image`. Both must stay. */
void tree_setup(const struct image *image, const char *executable);

/* The image and the executable's path; null before tree_setup. */
const struct image *tree_image(void);
const char *tree_root(void);

/* Whether `path` begins with the executable's path and leads into the tree, or is relative to a
   current directory in the tree. This is the one comparison that a path outside costs. */
bool tree_has_prefix(const char *path, struct place *place);

/* The same for a path that may be relative to `directory`, a descriptor or AT_FDCWD. */
bool tree_has_prefix_at(int directory, const char *path, struct place *place);

/* The same by any spelling: relative to an open directory, through symbolic links, from an open
   directory of the tree. For paths that the kernel answered ENOTDIR to. */
bool tree_leads_inside(int directory, const char *path, struct place *place);

/* The place of node `index`. */
void tree_place(uint32_t index, struct place *place);

/* Whether a descriptor with this status is one of tree_open's. */
bool tree_place_of_status(const struct stat *status, struct place *place);
bool tree_place_of_descriptor(int descriptor, struct place *place);

/* Write the path of node `index` into `path`; false if it is too long. The second gives the one
   that has no symbolic links in it. */
bool tree_path(uint32_t index, char *path, size_t capacity);
bool tree_real_path(uint32_t index, char *path, size_t capacity);

/* The kernel's own fstatat, for those who cannot call ours. */
int tree_system_stat(int directory, const char *path, struct stat *status, int flags);

/* What stat says of a node. */
void tree_stat(const struct place *place, struct stat *status);

/* Open a file or directory read-only: a descriptor, or -1 and errno. `flags` are those of open. */
int tree_open(const struct place *place, int flags);

/* The current directory, while that is in the tree. The kernel's own is then the one that holds
   the executable. Entering fails with ENOTDIR in a child made by vfork: it shares the memory. */
bool tree_working_directory(uint32_t *index);
int tree_enter(const struct place *place);
void tree_leave(void);

#endif
