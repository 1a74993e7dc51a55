/* The fields of PyPreConfig and PyConfig that the image sets. */
#ifndef OXIDIZE_CONFIG_FIELDS_H
#define OXIDIZE_CONFIG_FIELDS_H

#include <Python.h>

#include "image.h"

/* Each of these applies to what holds the defaults already. `child`: the process is sys.executable,
   which takes from its command line what python's own options say. */

struct status config_fields_before(const struct image *image, bool child, PyPreConfig *preconfig);

/* `executable` is its absolute path: $ORIGIN in a path is its directory. */
PyStatus config_fields_after(const struct image *image, bool child, const char *executable,
                             PyConfig *config);

#endif
