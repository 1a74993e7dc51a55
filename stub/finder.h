/* Meta path finder and loader for the modules in the image. */
#ifndef OXIDIZE_FINDER_H
#define OXIDIZE_FINDER_H

#include <Python.h>
#include <stdbool.h>

/* Arrange that each interpreter gets the finder while it is being initialised, before it imports
   anything that is not built in or frozen. To be called before Python is initialised, and after
   tree_setup. Returns -1 without memory. */
int finder_setup(void);

/* Return a new finder, or null with an exception set. */
PyObject *finder_make(void);

/* Whether an object is a finder. */
bool finder_is(PyObject *object);

/* Let this thread find packed modules before those of the same name that the search path has
   first. For what has to be imported to search the path at all. */
void finder_put_packed_first(bool first);

/* Return a loader of the module __main__ that the image has, or null with an exception set. */
PyObject *finder_main_loader(void);

/* Return the interpreter's finder, a borrowed reference, or null with an exception set. */
PyObject *finder_get(void);

#endif
