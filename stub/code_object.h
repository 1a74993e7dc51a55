/* Code objects, and the names in them, as CPython makes them: what has to know its internals. */
#ifndef OXIDIZE_CODE_OBJECT_H
#define OXIDIZE_CODE_OBJECT_H

#include <Python.h>
#include <stdbool.h>

#include "cursor.h"

/* What a code object is made of. */
struct code_parts {
    int argcount;
    int posonlyargcount;
    int kwonlyargcount;
    int stacksize;
    int flags;
    int firstlineno;
    struct cursor bytecode;
    PyObject *consts;
    PyObject *names;
    PyObject *localsplusnames;
    PyObject *localspluskinds;
    PyObject *filename;
    PyObject *name;
    PyObject *qualname;
    PyObject *linetable;
    PyObject *exceptiontable;
};

/* To be called when an interpreter is made. */
void code_object_setup(void);

/* Whether the functions below serve: for this Python, this interpreter, and as it is now. */
bool code_object_serves(void);

/* Return a new code object of these parts. It takes the references to them, unless it is null:
   because memory is short, or because they are not what the compiler makes. */
PyObject *code_object_make(const struct code_parts *parts);

#endif
