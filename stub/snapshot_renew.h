/* Making what belongs to a process, in one that starts from a snapshot. */
#ifndef OXIDIZE_SNAPSHOT_RENEW_H
#define OXIDIZE_SNAPSHOT_RENEW_H

#include <Python.h>

#include "config.h"

/* `renewed` is the object that _snapshot.py has made of it; `stream_errors` is what standard
   streams do with what they cannot decode. False with an exception set. */
bool snapshot_renew(PyObject *renewed, const struct invocation *invocation,
                    const char *stream_errors);

/* Before a snapshot is made: do what each start does, as far as it makes no difference. What
   CPython keeps of that, such as attributes of types that it has looked up, a start need not write
   into pages of its own then. `main_code` is to be run, or null. False with an exception set. */
bool snapshot_rehearse(PyObject *renewed, PyObject *main_code, const struct invocation *invocation);

#endif
