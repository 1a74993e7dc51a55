/* Words in what is to be saved that are addresses of what is not. */
#ifndef OXIDIZE_SNAPSHOT_SCAN_H
#define OXIDIZE_SNAPSHOT_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "snapshot_state.h"

enum { MOST_KEPT = 4096, MOST_THREADS = 64 };

struct snapshot_words {
    uint64_t kept[MOST_KEPT]; /* addresses of words that the dynamic loader relocates, sorted */
    size_t kept_count;
    /* Addresses of words that are this thread's identity, or addresses of its variables. */
    uint64_t threads[MOST_THREADS];
    size_t thread_count;
    size_t faults;
};

/* Read what the process has mapped; false if that cannot be found out. */
bool snapshot_read_mappings(void);

/* Look at every word of a region. A word that is the address of something which the next process
   does not have is written to stderr. */
void snapshot_scan(struct region region, struct snapshot_words *words);

/* The name of the type of the object in a block of the arena, as far as can be told; null if there
   seems to be none. */
const char *snapshot_type_name(const void *block, size_t size);

/* Find a text anywhere in the arena and the regions; each place is written to stderr. */
bool snapshot_search_text(const struct region regions[SNAPSHOT_REGIONS], const char *wanted);

#endif
