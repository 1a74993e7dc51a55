/* The first objects of a process that starts from a snapshot. */
#ifndef OXIDIZE_FIRST_OBJECTS_H
#define OXIDIZE_FIRST_OBJECTS_H

#include <stddef.h>

enum { FIRST_OBJECTS_SIZE = 64 << 10, FIRST_OBJECTS_HEAD = 16 };

/* Let Python allocate in `room`, which is all zero and has FIRST_OBJECTS_SIZE bytes, until it is
   full; then as before. Blocks have FIRST_OBJECTS_HEAD bytes before them that begin with their
   size. free() and realloc() have to know them: they may be released when Python allocates as
   before. */
void first_objects_setup(void *room);

#endif
