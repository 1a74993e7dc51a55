/* The same source as in ../zstd.c, and the same part of it: the whole is no quicker here either. It
   allocates nothing, as it is given memory. */
#define HUF_FORCE_DECOMPRESS_X1
#define ZSTD_FORCE_DECOMPRESS_SEQUENCES_SHORT

#include "decoder.h"

/* In the place of malloc, calloc and free. */
#define ZSTD_DEPS_MALLOC
#define ZSTD_malloc(size) NULL
#define ZSTD_calloc(count, size) NULL
#define ZSTD_free(memory) ((void)(memory))

#include "../zstd/zstddeclib.c"

size_t
decoder_memory(void)
{
    return ZSTD_estimateDCtxSize();
}

bool
decoder_unpack(void *memory, const void *frame, size_t frame_size, void *content, size_t size)
{
    ZSTD_DCtx *context = ZSTD_initStaticDCtx(memory, decoder_memory());
    return context != NULL &&
           ZSTD_decompressDCtx(context, content, size, frame, frame_size) == size;
}
