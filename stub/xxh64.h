#ifndef OXIDIZE_XXH64_H
#define OXIDIZE_XXH64_H

#include "cursor.h"

/* XXH64 of the bytes, after https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md */
uint64_t xxh64(struct cursor bytes, uint64_t seed);

#endif
