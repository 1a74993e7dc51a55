/* What the dynamic loader changes of the variables that are saved in a snapshot. */
#include <link.h> /* _DYNAMIC */

#include "snapshot_state.h"

size_t
snapshot_relocated(const struct region regions[SNAPSHOT_REGIONS], uint64_t *addresses,
                   size_t capacity)
{
    const ElfW(Rela) *table = NULL;
    size_t size = 0, count = 0;
    for (const ElfW(Dyn) *entry = _DYNAMIC; entry->d_tag != DT_NULL; entry++) {
        if (entry->d_tag == DT_RELA) {
            table = (const ElfW(Rela) *)entry->d_un.d_ptr;
        } else if (entry->d_tag == DT_RELASZ) {
            size = entry->d_un.d_val;
        }
    }
    for (size_t i = 0; table != NULL && i < size / sizeof *table; i++) {
        if (!snapshot_is_saved(regions, table[i].r_offset)) {
            continue;
        }
        if (count == capacity || ELF64_R_TYPE(table[i].r_info) == R_X86_64_COPY) {
            return SIZE_MAX;
        }
        addresses[count++] = table[i].r_offset;
    }
    return count;
}
