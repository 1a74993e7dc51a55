/* The collector looks at objects when many new ones have come to be, and those of a module that is
   imported are many, and nearly all of them stay. So when a packed module has been loaded all
   objects pass for old ones, as they would after two collections, and the count of new ones begins
   anew: gc.freeze() and gc.unfreeze() together do just that, in constant time. All that programs
   can see of the collector (whether it is enabled, its thresholds, which objects there are, how
   many are frozen) is as it would be.

   What is garbage by then waits for a full collection. Each module that is packed may cause that
   once, or a program that imports again and again would never come to one. */
#include "collector.h"

#include "names.h"

PyObject *
collector_objects(void)
{
    PyObject *gc = names_module("gc");
    PyObject *objects = gc ? names_call(gc, NAME_GET_OBJECTS) : NULL;
    Py_XDECREF(gc);
    return objects;
}

void
collector_unfreeze_all(void)
{
    PyObject *gc = names_module("gc");
    PyObject *done = gc ? PyObject_CallMethod(gc, "unfreeze", NULL) : NULL;
    Py_XDECREF(done);
    Py_XDECREF(gc);
    PyErr_Clear();
}

#ifdef Py_GIL_DISABLED

/* The collector of these builds has no generations, and stops all threads to freeze objects. */

void
collector_hold(void)
{
}

void
collector_setup(uint32_t most)
{
    (void)most;
}

void
collector_spare(void)
{
}

bool
collector_freeze(void)
{
    return false;
}

void
collector_unfreeze(void)
{
}

bool
collector_pause(void)
{
    return false;
}

void
collector_resume(bool paused)
{
    (void)paused;
}

#else

#include <stdatomic.h>

static PyCFunction freeze, unfreeze, get_freeze_count;
static atomic_int_fast64_t remaining;

/* The function of the module gc, which need not be imported for that. */
static PyCFunction
find_function(PyModuleDef *gc, const char *name)
{
    for (const PyMethodDef *method = gc->m_methods; method->ml_name != NULL; method++) {
        if (strcmp(method->ml_name, name) == 0 && method->ml_flags == METH_NOARGS) {
            return method->ml_meth;
        }
    }
    return NULL;
}

static PyModuleDef *
find_gc(void)
{
    const struct _inittab *entry = PyImport_Inittab;
    while (entry->name != NULL && strcmp(entry->name, "gc") != 0) {
        entry++;
    }
    PyObject *definition = entry->name != NULL ? entry->initfunc() : NULL;
    bool usable = definition != NULL && PyObject_TypeCheck(definition, &PyModuleDef_Type);
    return usable ? (PyModuleDef *)definition : NULL;
}

/* --- initialisation ------------------------------------------------------------------------ */

static PyMemAllocatorEx objects;
static bool held;

static bool
has_interpreter(void)
{
#if PY_VERSION_HEX >= 0x030D0000
    return PyThreadState_GetUnchecked() != NULL;
#else
    return _PyThreadState_UncheckedGet() != NULL;
#endif
}

static void *
hold_and_allocate(void *context, size_t size)
{
    if (has_interpreter()) {
        PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &objects);
        held = PyGC_Disable() == 1;
    }
    return objects.malloc(context, size);
}

/* The collector belongs to an interpreter, which does not exist yet: it is disabled when the
   interpreter makes its first object. */
void
collector_hold(void)
{
    PyMem_GetAllocator(PYMEM_DOMAIN_OBJ, &objects);
    PyMemAllocatorEx holding = objects;
    holding.malloc = hold_and_allocate;
    PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &holding);
}

static void
release(void)
{
    if (held) {
        held = false;
        PyGC_Enable();
    }
}

/* --- modules ------------------------------------------------------------------------------- */

static void
find_functions(PyModuleDef *gc)
{
    freeze = find_function(gc, "freeze");
    unfreeze = find_function(gc, "unfreeze");
    get_freeze_count = find_function(gc, "get_freeze_count");
}

static PyObject *
call(PyCFunction function)
{
    return function(Py_None, NULL);
}

bool
collector_freeze(void)
{
    if (freeze == NULL || unfreeze == NULL || get_freeze_count == NULL) {
        return false;
    }
    PyObject *count = call(get_freeze_count);
    bool none = count != NULL && PyLong_AsLong(count) == 0;
    if (none) {
        Py_XDECREF(call(freeze));
    }
    Py_XDECREF(count);
    return none;
}

void
collector_unfreeze(void)
{
    Py_XDECREF(call(unfreeze));
}

void
collector_spare(void)
{
    if (atomic_fetch_sub(&remaining, 1) <= 0) {
        atomic_store(&remaining, 0);
        return;
    }
    if (collector_freeze()) {
        collector_unfreeze();
    } else {
        atomic_store(&remaining, 0); /* the program does itself what is to be done */
    }
}

void
collector_setup(uint32_t most)
{
    PyModuleDef *gc = freeze == NULL ? find_gc() : NULL; /* not again for each subinterpreter */
    if (gc != NULL && gc->m_methods != NULL) {
        find_functions(gc);
        bool usable = freeze != NULL && unfreeze != NULL && get_freeze_count != NULL;
        atomic_store(&remaining, usable ? most : 0);
    }
    collector_spare();
    release();
}

bool
collector_pause(void)
{
    return PyGC_Disable() == 1;
}

void
collector_resume(bool paused)
{
    if (paused) {
        PyGC_Enable();
    }
}

#endif
