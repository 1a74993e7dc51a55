/* Code objects out of marshalled bytes, as marshal makes them, but sooner. */
#ifndef OXIDIZE_UNMARSHAL_H
#define OXIDIZE_UNMARSHAL_H

#include <Python.h>

#include "cursor.h"

/* Return the code object that `marshalled`, the content of file number `file`, is of, or null, with
   no exception set, if marshal has to make it. In all code that it holds `filename` takes the place
   of the file's name. Its constants live as long as the process. So it is made once of each file,
   and after that, when a program has removed the module and imports it again, by marshal. */
PyObject *unmarshal_code(uint32_t file, struct cursor marshalled, PyObject *filename);

/* To be called when an interpreter is made, by the thread that makes it: code is made of files with
   numbers below `files`. */
void unmarshal_setup(uint32_t files);

#endif
