/* Moving texts with the path of the executable to one place. */
#ifndef OXIDIZE_SNAPSHOT_GATHER_H
#define OXIDIZE_SNAPSHOT_GATHER_H

#include "snapshot_paths.h"
#include "snapshot_state.h"

/* Move those of `paths` that can be moved to `place`, and let `paths` and all that is saved refer
   to them there. Nothing else may refer to them. False: there is too little memory. */
bool snapshot_gather_paths(const struct region regions[SNAPSHOT_REGIONS],
                           struct snapshot_paths *paths, struct region *place);

#endif
