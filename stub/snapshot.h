/* Starting from a snapshot: the state of a process that has started already, which the build made.

   It is mapped, copy-on-write, and what belongs to a process is made again, as after a fork. */
#ifndef OXIDIZE_SNAPSHOT_H
#define OXIDIZE_SNAPSHOT_H

#include <Python.h>

#include "config.h"

/* Become what the snapshot of `image` is. False if it has none, or if it does not fit here: then
   nothing has changed, and Python is to be started as usual. */
bool snapshot_restore(const struct image *image, const struct invocation *invocation);

/* The code of the main module, where the snapshot has it: __main__ is then prepared for it.
   Borrowed; null if there is none. */
PyObject *snapshot_main_code(void);

/* Whether this process has started from one. */
bool snapshot_is_in_use(void);

/* Before Py_FinalizeEx in such a process: what the snapshot has is to be finalised as well. */
void snapshot_thaw(void);

#endif
