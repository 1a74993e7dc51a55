/* zstd's decoder, under names of its own: libpython may be linked with a libzstd too. One of the
   two ways to decode each of literals and sequences is left out, which serves all data: it is half
   the size then, and takes no more instructions for files as small as modules are. */
#define HUF_FORCE_DECOMPRESS_X1
#define ZSTD_FORCE_DECOMPRESS_SEQUENCES_SHORT

#include "zstd/names.h"
#include "zstd/zstddeclib.c"

#include "zstd.h"

/* Its own functions for this are not in the part of its interface that declares itself. */
size_t
zstd_context_size(void)
{
    return ZSTD_estimateDCtxSize();
}

struct zstd_context *
zstd_context(void *memory, size_t size)
{
    return (struct zstd_context *)ZSTD_initStaticDCtx(memory, size);
}

size_t
zstd_dictionary_size(void)
{
    return ZSTD_estimateDDictSize(0, ZSTD_dlm_byRef);
}

const struct zstd_dictionary *
zstd_dictionary(void *memory, size_t size, struct cursor content)
{
    return (const struct zstd_dictionary *)ZSTD_initStaticDDict(
        memory, size, content.data, content.size, ZSTD_dlm_byRef, ZSTD_dct_fullDict);
}

uint32_t
zstd_dictionary_number(struct cursor frame)
{
    return ZSTD_getDictID_fromFrame(frame.data, frame.size);
}

bool
zstd_unpack(struct zstd_context *context, const struct zstd_dictionary *dictionary,
            struct cursor frame, void *content, size_t size)
{
    size_t unpacked = ZSTD_decompress_usingDDict((ZSTD_DCtx *)context, content, size, frame.data,
                                                 frame.size, (const ZSTD_DDict *)dictionary);
    return unpacked == size; /* errors are numbers that no size is */
}
