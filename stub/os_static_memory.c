/* malloc in a static executable: mimalloc, which CPython has linked in since 3.13. musl's own is
   slow on large blocks and with many threads. All of libc's functions that allocate have to come
   here, and the linker sees to that but for three which zig's libc binds to its own malloc when it
   is compiled: memory.c has others in their place. */
#include <pyconfig.h> /* WITH_MIMALLOC */
#include <stddef.h>   /* size_t */

#ifdef WITH_MIMALLOC

void *mi_malloc(size_t size);
void *mi_calloc(size_t count, size_t size);
void *mi_realloc(void *block, size_t size);
void *mi_reallocarray(void *block, size_t count, size_t size);
void *mi_valloc(size_t size);
void mi_free(void *block);
void *mi_memalign(size_t alignment, size_t size);
void *mi_aligned_alloc(size_t alignment, size_t size);
int mi_posix_memalign(void **block, size_t alignment, size_t size);
size_t mi_usable_size(const void *block);

void *
malloc(size_t size)
{
    return mi_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
    return mi_calloc(count, size);
}

void *
realloc(void *block, size_t size)
{
    return mi_realloc(block, size);
}

void *
reallocarray(void *block, size_t count, size_t size)
{
    return mi_reallocarray(block, count, size);
}

void
free(void *block)
{
    mi_free(block);
}

void *
valloc(size_t size)
{
    return mi_valloc(size);
}

void *
memalign(size_t alignment, size_t size)
{
    return mi_memalign(alignment, size);
}

void *
aligned_alloc(size_t alignment, size_t size)
{
    return mi_aligned_alloc(alignment, size);
}

int
posix_memalign(void **block, size_t alignment, size_t size)
{
    return mi_posix_memalign(block, alignment, size);
}

size_t
malloc_usable_size(void *block)
{
    return mi_usable_size(block);
}

#endif
