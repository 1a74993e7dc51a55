/* The contents of packed files, unpacked if they are compressed. Memory comes from the system
   alone, so that all of this may be done before there is Python, and in a child made by vfork. */
#ifndef OXIDIZE_CONTENT_H
#define OXIDIZE_CONTENT_H

#include "image.h"

struct workspace;

/* A content that can be looked at. */
struct content {
    struct cursor bytes;
    struct workspace *workspace; /* that `bytes` is in; null: in the image itself */
};

/* Make a content visible, until content_close. A status that fails leaves nothing to be closed. */
struct status content_open(const struct stored *stored, struct content *content);
void content_close(struct content *content);

/* Write a content into memory, which has as many bytes as it. */
struct status content_copy(const struct stored *stored, void *memory);

#endif
