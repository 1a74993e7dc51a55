/* malloc has pages of its own to write to, libc's as well as mimalloc. Many a program ends before
   the room here is full, and never needs it. Room that is released is not used again. */
#include "first_blocks.h"

#include <stdatomic.h> /* atomic_uintptr_t */

#include "first_objects.h"

enum { GRAIN = 16 };

static struct {
    uintptr_t end; /* 0: there is none */
    atomic_uintptr_t next;
} room;

void
first_blocks_setup(uintptr_t first, uintptr_t end)
{
    room.end = end;
    atomic_init(&room.next, first);
}

void *
first_blocks_take(size_t size)
{
    if (room.end == 0) {
        return NULL;
    }
    uintptr_t at = atomic_load(&room.next), behind;
    do {
        size_t left = room.end - at;
        if (left < FIRST_OBJECTS_HEAD + GRAIN || size > left - FIRST_OBJECTS_HEAD - GRAIN) {
            return NULL;
        }
        behind = at + FIRST_OBJECTS_HEAD + (size + GRAIN) / GRAIN * GRAIN;
    } while (!atomic_compare_exchange_weak(&room.next, &at, behind));
    *(size_t *)at = behind - at - FIRST_OBJECTS_HEAD;
    return (void *)(at + FIRST_OBJECTS_HEAD);
}
