/* What compilers call without being asked to. */
#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);
int memcmp(const void *a, const void *b, size_t size);

/* Compilers make a call of memcpy of a loop that copies, here too, but not of one with this in it.
 */
#define NO_CALL() __asm__ volatile("" : : : "memory")

static void
copy_forwards(unsigned char *to, const unsigned char *from, size_t size)
{
#if defined(__x86_64__)
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
#else
    for (; size >= sizeof(long); size -= sizeof(long)) {
        long word;
        __builtin_memcpy(&word, from, sizeof word);
        __builtin_memcpy(to, &word, sizeof word);
        to += sizeof word;
        from += sizeof word;
        NO_CALL();
    }
    while (size-- > 0) {
        *to++ = *from++;
        NO_CALL();
    }
#endif
}

void *
memcpy(void *restrict to, const void *restrict from, size_t size)
{
    copy_forwards(to, from, size);
    return to;
}

void *
memmove(void *to, const void *from, size_t size)
{
    unsigned char *target = to;
    const unsigned char *source = from;
    if (target <= source || target >= source + size) {
        copy_forwards(target, source, size);
        return to;
    }
    while (size-- > 0) {
        target[size] = source[size];
        NO_CALL();
    }
    return to;
}

void *
memset(void *to, int value, size_t size)
{
    unsigned char *target = to;
#if defined(__x86_64__)
    __asm__ volatile("rep stosb" : "+D"(target), "+c"(size) : "a"(value) : "memory");
#else
    while (size-- > 0) {
        *target++ = (unsigned char)value;
        NO_CALL();
    }
#endif
    return to;
}

int
memcmp(const void *a, const void *b, size_t size)
{
    const unsigned char *first = a, *second = b;
    for (size_t i = 0; i < size; i++) {
        if (first[i] != second[i]) {
            return first[i] - second[i];
        }
    }
    return 0;
}
