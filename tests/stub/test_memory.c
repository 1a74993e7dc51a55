/* The allocator of snapshots, by its functions in libc's place: random calls, each block filled
   with bytes that tell whose it is. tests/test_snapshot_memory.py links it with --wrap. Prints the
   first fault, and exits with 1. */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

enum { BLOCKS = 600, CALLS = 20000 };

struct block {
    unsigned char *at;
    size_t size;
    unsigned char fill;
};

static struct block blocks[BLOCKS];
static uint64_t state = 88172645463325252u;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static uint64_t
chance(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
}

/* Mostly small, and now and then around the sizes where something changes. */
static size_t
some_size(void)
{
    static const size_t edges[] = {0, 1, 16, 2048, 16384 - 64, 16384, 32768, 1 << 20};
    switch (chance(8)) {
    case 0:
        return edges[chance(sizeof edges / sizeof *edges)] + chance(3);
    case 1:
        return chance(200000);
    default:
        return chance(700);
    }
}

static void
check_content(const struct block *block)
{
    for (size_t i = 0; i < block->size; i++) {
        CHECK(block->at[i] == block->fill);
    }
}

/* What is given out is zero, in the arena, and known. */
static void
take(struct block *block, void *at, size_t size, bool is_new)
{
    size_t known;
    CHECK(at != NULL && (uintptr_t)at % 16 == 0);
    CHECK(memory_in_arena((uintptr_t)at, memory_arena_size()));
    CHECK(memory_block((uintptr_t)at + (size > 0 ? size - 1 : 0), &known) == at && known >= size);
    CHECK(malloc_usable_size(at) >= size);
    for (size_t i = 0; is_new && i < size; i++) {
        CHECK(((unsigned char *)at)[i] == 0);
    }
    *block = (struct block){at, size, (unsigned char)(1 + chance(255))};
    memset(at, block->fill, size);
}

static void
allocate(struct block *block)
{
    size_t size = some_size(), alignment = (size_t)16 << chance(9);
    void *at = NULL;
    switch (chance(5)) {
    case 0:
        at = calloc(1 + size / 8, 8);
        size = (1 + size / 8) * 8;
        break;
    case 1:
        CHECK(posix_memalign(&at, alignment, size) == 0);
        CHECK((uintptr_t)at % alignment == 0);
        break;
    case 2:
        at = memalign(alignment, size);
        CHECK((uintptr_t)at % alignment == 0);
        break;
    default:
        at = malloc(size);
    }
    take(block, at, size, true);
}

static void
change_size(struct block *block)
{
    size_t before = block->size, size = 1 + some_size();
    unsigned char *at = realloc(block->at, size);
    for (size_t i = 0; i < size; i++) {
        CHECK(at[i] == (i < before ? block->fill : 0) || i >= before);
    }
    take(block, at, size, false);
}

static void
call(void)
{
    struct block *block = &blocks[chance(BLOCKS)];
    if (block->at == NULL) {
        allocate(block);
        return;
    }
    check_content(block);
    if (chance(3) == 0) {
        change_size(block);
    } else {
        free(block->at);
        *block = (struct block){0};
    }
}

static bool
count_used(void *context, void *at, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (((unsigned char *)at)[i] != 0) {
            ++*(size_t *)context;
            break;
        }
    }
    return true;
}

static void
check_faults(void)
{
    volatile size_t huge = SIZE_MAX; /* compilers know what is too much */
    void *at;
    errno = 0;
    CHECK(calloc(huge / 2, 3) == NULL && errno == ENOMEM);
    errno = 0;
    CHECK(malloc(huge - 8) == NULL && errno == ENOMEM);
    CHECK(posix_memalign(&at, 64, MEMORY_ARENA_LIMIT + 1) == ENOMEM);
    CHECK(reallocarray(NULL, huge / 2, 3) == NULL);
    free(NULL);
}

/* A process that starts from a snapshot: its blocks stay where they are, and are left alone. */
static void
check_afterwards(void)
{
    size_t size = memory_arena_size();
    for (size_t i = 0; i < BLOCKS; i++) {
        struct block *block = &blocks[i];
        if (block->at == NULL) {
            continue;
        }
        unsigned char *moved = realloc(block->at, block->size + 100000);
        CHECK(!memory_in_arena((uintptr_t)moved, size));
        for (size_t at = 0; at < block->size; at++) {
            CHECK(moved[at] == block->fill);
        }
        free(moved);
        check_content(block);
        free(block->at);
        check_content(block);
    }
    CHECK(memory_arena_size() == size);
    void *outside = malloc(100);
    CHECK(!memory_in_arena((uintptr_t)outside, size));
    free(outside);
}

int
main(void)
{
    void *before = malloc(1000);
    CHECK(!memory_makes_snapshot() && memory_arena_size() == 0);
    CHECK(memory_begin_arena() && memory_makes_snapshot());
    before = realloc(before, 2000); /* a block from before stays one of libc's */
    CHECK(!memory_in_arena((uintptr_t)before, MEMORY_ARENA_LIMIT));
    free(before);
    check_faults();
    for (size_t i = 0; i < CALLS; i++) {
        call();
    }
    memory_end_arena();
    CHECK(!memory_makes_snapshot());
    size_t used = 0, expected = 0;
    memory_each_block(count_used, &used);
    for (size_t i = 0; i < BLOCKS; i++) {
        expected += blocks[i].size > 0;
    }
    CHECK(used == expected); /* all that has been freed is wiped */
    check_afterwards();
    return 0;
}
