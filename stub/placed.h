/* Packed files that are real ones while the program runs: beside the executable, or in the cache of
   the user. */
#ifndef OXIDIZE_PLACED_H
#define OXIDIZE_PLACED_H

#include "image.h"

/* See that the install tree of `executable` is beside it, and unpack what has to be, if the image's
   options ask for that. Ends the process when it cannot be done. */
void placed_setup(const struct image *image, const char *executable);

/* The directory below which the paths of search path options with this key are: that of the
   executable (IMAGE_OPTION_SEARCH_BESIDE) or that in the cache (IMAGE_OPTION_SEARCH_EXTRACTED). */
const char *placed_root(uint32_t key);

#endif
