/* What start-up has made, and the program has left as it was, is not taken to pieces at the end. */
#ifndef OXIDIZE_STARTUP_OBJECTS_H
#define OXIDIZE_STARTUP_OBJECTS_H

#include <stdbool.h>

/* Before Python is initialised, once the table of built-in modules is complete. */
void startup_objects_setup(void);

/* When Python is initialised, and nothing of the program has run yet. */
void startup_objects_put_aside(void);

bool startup_objects_are_aside(void);

/* Before Py_FinalizeEx, once the program has ended: decide whether they can stay aside. */
void startup_objects_settle(void);

#endif
