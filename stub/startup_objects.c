/* Py_FinalizeEx collects garbage four times, so that what the program has made is finalised even
   where it refers to itself. Each time the collector goes through the thousands of objects that
   start-up has made, and in the end it frees them one by one, for the kernel to free their memory
   once more. Programs see nothing of that: none of these objects has a finaliser.

   So they are put aside, in a list that the collector does not know, which makes it take what they
   refer to for reachable. At the end they stay there if they refer to nothing that the program has
   made: then what it has made is found to be garbage, and finalised, without them as well. Else
   they are brought back before the first collection.

   Through the module gc a program could see that they are missing, so it has them brought back when
   it is imported. */
#include "startup_objects.h"

#define Py_BUILD_CORE /* before Python.h: 3.12 has functions in both kinds of headers */
#include "internals.h"

#ifdef OXIDIZE_KNOWS_INTERPRETER

#include <internal/pycore_gc.h>      /* PyGC_Head */
#include <internal/pycore_interp.h>  /* PyInterpreterState */
#include <internal/pycore_pystate.h> /* _PyInterpreterState_Main */

#include "collector.h"

/* --- the list ------------------------------------------------------------------------------ */

/* Neighbours of an object that the collector knows are in two words before it. The lowest bits of
   the second have other meanings: this one marks objects while a collection, or we, look at them.
 */
#define MARK ((uintptr_t)_PyGC_PREV_MASK_COLLECTING)

static PyGC_Head aside; /* the head of a circle; all zero if nothing is aside */

static PyGC_Head *
head_of(PyObject *object)
{
    return (PyGC_Head *)object - 1;
}

static PyObject *
object_of(PyGC_Head *head)
{
    return (PyObject *)(head + 1);
}

static PyGC_Head *
next(const PyGC_Head *head)
{
    return (PyGC_Head *)head->_gc_next;
}

static PyGC_Head *
previous(const PyGC_Head *head)
{
    return (PyGC_Head *)(head->_gc_prev & _PyGC_PREV_MASK);
}

static void
set_previous(PyGC_Head *head, PyGC_Head *neighbour)
{
    head->_gc_prev = (head->_gc_prev & ~_PyGC_PREV_MASK) | (uintptr_t)neighbour;
}

static void
join(PyGC_Head *first, PyGC_Head *second)
{
    first->_gc_next = (uintptr_t)second;
    set_previous(second, first);
}

static bool
is_empty(const PyGC_Head *list)
{
    return list->_gc_next == (uintptr_t)list;
}

static void
move_all(PyGC_Head *from, PyGC_Head *to)
{
    if (!is_empty(from)) {
        join(previous(to), next(from));
        join(previous(from), to);
        join(from, from);
    }
}

static void
move(PyObject *object, PyGC_Head *to)
{
    PyGC_Head *head = head_of(object);
    join(previous(head), next(head));
    join(previous(to), head);
    join(head, to);
}

/* Where gc.freeze() puts all objects, and gc.unfreeze() takes them from. */
static PyGC_Head *
frozen(void)
{
    return &_PyInterpreterState_Main()->gc.permanent_generation.head;
}

static void
bring_back(void)
{
    if (startup_objects_are_aside()) {
        move_all(&aside, frozen());
        collector_unfreeze();
        aside._gc_next = 0;
    }
}

/* --- the module gc ------------------------------------------------------------------------- */

static PyObject *(*initialise_gc)(void);

static PyObject *
bring_back_and_initialise_gc(void)
{
    if (PyInterpreterState_Get() == _PyInterpreterState_Main()) {
        bring_back();
    }
    return initialise_gc();
}

void
startup_objects_setup(void)
{
    for (struct _inittab *entry = PyImport_Inittab; entry->name != NULL; entry++) {
        if (strcmp(entry->name, "gc") == 0) {
            initialise_gc = entry->initfunc;
            entry->initfunc = bring_back_and_initialise_gc;
        }
    }
}

static bool
is_imported(const char *name)
{
    PyObject *modules = PyImport_GetModuleDict(); /* borrowed */
    return PyDict_GetItemString(modules, name) != NULL;
}

/* --- putting aside ------------------------------------------------------------------------- */

/* What the program fills is its own from the beginning. */
static void
leave(PyObject *object)
{
    if (object != NULL && PyObject_IS_GC(object) && PyObject_GC_IsTracked(object)) {
        move(object, frozen());
    }
}

void
startup_objects_put_aside(void)
{
    if (initialise_gc == NULL || is_imported("gc") || !collector_freeze()) {
        return;
    }
    join(&aside, &aside);
    move_all(frozen(), &aside);
    PyObject *module = PyImport_AddModule("__main__"); /* borrowed */
    if (module != NULL) {
        leave(module);
        leave(PyModule_GetDict(module));
    }
    PyErr_Clear();
    collector_unfreeze();
}

/* --- the end ------------------------------------------------------------------------------- */

static bool
is_aside(PyObject *object)
{
    return PyObject_GC_IsTracked(object) && (head_of(object)->_gc_prev & MARK) != 0;
}

/* Whether the program has made the object, or one of those that only an object of its own leads to:
   all but the simplest are known to the collector, or are of a class that is. */
static int
is_new(PyObject *object, void *unused)
{
    (void)unused;
    PyTypeObject *type = Py_TYPE(object);
    if (PyObject_IS_GC(object) && PyObject_GC_IsTracked(object)) {
        return !is_aside(object);
    }
    return PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE) && !is_aside((PyObject *)type);
}

/* Py_FinalizeEx clears these dictionaries itself, one entry after the other, and flushes the
   standard streams, which refer to what they have not written yet. */
static bool
is_cleared_anyway(const PyObject *object)
{
    static const char *const streams[] = {"__stdin__", "__stdout__", "__stderr__"};
    PyInterpreterState *interpreter = _PyInterpreterState_Main();
    bool found = object == PyImport_GetModuleDict() || object == interpreter->sysdict ||
                 object == interpreter->builtins;
    for (size_t i = 0; !found && i < Py_ARRAY_LENGTH(streams); i++) {
        found = object == PySys_GetObject(streams[i]);
    }
    return found;
}

static bool
refers_to_new(PyObject *object)
{
    return Py_TYPE(object)->tp_traverse(object, is_new, NULL) != 0 && !is_cleared_anyway(object);
}

static void
mark_all(bool marked)
{
    for (PyGC_Head *head = next(&aside); head != &aside; head = next(head)) {
        head->_gc_prev = marked ? head->_gc_prev | MARK : head->_gc_prev & ~MARK;
    }
}

bool
startup_objects_are_aside(void)
{
    return aside._gc_next != 0;
}

void
startup_objects_settle(void)
{
    if (!startup_objects_are_aside()) {
        return;
    }
    mark_all(true);
    PyGC_Head *head = next(&aside);
    while (head != &aside && !refers_to_new(object_of(head))) {
        head = next(head);
    }
    mark_all(false);
    if (head != &aside) {
        bring_back();
    }
}

#else

void
startup_objects_setup(void)
{
}

void
startup_objects_put_aside(void)
{
}

bool
startup_objects_are_aside(void)
{
    return false;
}

void
startup_objects_settle(void)
{
}

#endif
