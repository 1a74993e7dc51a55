#define _GNU_SOURCE
#include "snapshot_state.h"

#include <link.h> /* dl_iterate_phdr */
#include <string.h>

#ifdef __x86_64__
#include <cpuid.h>
#endif

#include "snapshot_cpython.h"

#define ALIGNED(value, alignment) (((value) + (alignment) - 1) & ~((uintptr_t)(alignment) - 1))

bool
snapshot_regions(struct region regions[SNAPSHOT_REGIONS])
{
    regions[0] = (struct region){(uintptr_t)saved_data_first, (uintptr_t)saved_data_last};
    regions[1] = (struct region){(uintptr_t)saved_bss_first, (uintptr_t)saved_bss_last};
    regions[2] = snapshot_cpython_runtime();
    for (size_t i = 0; i < SNAPSHOT_REGIONS; i++) {
        if (regions[i].first > regions[i].end) {
            return false; /* the linker has not kept the order */
        }
    }
    /* A section of its own, or, in some versions, a part of the others. */
    for (size_t i = 0; i < 2; i++) {
        if (regions[2].first >= regions[i].first && regions[2].end <= regions[i].end) {
            regions[2].end = regions[2].first;
        }
    }
    return true;
}

const struct region *
snapshot_region_of(const struct region regions[SNAPSHOT_REGIONS], uint64_t address, uint64_t size)
{
    for (size_t i = 0; i < SNAPSHOT_REGIONS; i++) {
        uintptr_t first = regions[i].first / SNAPSHOT_PAGE * SNAPSHOT_PAGE;
        if (regions[i].first < regions[i].end && address == first &&
            size == ALIGNED(regions[i].end, SNAPSHOT_PAGE) - first) {
            return &regions[i];
        }
    }
    return NULL;
}

bool
snapshot_is_saved(const struct region regions[SNAPSHOT_REGIONS], uintptr_t address)
{
    for (size_t i = 0; i < SNAPSHOT_REGIONS; i++) {
        if (address >= regions[i].first && address < regions[i].end) {
            return true;
        }
    }
    return false;
}

#ifdef __x86_64__

static int
find_thread_area(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type == PT_TLS) {
            /* The thread's own pointer is the end of the first object's block. */
            uintptr_t end = (uintptr_t)__builtin_thread_pointer();
            uintptr_t first = end - ALIGNED(header->p_memsz, header->p_align);
            *(struct region *)data = (struct region){first, first + header->p_memsz};
        }
    }
    return 1; /* the first object is the executable */
}

struct region
snapshot_thread_area(void)
{
    struct region area = {0, 0};
    dl_iterate_phdr(find_thread_area, &area);
    return area;
}

/* What modules of Python, and the libraries that they use, choose their code by: hashes of HACL*,
   checksums of liblzma, bit operations of zstd. OpenSSL keeps what it finds out to itself, see
   snapshot_keeps_cpu. */
void
snapshot_cpu(unsigned char features[SNAPSHOT_IDENTITY_SIZE])
{
    const unsigned chosen_by = bit_SSE3 | bit_SSSE3 | bit_FMA | bit_SSE4_1 | bit_SSE4_2 |
                               bit_MOVBE | bit_POPCNT | bit_PCLMUL | bit_AES | bit_OSXSAVE |
                               bit_AVX | bit_RDRND;
    unsigned registers[SNAPSHOT_IDENTITY_SIZE / sizeof(unsigned)] = {0};
    unsigned a, b, c, d;
    if (__get_cpuid(1, &a, &b, &c, &d)) {
        registers[0] = c & chosen_by;
    }
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
        registers[1] = b & (bit_BMI | bit_AVX2 | bit_BMI2);
    }
    memcpy(features, registers, sizeof registers);
}

extern unsigned OPENSSL_ia32cap_P[] __attribute__((weak));

bool
snapshot_keeps_cpu(const struct region regions[SNAPSHOT_REGIONS])
{
    return OPENSSL_ia32cap_P == NULL || !snapshot_is_saved(regions, (uintptr_t)OPENSSL_ia32cap_P);
}

#else

bool
snapshot_keeps_cpu(const struct region regions[SNAPSHOT_REGIONS])
{
    (void)regions;
    return true;
}

struct region
snapshot_thread_area(void)
{
    return (struct region){0, 0};
}

void
snapshot_cpu(unsigned char features[SNAPSHOT_IDENTITY_SIZE])
{
    memset(features, 0, SNAPSHOT_IDENTITY_SIZE);
}

#endif

/* --- what the loader and the linker say ------------------------------------------------------- */

static bool
read_build_id(const unsigned char *notes, size_t size, unsigned char *id)
{
    const size_t head = sizeof(ElfW(Nhdr));
    for (size_t at = 0; at + head <= size;) {
        ElfW(Nhdr) note;
        memcpy(&note, notes + at, head);
        size_t name = ALIGNED(note.n_namesz, 4), content = ALIGNED(note.n_descsz, 4);
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
            at + head + name + content <= size && note.n_descsz <= SNAPSHOT_IDENTITY_SIZE &&
            memcmp(notes + at + head, "GNU", 4) == 0) {
            memcpy(id, notes + at + head + name, note.n_descsz);
            return true;
        }
        at += head + name + content;
    }
    return false;
}

static int
find_build_id(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    unsigned char **id = data;
    for (unsigned i = 0; i < info->dlpi_phnum && *id != NULL; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        const unsigned char *notes = (const unsigned char *)(info->dlpi_addr + header->p_vaddr);
        if (header->p_type == PT_NOTE && read_build_id(notes, header->p_memsz, *id)) {
            *id = NULL; /* found */
        }
    }
    return 1;
}

bool
snapshot_build_id(unsigned char id[SNAPSHOT_IDENTITY_SIZE])
{
    unsigned char *wanted = id;
    memset(id, 0, SNAPSHOT_IDENTITY_SIZE);
    dl_iterate_phdr(find_build_id, &wanted);
    return wanted == NULL;
}
