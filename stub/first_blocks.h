/* The first blocks of a process that starts from a snapshot. */
#ifndef OXIDIZE_FIRST_BLOCKS_H
#define OXIDIZE_FIRST_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

/* There is room from `first` to `end`, which is all zero. */
void first_blocks_setup(uintptr_t first, uintptr_t end);

/* A block that is all zero, with FIRST_OBJECTS_HEAD bytes before it that begin with its size. Null
   if there is no room for it. */
void *first_blocks_take(size_t size);

#endif
