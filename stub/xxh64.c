#include "xxh64.h"

static const uint64_t PRIME_1 = 0x9E3779B185EBCA87u;
static const uint64_t PRIME_2 = 0xC2B2AE3D27D4EB4Fu;
static const uint64_t PRIME_3 = 0x165667B19E3779F9u;
static const uint64_t PRIME_4 = 0x85EBCA77C2B2AE63u;
static const uint64_t PRIME_5 = 0x27D4EB2F165667C5u;

static uint64_t
rotate_left(uint64_t value, unsigned bits)
{
    return (value << bits) | (value >> (64 - bits));
}

static uint64_t
read_lane(const unsigned char *at)
{
    uint64_t lane;
    memcpy(&lane, at, sizeof lane);
    return lane;
}

static uint64_t
round_lane(uint64_t accumulator, uint64_t lane)
{
    return rotate_left(accumulator + lane * PRIME_2, 31) * PRIME_1;
}

static uint64_t
merge(uint64_t hash, uint64_t accumulator)
{
    return (hash ^ round_lane(0, accumulator)) * PRIME_1 + PRIME_4;
}

/* Consume the bytes in stripes of 32 and leave the rest in *bytes. */
static uint64_t
hash_stripes(struct cursor *bytes, uint64_t seed)
{
    uint64_t a = seed + PRIME_1 + PRIME_2, b = seed + PRIME_2, c = seed, d = seed - PRIME_1;
    for (; bytes->size >= 32; bytes->data += 32, bytes->size -= 32) {
        a = round_lane(a, read_lane(bytes->data));
        b = round_lane(b, read_lane(bytes->data + 8));
        c = round_lane(c, read_lane(bytes->data + 16));
        d = round_lane(d, read_lane(bytes->data + 24));
    }
    uint64_t hash = rotate_left(a, 1) + rotate_left(b, 7) + rotate_left(c, 12) + rotate_left(d, 18);
    return merge(merge(merge(merge(hash, a), b), c), d);
}

static uint64_t
hash_rest(struct cursor rest, uint64_t hash)
{
    for (; rest.size >= 8; rest.data += 8, rest.size -= 8) {
        hash = rotate_left(hash ^ round_lane(0, read_lane(rest.data)), 27) * PRIME_1 + PRIME_4;
    }
    if (rest.size >= 4) {
        uint32_t word;
        memcpy(&word, rest.data, sizeof word);
        hash = rotate_left(hash ^ (word * PRIME_1), 23) * PRIME_2 + PRIME_3;
        rest.data += 4;
        rest.size -= 4;
    }
    for (; rest.size > 0; rest.data++, rest.size--) {
        hash = rotate_left(hash ^ (*rest.data * PRIME_5), 11) * PRIME_1;
    }
    return hash;
}

uint64_t
xxh64(struct cursor bytes, uint64_t seed)
{
    uint64_t size = bytes.size;
    uint64_t hash = size >= 32 ? hash_stripes(&bytes, seed) : seed + PRIME_5;
    hash = hash_rest(bytes, hash + size);
    hash = (hash ^ (hash >> 33)) * PRIME_2;
    hash = (hash ^ (hash >> 29)) * PRIME_3;
    return hash ^ (hash >> 32);
}
