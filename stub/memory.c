#define _GNU_SOURCE
#include "memory.h"

#include <errno.h>     /* ENOMEM */
#include <malloc.h>    /* malloc_usable_size */
#include <stdatomic.h> /* atomic_flag */
#include <stdlib.h>    /* posix_memalign */
#include <string.h>    /* memset */
#include <sys/mman.h>  /* mmap */
#include <wchar.h>     /* wcslen */

#include "first_blocks.h"
#include "first_objects.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

/* The linker's --wrap: whoever calls NAME calls __wrap_NAME, and __real_NAME is libc's. link.py
   finds the names by this. */
#define WRAPPED(name) __wrap_##name

#define PIECE ((size_t)1 << 20)
#define SMALLEST 16
#define FINE_LIMIT ((size_t)256) /* up to this each multiple of the smallest size has a class */
#define SMALL_LIMIT ((size_t)2 << 10)
#define FINE_CLASSES (FINE_LIMIT / SMALLEST)
#define COARSE_CLASSES 12 /* above it there are four up to each doubling */
#define SMALL_CLASSES (FINE_CLASSES + COARSE_CLASSES)
#define HEADER 64 /* of a chunk: blocks are aligned to 16, and large ones to this */

struct chunk {
    size_t block_size;
    size_t used; /* bytes from the chunk's beginning that have been given out */
};

struct freed {
    struct freed *next;
};

#define MOST_RUNS 4096

/* Chunks of large blocks that have been freed: from a chunk's header on, wiped. */
struct run {
    struct chunk *first;
    size_t size;
};

static struct {
    bool active;
    size_t size;             /* given out, in chunks */
    size_t mapped;           /* in pieces */
    uintptr_t first_objects; /* in a process that has started from a snapshot: where they begin */
    struct chunk *current[SMALL_CLASSES + 1];
    struct freed *freed[SMALL_CLASSES + 1];
    struct run runs[MOST_RUNS];
    size_t run_count;
    atomic_flag lock;
} arena;

/* --- the arena ----------------------------------------------------------------------------- */

/* Grown in pieces: a large reservation would fail where address space is limited (ulimit -v). */
static bool
grow(size_t size)
{
    while (arena.mapped < size) {
        void *at = (void *)(MEMORY_ARENA + arena.mapped);
        if (arena.mapped >= MEMORY_ARENA_LIMIT ||
            mmap(at, PIECE, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != at) {
            return false;
        }
        arena.mapped += PIECE;
    }
    return true;
}

static void
add_run(struct chunk *first, size_t size)
{
    first->block_size = size - HEADER; /* as if it were a block, for memory_each_block */
    first->used = size;
    if (arena.run_count < MOST_RUNS) {
        arena.runs[arena.run_count++] = (struct run){first, size};
    }
}

/* Take the beginning of the smallest run that is large enough; null if there is none. */
static struct chunk *
take_run(size_t size)
{
    struct run *best = NULL;
    for (size_t i = 0; i < arena.run_count; i++) {
        struct run *run = &arena.runs[i];
        if (run->size >= size && (best == NULL || run->size < best->size)) {
            best = run;
        }
    }
    if (best == NULL) {
        return NULL;
    }
    struct run taken = *best;
    *best = arena.runs[--arena.run_count];
    if (taken.size > size) {
        add_run((struct chunk *)((char *)taken.first + size), taken.size - size);
    }
    return taken.first;
}

static struct chunk *
new_chunks(size_t size, size_t block_size)
{
    size_t rounded = (size + MEMORY_CHUNK - 1) / MEMORY_CHUNK * MEMORY_CHUNK;
    struct chunk *chunk = take_run(rounded);
    if (chunk == NULL) {
        if (size > MEMORY_ARENA_LIMIT || !grow(arena.size + rounded)) {
            return NULL;
        }
        chunk = (struct chunk *)(MEMORY_ARENA + arena.size);
        arena.size += rounded;
    }
    chunk->block_size = block_size;
    return chunk;
}

static struct chunk *
chunk_of(const void *block)
{
    return (struct chunk *)((uintptr_t)block & ~(MEMORY_CHUNK - 1));
}

/* Few classes: a start touches less pages where few are begun. */
static size_t
class_of(size_t size)
{
    if (size <= FINE_LIMIT) {
        return (size + SMALLEST - 1) / SMALLEST;
    }
    size_t class = FINE_CLASSES + 1, block_size = FINE_LIMIT, step = FINE_LIMIT / 4;
    while (block_size + step < size) {
        block_size += step;
        class ++;
        if ((class - FINE_CLASSES) % 4 == 1) {
            step *= 2;
        }
    }
    return class;
}

static size_t
size_of(size_t class)
{
    if (class <= FINE_CLASSES) {
        return class * SMALLEST;
    }
    size_t doublings = (class - FINE_CLASSES - 1) / 4, steps = (class - FINE_CLASSES - 1) % 4 + 1;
    return (FINE_LIMIT << doublings) + (FINE_LIMIT << doublings) / 4 * steps;
}

size_t
memory_block_size(size_t size)
{
    return size <= SMALL_LIMIT ? size_of(class_of(size)) : size;
}

static void *
allocate_small(size_t size)
{
    size_t class = class_of(size), block_size = size_of(class);
    struct freed *block = arena.freed[class];
    if (block != NULL) {
        arena.freed[class] = block->next;
        block->next = NULL;
        return block;
    }
    struct chunk *chunk = arena.current[class];
    if (chunk == NULL || chunk->used + block_size > MEMORY_CHUNK) {
        if ((chunk = new_chunks(MEMORY_CHUNK, block_size)) == NULL) {
            return NULL;
        }
        chunk->used = HEADER;
        arena.current[class] = chunk;
    }
    void *fresh = (char *)chunk + chunk->used;
    chunk->used += chunk->block_size;
    return fresh;
}

/* Blocks are all zero when they are given out. */
static void *
allocate(size_t size, size_t alignment)
{
    void *block = NULL;
    while (atomic_flag_test_and_set(&arena.lock)) {
    }
    if (size <= SMALL_LIMIT && alignment <= SMALLEST) {
        block = allocate_small(size > 0 ? size : 1);
    } else if (size <= MEMORY_ARENA_LIMIT && alignment <= MEMORY_CHUNK / 2) {
        size_t before = alignment > HEADER ? alignment : HEADER;
        size = size > SMALL_LIMIT ? size : SMALL_LIMIT + SMALLEST; /* alone in its chunk */
        struct chunk *chunk = new_chunks(before + size, size);
        if (chunk != NULL) {
            chunk->used = before + size;
            block = (char *)chunk + before;
        }
    }
    atomic_flag_clear(&arena.lock);
    if (block == NULL) {
        errno = ENOMEM;
    }
    return block;
}

/* A large block continues in chunks that have no header. */
static size_t
extent_of(const struct chunk *chunk)
{
    size_t used = chunk->used > MEMORY_CHUNK ? chunk->used : MEMORY_CHUNK;
    return (used + MEMORY_CHUNK - 1) / MEMORY_CHUNK * MEMORY_CHUNK;
}

/* What is freed is wiped: nothing that is not in use is to be in a snapshot. */
static void
release(void *block)
{
    struct chunk *chunk = chunk_of(block);
    memset(block, 0, chunk->block_size);
    while (atomic_flag_test_and_set(&arena.lock)) {
    }
    if (chunk->block_size <= SMALL_LIMIT && chunk->used <= MEMORY_CHUNK) {
        struct freed *freed = block, **list = &arena.freed[class_of(chunk->block_size)];
        freed->next = *list;
        *list = freed;
    } else {
        add_run(chunk, extent_of(chunk));
    }
    atomic_flag_clear(&arena.lock);
}

/* The first objects and blocks of a process stand behind what the snapshot has, and have heads
   instead of chunks. */
static size_t
known_size(const void *block)
{
    if (arena.first_objects != 0 && (uintptr_t)block >= arena.first_objects) {
        return *(const size_t *)((const char *)block - FIRST_OBJECTS_HEAD);
    }
    return chunk_of(block)->block_size;
}

static bool
is_ours(const void *block)
{
    return memory_in_arena((uintptr_t)block, arena.size);
}

bool
memory_begin_arena(void)
{
    arena.active = grow(PIECE);
    return arena.active;
}

/* The lists of what is free would be words in blocks that nobody owns. */
void
memory_end_arena(void)
{
    arena.active = false;
    for (size_t class = 0; class <= SMALL_CLASSES; class ++) {
        while (arena.freed[class] != NULL) {
            struct freed *block = arena.freed[class];
            arena.freed[class] = block->next;
            block->next = NULL;
        }
    }
}

bool
memory_makes_snapshot(void)
{
    return arena.active;
}

size_t
memory_arena_size(void)
{
    return arena.size;
}

void
memory_adopt_arena(size_t size)
{
    arena.size = size + MEMORY_FIRST_SIZE;
    arena.first_objects = MEMORY_ARENA + size;
    first_blocks_setup(arena.first_objects + FIRST_OBJECTS_SIZE, MEMORY_ARENA + arena.size);
}

static size_t
first_block(const struct chunk *chunk)
{
    return chunk->block_size > SMALL_LIMIT ? chunk->used - chunk->block_size : (size_t)HEADER;
}

bool
memory_each_block(memory_visit *visit, void *context)
{
    for (uintptr_t at = MEMORY_ARENA; at < MEMORY_ARENA + arena.size;) {
        const struct chunk *chunk = (const struct chunk *)at;
        for (size_t offset = first_block(chunk); offset < chunk->used;
             offset += chunk->block_size) {
            if (!visit(context, (char *)at + offset, chunk->block_size)) {
                return false;
            }
        }
        at += extent_of(chunk);
    }
    return true;
}

const void *
memory_block(uintptr_t address, size_t *size)
{
    uintptr_t at = MEMORY_ARENA;
    if (!memory_in_arena(address, arena.size)) {
        return NULL;
    }
    while (address >= at + extent_of((const struct chunk *)at)) {
        at += extent_of((const struct chunk *)at);
    }
    const struct chunk *chunk = (const struct chunk *)at;
    size_t first = first_block(chunk), offset = address - at;
    if (offset < first || offset >= chunk->used) {
        return NULL;
    }
    *size = chunk->block_size;
    return (const char *)at + first + (offset - first) / *size * *size;
}

void *
memory_map(void *context, size_t size)
{
    (void)context;
    if (arena.active) {
        return allocate(size, MEMORY_CHUNK / 2);
    }
    void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return pages != MAP_FAILED ? pages : NULL;
}

void
memory_unmap(void *context, void *pages, size_t size)
{
    (void)context;
    if (!is_ours(pages)) {
        munmap(pages, size);
    } else if (arena.active) {
        release(pages);
    }
}

/* --- in libc's place ----------------------------------------------------------------------- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void __real_free(void *block);
int __real_posix_memalign(void **block, size_t alignment, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__real_memalign(size_t alignment, size_t size);
size_t __real_malloc_usable_size(void *block);

void *
WRAPPED(malloc)(size_t size)
{
    if (arena.active) {
        return allocate(size, SMALLEST);
    }
    void *first = first_blocks_take(size);
    return first != NULL ? first : __real_malloc(size);
}

void *
WRAPPED(calloc)(size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    if (arena.active) {
        return allocate(total, SMALLEST);
    }
    void *first = first_blocks_take(total); /* all zero: nobody has had it before */
    return first != NULL ? first : __real_calloc(count, size);
}

void
WRAPPED(free)(void *block)
{
    if (!is_ours(block)) {
        __real_free(block);
    } else if (arena.active) {
        release(block);
    }
}

void *
WRAPPED(realloc)(void *block, size_t size)
{
    if (block == NULL) {
        return WRAPPED(malloc)(size);
    }
    if (!is_ours(block)) {
        return __real_realloc(block, size);
    }
    size_t known = known_size(block);
    if (size <= known && (size > known / 2 || !arena.active)) {
        if (arena.active) {
            memset((char *)block + size, 0, known - size);
        }
        return block;
    }
    void *moved = WRAPPED(malloc)(size);
    if (moved != NULL) {
        memcpy(moved, block, known < size ? known : size);
        WRAPPED(free)(block);
    }
    return moved;
}

void *
WRAPPED(reallocarray)(void *block, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    return WRAPPED(realloc)(block, total);
}

int
WRAPPED(posix_memalign)(void **block, size_t alignment, size_t size)
{
    if (!arena.active) {
        return __real_posix_memalign(block, alignment, size);
    }
    *block = allocate(size, alignment);
    return *block != NULL ? 0 : ENOMEM;
}

void *
WRAPPED(aligned_alloc)(size_t alignment, size_t size)
{
    return arena.active ? allocate(size, alignment) : __real_aligned_alloc(alignment, size);
}

void *
WRAPPED(memalign)(size_t alignment, size_t size)
{
    return arena.active ? allocate(size, alignment) : __real_memalign(alignment, size);
}

size_t
WRAPPED(malloc_usable_size)(void *block)
{
    return is_ours(block) ? known_size(block) : __real_malloc_usable_size(block);
}

char *
WRAPPED(strndup)(const char *text, size_t most)
{
    size_t size = strnlen(text, most);
    char *copy = WRAPPED(malloc)(size + 1);
    if (copy != NULL) {
        memcpy(copy, text, size);
        copy[size] = '\0';
    }
    return copy;
}

char *
WRAPPED(strdup)(const char *text)
{
    return WRAPPED(strndup)(text, strlen(text));
}

wchar_t *
WRAPPED(wcsdup)(const wchar_t *text)
{
    size_t size = (wcslen(text) + 1) * sizeof *text;
    wchar_t *copy = WRAPPED(malloc)(size);
    return copy != NULL ? memcpy(copy, text, size) : NULL;
}
