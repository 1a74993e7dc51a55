/* Shared libraries from memory. */
#ifndef OXIDIZE_LIBRARY_H
#define OXIDIZE_LIBRARY_H

#include "image.h"

/* Make dlopen serve the libraries of `image` under paths below `prefix`. Both must stay. */
void library_setup(const struct image *image, const char *prefix);

#endif
