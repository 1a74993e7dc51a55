/* Functions of libraries that are loaded when one of them is first called: late.py of the build has
   them defined, each as a jump to where its slot points. */
#ifndef OXIDIZE_LATE_H
#define OXIDIZE_LATE_H

#include <stddef.h>

/* Load the libraries: others may use them without saying that they need them, as they could
   if the executable needed them itself. */
void late_load(void);

/* Return the function of that number, and let it be called directly from now on. */
void *late_resolve(size_t number);

#endif
