/* pymalloc keeps objects of each size in a pool of 16 KB: where there are few objects of many sizes
   each of them is in another page. The first ones of a process stand one behind the other here,
   in pages that the kernel has given all at once. What most programs allocate when they start
   is soon released, or kept for good; so room that is released is used again for the latest only.
 */
#define _GNU_SOURCE
#include "first_objects.h"

#include <Python.h>

#include <stdatomic.h> /* atomic_uintptr_t */
#include <stdbool.h>   /* bool */
#include <stdint.h>    /* uintptr_t */
#include <sys/mman.h>  /* madvise */

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

enum { DOMAINS = 2, GRAIN = 16, POPULATED = 32 << 10, LARGEST = 4 << 10 };

static const PyMemAllocatorDomain domains[DOMAINS] = {PYMEM_DOMAIN_MEM, PYMEM_DOMAIN_OBJ};

/* Interpreters with a lock of their own may allocate at the same time. */
static struct {
    uintptr_t first;
    uintptr_t end;
    atomic_uintptr_t next;
    PyMemAllocatorEx usual[DOMAINS];
} room;

static void *first_malloc(void *context, size_t size);

static bool
is_in_room(const void *block)
{
    return (uintptr_t)block - room.first < room.end - room.first;
}

static size_t *
size_of(void *block)
{
    return (size_t *)((char *)block - FIRST_OBJECTS_HEAD);
}

/* From now on allocate as usual, unless something else has taken our place, and calls us. */
static void
end(void)
{
    for (int i = 0; i < DOMAINS; i++) {
        PyMemAllocatorEx current;
        PyMem_GetAllocator(domains[i], &current);
        if (current.malloc == first_malloc) {
            PyMem_SetAllocator(domains[i], &room.usual[i]);
        }
    }
}

static void *
first_malloc(void *context, size_t size)
{
    PyMemAllocatorEx *usual = context;
    if (size <= LARGEST) {
        size_t wanted = size > 0 ? size : 1;
        size_t rounded = (wanted + GRAIN - 1) / GRAIN * GRAIN;
        uintptr_t at = atomic_fetch_add(&room.next, FIRST_OBJECTS_HEAD + rounded);
        if (at + FIRST_OBJECTS_HEAD + rounded <= room.end) {
            void *block = (void *)(at + FIRST_OBJECTS_HEAD);
            *size_of(block) = rounded;
            return block;
        }
        end();
    }
    return usual->malloc(usual->ctx, size);
}

static void *
first_calloc(void *context, size_t count, size_t size)
{
    PyMemAllocatorEx *usual = context;
    size_t total;
    if (__builtin_mul_overflow(count, size, &total) || total > LARGEST) {
        return usual->calloc(usual->ctx, count, size);
    }
    void *block = first_malloc(context, total);
    return block != NULL ? memset(block, 0, total) : NULL;
}

static void
first_free(void *context, void *block)
{
    PyMemAllocatorEx *usual = context;
    if (!is_in_room(block)) {
        usual->free(usual->ctx, block);
        return;
    }
    uintptr_t behind = (uintptr_t)block + *size_of(block);
    atomic_compare_exchange_strong(&room.next, &behind, (uintptr_t)size_of(block));
}

static void *
first_realloc(void *context, void *block, size_t size)
{
    PyMemAllocatorEx *usual = context;
    if (block == NULL) {
        return first_malloc(context, size);
    }
    if (!is_in_room(block)) {
        return usual->realloc(usual->ctx, block, size);
    }
    size_t known = *size_of(block);
    if (size <= known) {
        return block;
    }
    void *moved = first_malloc(context, size);
    if (moved != NULL) {
        memcpy(moved, block, known);
        first_free(context, block);
    }
    return moved;
}

void
first_objects_setup(void *at)
{
    madvise(at, POPULATED, MADV_POPULATE_WRITE);
    room.first = (uintptr_t)at;
    room.end = room.first + FIRST_OBJECTS_SIZE;
    atomic_init(&room.next, room.first);
    for (int i = 0; i < DOMAINS; i++) {
        PyMem_GetAllocator(domains[i], &room.usual[i]);
        PyMemAllocatorEx first = {&room.usual[i], first_malloc, first_calloc, first_realloc,
                                  first_free};
        PyMem_SetAllocator(domains[i], &first);
    }
}
