/* The program's dynamic loader, which the kernel maps for programs that are not packed. */
#ifndef OXIDIZE_UNPACKER_INTERPRETER_H
#define OXIDIZE_UNPACKER_INTERPRETER_H

#include <stddef.h>
#include <stdint.h>

struct interpreter {
    uintptr_t base;  /* the difference to the addresses in its file */
    uintptr_t entry; /* where it begins; 0: it could not be loaded */
};

struct interpreter interpreter_load(const char *path, size_t page);

#endif
