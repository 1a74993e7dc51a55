/* Threads without libc. */
#ifndef OXIDIZE_UNPACKER_WORKERS_H
#define OXIDIZE_UNPACKER_WORKERS_H

#include <stdint.h>

enum { WORKER_STACK = 64 << 10 };

struct worker {
    void (*run)(void *argument, void *memory);
    void *argument;
    void *memory;
    uint32_t is_alive; /* the kernel clears it when the stack is not used any more */
};

/* How many processors this process may use. */
unsigned workers_processors(void);

/* Begin a thread that calls `run`, on a stack of WORKER_STACK bytes. If there can be none nothing
   happens, and it is not alive. */
void workers_begin(struct worker *worker, void *stack);

void workers_wait(struct worker *worker);

#endif
