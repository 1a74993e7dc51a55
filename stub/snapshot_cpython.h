/* All that a snapshot has to know of CPython's inside. */
#ifndef OXIDIZE_SNAPSHOT_CPYTHON_H
#define OXIDIZE_SNAPSHOT_CPYTHON_H

#include <Python.h>

#include <stdbool.h>
#include <stddef.h>

#include "snapshot_state.h"

/* Bytes before an object: the collector's, and before those what its type may want. */
enum { SNAPSHOT_GC_HEAD = 2 * sizeof(void *), SNAPSHOT_TYPE_HEAD = 2 * sizeof(void *) };

/* Why this Python cannot start from a snapshot; null if it can. */
const char *snapshot_cpython_unsupported(void);

/* Its state, which may be a section of its own. */
struct region snapshot_cpython_runtime(void);

/* Before the state is saved, and after that Python is not to be used: wipe what is left of frames
   that have ended, and what is known of the stack. */
void snapshot_cpython_wipe(void);

/* The thread's state, as the current thread has it. */
uintptr_t snapshot_cpython_thread_state(void);

/* In the new process, before anything else of Python: this thread's stack, UTF-8 mode, the
   allocators. */
bool snapshot_cpython_restore(bool utf8_mode);

/* Whether an object is not counted, and never freed; and make it so. */
bool snapshot_cpython_is_immortal(PyObject *object);
void snapshot_cpython_set_immortal(PyObject *object);

/* The str "__module__". Borrowed. */
PyObject *snapshot_cpython_module_name(void);

/* Take a str out of those that are interned: that dict would have to be built anew in each process
   where it is changed. */
void snapshot_cpython_forget_interned(PyObject *text);

#endif
