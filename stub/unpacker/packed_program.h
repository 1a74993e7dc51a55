/* What the segment behind the unpacker holds: a program, in blocks that are compressed by zstd,
   each by itself. The build writes it: packed_program.py, which defines the same records. */
#ifndef OXIDIZE_PACKED_PROGRAM_H
#define OXIDIZE_PACKED_PROGRAM_H

#include <stdint.h>

#define PACKED_PROGRAM_MAGIC "OXIPROG"

struct packed_header {
    char magic[8];
    uint64_t size;            /* of all that is packed, in bytes */
    uint64_t first;           /* the program's first address */
    uint64_t end;             /* the address behind its last one */
    uint64_t entry;           /* where it begins */
    uint64_t program_headers; /* their address */
    uint64_t interpreter;     /* address of the path of its dynamic loader; 0: it is static */
    uint32_t program_header_count;
    uint32_t block_count; /* of those that are loaded; they stand right behind this header */
    uint64_t check;       /* XXH64 of the blocks' records, seed: XXH64 of the header up to here */
};

struct packed_block {
    uint64_t address;     /* of its content */
    uint64_t size;        /* of its content, in bytes */
    uint64_t offset;      /* of the frame, in what is packed */
    uint64_t stored_size; /* of the frame, in bytes */
    uint64_t file_offset; /* of its content, in the program's file */
    uint64_t check;       /* XXH64 of the frame, seed: the address */
};

#endif
