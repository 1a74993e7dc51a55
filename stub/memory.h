/* Where libpython, and the libraries linked with it, allocate: of libc, but while a snapshot is
   being made in an arena at a fixed address, which becomes a part of it.

   When a process starts from a snapshot the arena is there, full, and never changes its shape:
   what is freed in it is left alone, and what is allocated comes from libc, but for the first
   objects of Python, see first_objects.h, and the first blocks. */
#ifndef OXIDIZE_MEMORY_H
#define OXIDIZE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Below 39-bit address spaces' half, and far from where kernels and loaders put anything. */
#ifndef MEMORY_ARENA /* where AddressSanitizer has its shadow */
#define MEMORY_ARENA ((uintptr_t)0x4000000000)
#endif

/* The most that a snapshot holds. */
#define MEMORY_ARENA_LIMIT ((size_t)1 << 30)

/* Behind what a snapshot has: for the first objects, and for the first blocks. */
#define MEMORY_FIRST_SIZE ((size_t)1 << 20)

/* A block's chunk begins at a multiple of this, and with the size of its blocks. */
#define MEMORY_CHUNK ((size_t)16 << 10)

/* From now on allocate in the arena. False: there is something else at its address. */
bool memory_begin_arena(void);

/* From now on allocate as usual again. */
void memory_end_arena(void);

/* Whether that is so. */
bool memory_makes_snapshot(void);

/* How many bytes of the arena are in use; none in a process that has no snapshot. */
size_t memory_arena_size(void);

/* The arena is mapped by a snapshot, `size` bytes with MEMORY_FIRST_SIZE bytes behind it that are
   all zero: its blocks are to be known. */
void memory_adopt_arena(size_t size);

/* The beginning and the size of the block that holds `address`, which is in the arena; null where
   there is none. */
const void *memory_block(uintptr_t address, size_t *size);

/* The size of the block that is given out where `size` bytes are asked for. */
size_t memory_block_size(size_t size);

/* Call `visit` with every block of the arena, those that have been freed included, until it fails.
 */
typedef bool memory_visit(void *context, void *block, size_t size);
bool memory_each_block(memory_visit *visit, void *context);

/* For pages: what CPython's own allocators want instead of mmap. */
void *memory_map(void *context, size_t size);
void memory_unmap(void *context, void *pages, size_t size);

static inline bool
memory_in_arena(uintptr_t address, size_t size)
{
    return address - MEMORY_ARENA < size;
}

#endif
