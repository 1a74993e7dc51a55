/* Whether anybody could notice that the interpreter is taken to pieces at the end. */
#ifndef OXIDIZE_FINALISERS_H
#define OXIDIZE_FINALISERS_H

#include <stdbool.h>

/* Once the program has ended (ending.c): whether Py_FinalizeEx would do anything that the program,
   or somebody outside, could tell from the kernel's taking all memory back. When in doubt, it
   would. */
bool finalisers_are_left(void);

#endif
