/* Damage of a snapshot's pages. A start does not read them all, so that it cannot know. */
#ifndef OXIDIZE_SNAPSHOT_GUARD_H
#define OXIDIZE_SNAPSHOT_GUARD_H

#include <stdbool.h>

#include "image.h"

/* Whether the snapshot of `image`, none of whose pages has been mapped elsewhere, is what was
   written. Reads all of it. */
bool snapshot_is_whole(const struct image *image);

/* From now on look at the snapshot in the file when this process is about to crash: if it is
   damaged the process says so and ends; else it crashes as it would have. */
void snapshot_guard(const struct image *image);

/* The same for a process that ends with an exception which nobody has caught. Does nothing in one
   that has not started from a snapshot. */
void snapshot_die_if_damaged(void);

#endif
