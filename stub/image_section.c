/* The place that an image is attached to. The linker script image.ld makes this section the last
   segment, alone, so that attaching is a matter of making the segment larger. */
#include <stdint.h>

struct reserved {
    char magic[8];
    uint64_t size;
};

/* Until an image has taken its place it says that this is a stub. A page of 64 KiB is the largest
   that any supported machine has. */
__attribute__((section(".oxdata"), visibility("hidden"), used, aligned(0x10000)))
const struct reserved oxidize_image = {"OXISTUB", 0};
