/* Loads modules from the image. */
#ifndef OXIDIZE_LOADER_H
#define OXIDIZE_LOADER_H

#include <Python.h>

/* Return the interpreter's loader class: a subclass of importlib's SourceFileLoader, which does
   all but what is quicker done with the image at hand. Null with an exception set on failure. */
PyObject *loader_make_class(void);

/* Return an object of that class for a module and the path of its source. */
PyObject *loader_make(PyObject *loader_class, PyObject *name, PyObject *path);

#endif
