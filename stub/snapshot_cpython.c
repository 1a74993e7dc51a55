/* The versions that were looked at; any other is refused when the snapshot is to be made. */
#define _GNU_SOURCE
#include <patchlevel.h>

#define SUPPORTED_VERSIONS "3.12, 3.13 and 3.14 from 3.14.1, on x86_64"

#if PY_VERSION_HEX >= 0x030C0000 && PY_VERSION_HEX < 0x030F0000 && defined(__x86_64__) &&          \
    (PY_VERSION_HEX < 0x030E0000 || PY_VERSION_HEX >= 0x030E0100)
#include <pyconfig.h>
#ifndef Py_GIL_DISABLED
#define SUPPORTED
#endif
#endif

#ifdef SUPPORTED
#define Py_BUILD_CORE
#endif
#include <Python.h>
#include "snapshot_cpython.h"

#ifdef SUPPORTED

#include <internal/pycore_gc.h>
#include <internal/pycore_interp.h>
#if PY_VERSION_HEX >= 0x030E0000
#include <internal/pycore_interpframe.h>
#else
#include <internal/pycore_frame.h>
#endif
#include <internal/pycore_object.h>
#include <internal/pycore_pystate.h>
#include <internal/pycore_runtime.h>

#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>

/* CPython's own, see allocators.c. */
extern int _PyMem_SetupAllocators(PyMemAllocatorName name);

/* What this file, snapshot_search.c and snapshot_paths.c take for granted of objects. */
_Static_assert(sizeof(PyGC_Head) == SNAPSHOT_GC_HEAD, "the collector's words before an object");
_Static_assert(MANAGED_WEAKREF_OFFSET == -(SNAPSHOT_GC_HEAD + SNAPSHOT_TYPE_HEAD),
               "the words of its type before an object and the collector's");
_Static_assert(offsetof(PyASCIIObject, length) == 2 * sizeof(void *) &&
                   offsetof(PyASCIIObject, hash) == 3 * sizeof(void *) &&
                   sizeof(PyASCIIObject) == 5 * sizeof(void *),
               "the text of a str is behind five words, and its hash is the fourth");
_Static_assert(offsetof(PyBytesObject, ob_sval) == 4 * sizeof(void *),
               "the text of bytes is behind a head of three words and a hash");
#if PY_VERSION_HEX >= 0x030E0000
_Static_assert(offsetof(PyTupleObject, ob_hash) == 3 * sizeof(void *) &&
                   offsetof(PyTupleObject, ob_item) == 4 * sizeof(void *),
               "a tuple keeps its hash");
#else
_Static_assert(offsetof(PyTupleObject, ob_item) == 3 * sizeof(void *), "a tuple keeps no hash");
#endif
_Static_assert(offsetof(PyDictObject, ma_keys) == 4 * sizeof(void *) &&
                   sizeof(PyDictObject) == 6 * sizeof(void *),
               "a dict has its keys in a block of their own");
_Static_assert(offsetof(PySetObject, table) == 5 * sizeof(void *) && PySet_MINSIZE == 8,
               "a small set has its table in itself");
_Static_assert(sizeof _PyRuntime.preconfig.utf8_mode == sizeof(int), "UTF-8 mode is a number");

const char *
snapshot_cpython_unsupported(void)
{
    return NULL;
}

struct region
snapshot_cpython_runtime(void)
{
    uintptr_t first = (uintptr_t)&_PyRuntime;
    return (struct region){first, first + sizeof _PyRuntime};
}

/* Words of frames that have ended, which lead anywhere. The stack of frames is in chunks, and some
   versions keep one that they no longer need: a frame that is too large for the rest of this chunk
   brings it back. */
static void
wipe_frames(PyThreadState *state)
{
    size_t rest = (size_t)(state->datastack_limit - state->datastack_top);
    _PyInterpreterFrame *fitting = rest > 0 ? _PyThreadState_PushFrame(state, rest - 1) : NULL;
    if (fitting != NULL) {
        memset(fitting, 0, rest * sizeof(PyObject *));
    }
    _PyInterpreterFrame *beyond = _PyThreadState_PushFrame(state, 1);
    if (beyond != NULL) {
        _PyStackChunk *chunk = state->datastack_chunk;
        memset(chunk->data, 0, chunk->size - offsetof(_PyStackChunk, data));
        _PyThreadState_PopFrame(state, beyond);
    }
    if (fitting != NULL) {
        _PyThreadState_PopFrame(state, fitting);
    }
}

void
snapshot_cpython_wipe(void)
{
    PyThreadState *state = PyThreadState_Get();
    if (state->datastack_chunk != NULL) {
        wipe_frames(state);
    }
#if PY_VERSION_HEX >= 0x030E0000
    _PyThreadStateImpl *all = (_PyThreadStateImpl *)state;
    all->c_stack_top = all->c_stack_soft_limit = all->c_stack_hard_limit = 0;
    all->c_stack_init_base = all->c_stack_init_top = 0;
#endif
}

uintptr_t
snapshot_cpython_thread_state(void)
{
    return (uintptr_t)PyThreadState_Get();
}

bool
snapshot_cpython_is_immortal(PyObject *object)
{
    return _Py_IsImmortal(object);
}

/* As _Py_SetImmortal does, but for the garbage collector: what it has put aside it does not see. */
void
snapshot_cpython_set_immortal(PyObject *object)
{
#if PY_VERSION_HEX >= 0x030E0000
    if (!_Py_IsImmortal(object)) {
        object->ob_flags |= _Py_IMMORTAL_FLAGS;
        object->ob_refcnt = _Py_IMMORTAL_INITIAL_REFCNT;
    }
#else
    Py_SET_REFCNT(object, _Py_IMMORTAL_REFCNT);
#endif
}

PyObject *
snapshot_cpython_module_name(void)
{
    return &_Py_ID(__module__);
}

void
snapshot_cpython_forget_interned(PyObject *text)
{
    PyObject *interned = _PyInterpreterState_GET()->cached_objects.interned_strings;
    unsigned state = PyUnicode_CHECK_INTERNED(text);
    if (interned == NULL || state == SSTATE_NOT_INTERNED ||
        PyDict_GetItemWithError(interned, text) != text) {
        PyErr_Clear();
        return;
    }
    if (state == SSTATE_INTERNED_MORTAL) {
        Py_SET_REFCNT(text, Py_REFCNT(text) + 2); /* those of the dict are not counted */
    }
    ((PyASCIIObject *)text)->state.interned = SSTATE_NOT_INTERNED;
    if (PyDict_DelItem(interned, text) < 0) {
        PyErr_Clear();
    }
}

#if PY_VERSION_HEX >= 0x030E0000

/* What Python would find out by reading /proc. The kernel puts the program's name at the end. */
static bool
set_stack(PyThreadState *state)
{
    const uintptr_t page = SNAPSHOT_PAGE;
    uintptr_t top = (getauxval(AT_EXECFN) + page - 1) / page * page;
    size_t size = (size_t)8 << 20;
    struct rlimit limit;
    if (getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        size = limit.rlim_cur / page * page;
    }
    _PyThreadStateImpl *all = (_PyThreadStateImpl *)state;
    all->c_stack_init_base = top - size;
    all->c_stack_init_top = top;
    return PyUnstable_ThreadState_SetStackProtection(state, (void *)(top - size), size) == 0;
}

#else

static bool
set_stack(PyThreadState *state)
{
    (void)state;
    return true;
}

#endif

static bool
set_flag(const char *name, long value)
{
    PyObject *flags = PySys_GetObject("flags"), *number = PyLong_FromLong(value);
    const PyMemberDef *member = flags != NULL ? Py_TYPE(flags)->tp_members : NULL;
    while (member != NULL && member->name != NULL && strcmp(member->name, name) != 0) {
        member++;
    }
    if (member == NULL || member->name == NULL || number == NULL) {
        return false;
    }
    PyObject **place = (PyObject **)((char *)flags + member->offset);
    Py_XSETREF(*place, number);
    return true;
}

bool
snapshot_cpython_restore(bool utf8_mode)
{
    if (_PyRuntime.preconfig.utf8_mode != utf8_mode && !set_flag("utf8_mode", utf8_mode)) {
        return false;
    }
    _PyRuntime.preconfig.utf8_mode = utf8_mode;
    _Py_COMP_DIAG_PUSH _Py_COMP_DIAG_IGNORE_DEPR_DECLS Py_UTF8Mode = utf8_mode;
    _Py_COMP_DIAG_POP
            /* In the snapshot every block is one of malloc's, and stays so: pymalloc passes it on.
             */
            return _PyMem_SetupAllocators(PYMEM_ALLOCATOR_PYMALLOC) == 0 &&
        set_stack(PyThreadState_Get());
}

#else

const char *
snapshot_cpython_unsupported(void)
{
#ifdef Py_GIL_DISABLED
    return "snapshots are not supported for free-threaded Pythons";
#else
    return "snapshots are not supported for Python " PY_VERSION ", but for " SUPPORTED_VERSIONS;
#endif
}

struct region
snapshot_cpython_runtime(void)
{
    return (struct region){0, 0};
}

void
snapshot_cpython_wipe(void)
{
}

uintptr_t
snapshot_cpython_thread_state(void)
{
    return 0;
}

bool
snapshot_cpython_is_immortal(PyObject *object)
{
    (void)object;
    return true;
}

void
snapshot_cpython_set_immortal(PyObject *object)
{
    (void)object;
}

PyObject *
snapshot_cpython_module_name(void)
{
    return NULL;
}

void
snapshot_cpython_forget_interned(PyObject *text)
{
    (void)text;
}

bool
snapshot_cpython_restore(bool utf8_mode)
{
    (void)utf8_mode;
    return false;
}

#endif
