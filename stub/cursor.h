/* Bounds-checked reads: the only way in which the image's bytes are looked at. */
#ifndef OXIDIZE_CURSOR_H
#define OXIDIZE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A run of bytes that may be read. */
struct cursor {
    const unsigned char *data;
    size_t size;
};

/* Store in *out the part of `whole` that begins at `offset`; false if it is not inside. */
static inline bool
cursor_slice(struct cursor whole, uint64_t offset, uint64_t size, struct cursor *out)
{
    if (offset > whole.size || size > whole.size - offset) {
        return false;
    }
    out->data = whole.data + offset;
    out->size = (size_t)size;
    return true;
}

/* Copy `size` bytes that begin at `offset` into *out; false if they are not inside. */
static inline bool
cursor_read(struct cursor whole, uint64_t offset, void *out, size_t size)
{
    struct cursor part;
    if (!cursor_slice(whole, offset, size, &part)) {
        return false;
    }
    memcpy(out, part.data, size);
    return true;
}

#endif
