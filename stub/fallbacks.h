/* Files of the host that may stand elsewhere on this one, or not at all. */
#ifndef OXIDIZE_FALLBACKS_H
#define OXIDIZE_FALLBACKS_H

#include "tree.h"

/* Read the rules from the image's options. To be called after tree_setup. */
struct status fallbacks_setup(const struct image *image);

/* Whether there is something in the place of `path`, which the kernel does not find: a file of the
   tree, or one of the host, which is place->outside. */
bool fallbacks_have(const char *path, struct place *place);

#endif
