/* What is used of zstd's decoder. It allocates nothing: who calls it has the memory. */
#ifndef OXIDIZE_ZSTD_H
#define OXIDIZE_ZSTD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cursor.h"

struct zstd_context;
struct zstd_dictionary;

/* How much memory a context takes, and make one in `memory`, which is aligned as malloc's is. It
   can be used any number of times, by one thread at a time. Null: there is not enough memory. */
size_t zstd_context_size(void);
struct zstd_context *zstd_context(void *memory, size_t size);

/* The same for a dictionary, which refers to `content`. Null: the content is malformed. */
size_t zstd_dictionary_size(void);
const struct zstd_dictionary *zstd_dictionary(void *memory, size_t size, struct cursor content);

/* The number of the dictionary that a frame needs; 0: none. */
uint32_t zstd_dictionary_number(struct cursor frame);

/* Unpack a frame into `content`. False if it is malformed, or if its content is not exactly of that
   size. The dictionary may be null. */
bool zstd_unpack(struct zstd_context *context, const struct zstd_dictionary *dictionary,
                 struct cursor frame, void *content, size_t size);

#endif
