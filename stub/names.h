/* Names of attributes that every start looks up. CPython keeps the latest results of that by the
   address of the name: so they are to be the same objects each time, and those of a snapshot in a
   process that starts from it. */
#ifndef OXIDIZE_NAMES_H
#define OXIDIZE_NAMES_H

#include <Python.h>

#include <stdbool.h>

enum name {
    NAME_BLOCK_SIZE,
    NAME_BUFFERED_RANDOM,
    NAME_BUFFERED_WRITER,
    NAME_CLOSED,
    NAME_CODE,
    NAME_FLUSH,
    NAME_GET_OBJECTS,
    NAME_INSPECT,
    NAME_INTERACTIVE,
    NAME_MODE,
    NAME_NAME,
    NAME_RUN_EXIT_FUNCTIONS,
    NAME_SHUTDOWN,
    NAME_TEXT_WRAPPER,
    NAME_WRITE,
    NAMES
};

/* The str of a name. Borrowed; null with an exception set. */
PyObject *names_get(enum name name);

/* An attribute of an object, and the result of one that is called; null with an exception set. */
PyObject *names_attribute(PyObject *object, enum name name);
PyObject *names_call(PyObject *object, enum name name);

/* A module, which is imported if it has not been; null with an exception set. To import one that
   has been takes longer than to find it. */
PyObject *names_module(const char *name);

/* All of them, as a tuple that can be saved; null with an exception set. */
PyObject *names_all(void);

/* From now on use those of `all`, which stays. */
void names_use(PyObject *all);

#endif
