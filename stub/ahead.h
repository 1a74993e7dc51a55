/* Bytecode that a thread of the stub's own unpacks while the program imports what comes before. */
#ifndef OXIDIZE_AHEAD_H
#define OXIDIZE_AHEAD_H

#include "image.h"

/* Begin to unpack the modules that the image says traced runs have imported. Where there
   is no second processor, or no thread can be made, nothing happens. */
void ahead_begin(const struct image *image);

/* Give the content of this node, which has been checked, until ahead_release. False: it has not
   been unpacked, and will not be any more. */
bool ahead_take(uint32_t node, struct cursor *content);
void ahead_release(struct cursor content);

#endif
