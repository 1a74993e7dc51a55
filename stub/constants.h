/* Constants that live as long as the process: immortal objects (PEP 683) outside of the heap. */
#ifndef OXIDIZE_CONSTANTS_H
#define OXIDIZE_CONSTANTS_H

#include <Python.h>
#include <stdbool.h>

#include "cursor.h"

/* To be called when an interpreter is made. */
void constants_setup(void);

/* These return null without memory, and no exception is set then. */

PyObject *constants_int(int value);
PyObject *constants_ascii(struct cursor text);
PyObject *constants_bytes(struct cursor bytes);

/* The interpreter's one string of that text, which is of ASCII characters. */
PyObject *constants_name(struct cursor text);

/* Put the interpreter's one string of that text in the place of a new one. */
void constants_intern(PyObject **string);

/* Whether a string is the interpreter's only one of its text, and stays that. */
bool constants_is_name(PyObject *object);

/* Space for a tuple, whose items are for the caller to fill in. It is a tuple once it is finished.
 */
PyTupleObject *constants_begin_tuple(size_t size);

/* Make a tuple of the items in that space. It takes the references to them. If they are all
   immortal, so is the tuple; if not it is an ordinary one. */
PyObject *constants_finish_tuple(PyTupleObject *space, size_t size, bool immortal);

static inline bool
constants_is_immortal(PyObject *object)
{
#if PY_VERSION_HEX >= 0x030C0000
    return _Py_IsImmortal(object);
#else
    (void)object;
    return false;
#endif
}

#endif
