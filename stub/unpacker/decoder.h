/* zstd's decoder without libc. */
#ifndef OXIDIZE_UNPACKER_DECODER_H
#define OXIDIZE_UNPACKER_DECODER_H

#include <stdbool.h>
#include <stddef.h>

/* The memory that one thread needs, in bytes. It is aligned as pages are. */
size_t decoder_memory(void);

/* Unpack a frame into `content`; false if it is malformed or its content is not of exactly that
   size. */
bool decoder_unpack(void *memory, const void *frame, size_t frame_size, void *content, size_t size);

#endif
