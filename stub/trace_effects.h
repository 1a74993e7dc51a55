/* What the body of a module does beyond defining what is in it, as far as a traced build sees it.
 */
#ifndef OXIDIZE_TRACE_EFFECTS_H
#define OXIDIZE_TRACE_EFFECTS_H

#include <Python.h>
#include <stdbool.h>

/* To be called before Python is initialised. Returns -1 without memory. */
int effects_setup(void);

/* The import of a module begins or ends in this thread: what is seen meanwhile is its doing. */
void effects_begin(void);
void effects_end(void);

/* Compare the state of the interpreter with that of the last time, and tell what has changed. */
void effects_compare(void);

/* Wrap the functions of the module that are to be watched, if it is loaded. Leaves no exception. */
void effects_watch(const char *module);

/* The module is not what the import system has made. */
void effects_replaced(void);

#endif
