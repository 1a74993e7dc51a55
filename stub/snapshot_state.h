/* What a process consists of that starts from a snapshot, and what tells whether one fits. */
#ifndef OXIDIZE_SNAPSHOT_STATE_H
#define OXIDIZE_SNAPSHOT_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cursor.h"

/* Bounds of the variables that are saved, see saved_first.c. */
extern unsigned char saved_data_first[], saved_data_last[], saved_bss_first[], saved_bss_last[];

enum { SNAPSHOT_REGIONS = 3, SNAPSHOT_PAGE = 4096, SNAPSHOT_IDENTITY_SIZE = 32 };

struct region {
    uintptr_t first;
    uintptr_t end;
};

/* The variables that are saved. False where that is not known of this executable. */
bool snapshot_regions(struct region regions[SNAPSHOT_REGIONS]);

/* The region whose pages, from the one that it begins in to the one that it ends in, are these;
   null if there is none. */
const struct region *snapshot_region_of(const struct region regions[SNAPSHOT_REGIONS],
                                        uint64_t address, uint64_t size);

/* Whether an address is that of a variable which is saved. */
bool snapshot_is_saved(const struct region regions[SNAPSHOT_REGIONS], uintptr_t address);

/* The thread-local variables of the executable, of this thread. */
struct region snapshot_thread_area(void);

/* The digest that the linker has given this program, with zeros behind; false if it has none. */
bool snapshot_build_id(unsigned char id[SNAPSHOT_IDENTITY_SIZE]);

/* Features of this processor, a set of bits. What was chosen by them when the snapshot was made
   needs them all. */
void snapshot_cpu(unsigned char features[SNAPSHOT_IDENTITY_SIZE]);

/* Whether what OpenSSL knows of this processor is not saved: it finds it out before main. */
bool snapshot_keeps_cpu(const struct region regions[SNAPSHOT_REGIONS]);

/* Addresses of words in the regions that the dynamic loader relocates: at most `capacity` are
   stored, and their number is returned. SIZE_MAX: there is one that cannot be kept. */
size_t snapshot_relocated(const struct region regions[SNAPSHOT_REGIONS], uint64_t *addresses,
                          size_t capacity);

#endif
