#include "running.h"

#include <Python.h>

/* CPython's own, from 3.12 on; its headers have them only for itself. */
int _PyInterpreterState_SetRunningMain(PyInterpreterState *interpreter) __attribute__((weak));
void _PyInterpreterState_SetNotRunningMain(PyInterpreterState *interpreter) __attribute__((weak));

void
running_begin(void)
{
    if (_PyInterpreterState_SetRunningMain != NULL &&
        _PyInterpreterState_SetRunningMain(PyInterpreterState_Get()) < 0) {
        PyErr_Clear(); /* it is known already */
    }
}

void
running_end(void)
{
    if (_PyInterpreterState_SetNotRunningMain != NULL) {
        _PyInterpreterState_SetNotRunningMain(PyInterpreterState_Get());
    }
}
