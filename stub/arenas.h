/* The memory of Python's small objects, in huge pages. */
#ifndef OXIDIZE_ARENAS_H
#define OXIDIZE_ARENAS_H

#include "image.h"

/* Once Python is pre-initialised, and has allocated nothing by its allocator for small objects. */
struct status arenas_setup(const struct image *image);

#endif
