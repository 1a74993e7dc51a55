/* Memory allocators of single domains. */
#ifndef OXIDIZE_ALLOCATORS_H
#define OXIDIZE_ALLOCATORS_H

#include "image.h"

/* Give single domains the allocators that the image names. To be called between
   preinitialisation, which has set that of all domains, and initialisation. */
struct status allocators_setup(const struct image *image);

#endif
