/* Whether anybody could notice that the interpreter is taken to pieces at the end. */
#ifndef OXIDIZE_FINALISERS_H
#define OXIDIZE_FINALISERS_H

#include <Python.h>

#include <stdbool.h>

/* Once the program has ended (ending.c): whether Py_FinalizeEx would do anything that the program,
   or somebody outside, could tell from the kernel's taking all memory back. When in doubt, it
   would. */
bool finalisers_are_left(void);

/* Before a snapshot is made, of a list of all objects that the collector knows: what has to be
   looked at again at the end of a process that starts from it, as a tuple that can be saved. Null,
   and no exception is set, if they would be noticed in any case. */
PyObject *finalisers_of_snapshot(PyObject *objects);

/* In a process that has started from a snapshot: `known` is that tuple, or null if there is none
   or it is no longer of use. Takes it over. */
void finalisers_expect(PyObject *known);

#endif
