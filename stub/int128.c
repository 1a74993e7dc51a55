/* Division of 128-bit numbers, which compilers leave to a library of theirs. zig's has memcpy and
   its like and functions of libm in the same object, slower than libc's, and these would be linked
   into the executable as well and take the place of libc's. */
#include <stdint.h>

#ifdef __SIZEOF_INT128__

typedef unsigned __int128 uint128;

#define EXPORTED __attribute__((used))

/* Divide `high`:`low`, where `high` is less than `divisor`. */
static uint64_t
divide_words(uint64_t high, uint64_t low, uint64_t divisor, uint64_t *remainder)
{
#ifdef __x86_64__
    uint64_t quotient;
    __asm__("divq %4"
            : "=a"(quotient), "=d"(*remainder)
            : "a"(low), "d"(high), "r"(divisor)
            : "cc");
    return quotient;
#else
    uint64_t quotient = 0;
    for (int bit = 63; bit >= 0; bit--) {
        uint64_t carry = high >> 63;
        high = high << 1 | (low >> bit & 1);
        if (carry || high >= divisor) {
            high -= divisor;
            quotient |= (uint64_t)1 << bit;
        }
    }
    *remainder = high;
    return quotient;
#endif
}

static uint128
divide(uint128 dividend, uint128 divisor, uint128 *remainder)
{
    uint64_t high = (uint64_t)(dividend >> 64), low = (uint64_t)dividend;
    if (divisor >> 64 == 0) {
        uint64_t by = (uint64_t)divisor, rest;
        uint64_t quotient = divide_words(high % by, low, by, &rest);
        *remainder = rest;
        return (uint128)(high / by) << 64 | quotient;
    }
    /* The quotient has as many bits at most as the divisor has zeros in front. */
    int shift = __builtin_clzll((uint64_t)(divisor >> 64));
    uint128 quotient = 0, by = divisor << shift;
    for (; shift >= 0; shift--, by >>= 1) {
        if (dividend >= by) {
            dividend -= by;
            quotient |= (uint128)1 << shift;
        }
    }
    *remainder = dividend;
    return quotient;
}

uint128 __udivti3(uint128 dividend, uint128 divisor);
uint128 __umodti3(uint128 dividend, uint128 divisor);

EXPORTED uint128
__udivti3(uint128 dividend, uint128 divisor)
{
    uint128 remainder;
    return divide(dividend, divisor, &remainder);
}

EXPORTED uint128
__umodti3(uint128 dividend, uint128 divisor)
{
    uint128 remainder;
    divide(dividend, divisor, &remainder);
    return remainder;
}

#endif
