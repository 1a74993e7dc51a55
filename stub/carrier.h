/* A shared object that has nothing but needs: the dynamic loader maps all that it names before it
   connects any of them. */
#ifndef OXIDIZE_CARRIER_H
#define OXIDIZE_CARRIER_H

#include <stddef.h>

/* Return a new ELF file whose DT_NEEDED entries are these, in their order, and its size; to be
   freed. Null: there is no memory. */
unsigned char *carrier_make(const char *const *needed, size_t count, size_t *size);

#endif
