/* Bounds-checked reads of what marshal has written, one after the other. */
#ifndef OXIDIZE_MARSHALLED_H
#define OXIDIZE_MARSHALLED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cursor.h"

/* The bytes that have not been read. */
struct marshalled {
    const unsigned char *next;
    const unsigned char *end;
};

static inline const unsigned char *
marshalled_take(struct marshalled *bytes, size_t size)
{
    if (size > (size_t)(bytes->end - bytes->next)) {
        return NULL;
    }
    const unsigned char *taken = bytes->next;
    bytes->next += size;
    return taken;
}

/* The next byte without reading it, or -1 at the end. */
static inline int
marshalled_peek(const struct marshalled *bytes)
{
    return bytes->next < bytes->end ? *bytes->next : -1;
}

static inline int
marshalled_byte(struct marshalled *bytes)
{
    return bytes->next < bytes->end ? *bytes->next++ : -1;
}

static inline bool
marshalled_int(struct marshalled *bytes, int *out)
{
    const unsigned char *four = marshalled_take(bytes, 4);
    if (four == NULL) {
        return false;
    }
    *out = (int)(four[0] | four[1] << 8 | four[2] << 16 | (uint32_t)four[3] << 24);
    return true;
}

/* A number, of one byte or of four, that is not negative; -1 if there is none. */
static inline int
marshalled_size(struct marshalled *bytes, bool is_short)
{
    int size;
    if (is_short) {
        return marshalled_byte(bytes);
    }
    return marshalled_int(bytes, &size) && size >= 0 ? size : -1;
}

/* Store in *out the bytes that follow their number. */
static inline bool
marshalled_run(struct marshalled *bytes, bool is_short, struct cursor *out)
{
    int size = marshalled_size(bytes, is_short);
    out->size = (size_t)size;
    return size >= 0 && (out->data = marshalled_take(bytes, out->size)) != NULL;
}

#endif
