/* Whether the stub makes code objects and their constants itself: it has to know how CPython lays
   them out.

   Layouts are those of the headers that it is compiled with, which are libpython's own; what has to
   be in the fields is known of these versions. With others marshal does it all. */
#ifndef OXIDIZE_INTERNALS_H
#define OXIDIZE_INTERNALS_H

#include <Python.h>

#if PY_VERSION_HEX >= 0x030D0000 && PY_VERSION_HEX < 0x030F0000 && !defined(Py_GIL_DISABLED) &&    \
    !defined(Py_DEBUG) && __has_include(<internal/pycore_code.h>)
#define OXIDIZE_KNOWS_INTERNALS
#endif

/* Whether the stub reads and changes fields of an interpreter that no function of CPython's leads
 * to. */
#if PY_VERSION_HEX < 0x030F0000 && !defined(Py_GIL_DISABLED) && !defined(Py_DEBUG) &&              \
    __has_include(<internal/pycore_interp.h>)
#define OXIDIZE_KNOWS_INTERPRETER
#endif

#endif
