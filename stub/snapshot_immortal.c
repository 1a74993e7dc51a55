/* A reference that is taken writes to the object, and so the kernel copies its page. Immortal
   objects are not counted. Nobody can tell the difference of those that are made so here, but by
   sys.getrefcount: they hold nothing, or classes and functions, which live as long as their modules
   do, or again such objects. So no object is kept alive by them that could tell when it ends. */
#include "snapshot_immortal.h"

#include <Python.h>

#include <sys/mman.h> /* mmap */

#include "snapshot_cpython.h"

#if PY_VERSION_HEX >= 0x030C0000 /* before there are no immortal objects */

#define MOST_OBJECTS ((size_t)1 << 23)

/* Objects, each in the first free slot from that of its address on. */
struct candidates {
    PyObject **slots;
    unsigned char *rejected; /* by slot */
    size_t count;
    bool full;
};

/* Where an object is or would be. */
static size_t
slot_of(const struct candidates *candidates, const PyObject *object)
{
    size_t slot = ((uintptr_t)object >> 4) * 0x9E3779B97F4A7C15u % MOST_OBJECTS;
    while (candidates->slots[slot] != NULL && candidates->slots[slot] != object) {
        slot = (slot + 1) % MOST_OBJECTS;
    }
    return slot;
}

/* --- kinds --------------------------------------------------------------------------------- */

static bool
is_descriptor(const PyTypeObject *type)
{
    return type == &PyMethodDescr_Type || type == &PyClassMethodDescr_Type ||
           type == &PyGetSetDescr_Type || type == &PyMemberDescr_Type ||
           type == &PyWrapperDescr_Type;
}

static bool
is_wrapper(const PyTypeObject *type)
{
    return type == &PyClassMethod_Type || type == &PyStaticMethod_Type || type == &PyProperty_Type;
}

static bool
is_candidate(PyObject *object)
{
    const PyTypeObject *type = Py_TYPE(object);
    if (type == &PyCFunction_Type) {
        PyObject *self = PyCFunction_GET_SELF(object);
        return self == NULL || PyModule_Check(self) || PyType_Check(self);
    }
    return type == &PyUnicode_Type || type == &PyBytes_Type || type == &PyLong_Type ||
           type == &PyFloat_Type || type == &PyComplex_Type || type == &PyTuple_Type ||
           type == &PyFrozenSet_Type || type == &PyCode_Type || type == &PyFunction_Type ||
           PyType_Check(object) || is_descriptor(type) || is_wrapper(type);
}

/* --- finding them -------------------------------------------------------------------------- */

static int add(PyObject *object, void *context);

/* Code objects have nothing for the garbage collector. */
static void
add_code(PyCodeObject *code, struct candidates *candidates)
{
    PyObject *const parts[] = {
        code->co_consts,
        code->co_names,
        code->co_exceptiontable,
        code->co_localsplusnames,
        code->co_localspluskinds,
        code->co_filename,
        code->co_name,
        code->co_qualname,
        code->co_linetable,
    };
    for (size_t i = 0; i < Py_ARRAY_LENGTH(parts); i++) {
        if (parts[i] != NULL) {
            add(parts[i], candidates);
        }
    }
}

/* The collector does not know of all objects: what holds nothing that it tracks it does not track.
 */
static int
add(PyObject *object, void *context)
{
    struct candidates *candidates = context;
    if (snapshot_cpython_is_immortal(object) || !is_candidate(object)) {
        return 0;
    }
    size_t slot = slot_of(candidates, object);
    if (candidates->slots[slot] != NULL) {
        return 0;
    }
    if (candidates->count >= MOST_OBJECTS / 4 * 3) {
        candidates->full = true;
        return 0;
    }
    candidates->slots[slot] = object;
    candidates->count++;
    traverseproc traverse = Py_TYPE(object)->tp_traverse;
    if (PyCode_Check(object)) {
        add_code((PyCodeObject *)object, candidates);
    } else if (traverse != NULL && !PyType_Check(object)) {
        traverse(object, add, candidates);
    }
    return 0;
}

/* --- leaving out those that hold others ------------------------------------------------------ */

/* 1 if an object may be freed some day. */
static int
may_end(PyObject *object, void *context)
{
    const struct candidates *candidates = context;
    if (object == NULL || snapshot_cpython_is_immortal(object)) {
        return 0;
    }
    size_t slot = slot_of(candidates, object);
    return candidates->slots[slot] == NULL || candidates->rejected[slot];
}

/* The dict is that of a function's attributes, which are copied here. */
static int
wraps_what_may_end(PyObject *object, void *context)
{
    return !PyDict_CheckExact(object) && may_end(object, context);
}

static bool
values_may_end(PyObject *dict, const struct candidates *candidates)
{
    PyObject *key, *value;
    Py_ssize_t at = 0;
    while (dict != NULL && PyDict_Next(dict, &at, &key, &value)) {
        if (may_end(value, (void *)candidates)) {
            return true;
        }
    }
    return false;
}

static bool
closure_may_end(PyObject *closure, const struct candidates *candidates)
{
    for (Py_ssize_t i = 0; closure != NULL && i < PyTuple_GET_SIZE(closure); i++) {
        if (may_end(PyCell_GET(PyTuple_GET_ITEM(closure, i)), (void *)candidates)) {
            return true;
        }
    }
    return false;
}

static bool
holds_what_may_end(PyObject *object, struct candidates *candidates)
{
    const PyTypeObject *type = Py_TYPE(object);
    if (type == &PyFunction_Type) {
        const PyFunctionObject *function = (PyFunctionObject *)object;
        return may_end(function->func_defaults, candidates) ||
               values_may_end(function->func_kwdefaults, candidates) ||
               values_may_end(function->func_dict, candidates) ||
               closure_may_end(function->func_closure, candidates);
    }
    if (type == &PyTuple_Type || type == &PyFrozenSet_Type) {
        return type->tp_traverse(object, may_end, candidates) != 0;
    }
    return is_wrapper(type) && type->tp_traverse(object, wraps_what_may_end, candidates) != 0;
}

/* Returns whether there was any. */
static bool
reject(struct candidates *candidates)
{
    bool rejected = false;
    for (size_t i = 0; i < MOST_OBJECTS; i++) {
        PyObject *object = candidates->slots[i];
        if (object != NULL && !candidates->rejected[i] && holds_what_may_end(object, candidates)) {
            candidates->rejected[i] = 1;
            rejected = true;
        }
    }
    return rejected;
}

/* --- all of it ----------------------------------------------------------------------------- */

static void
set_immortal(PyObject *object)
{
    if (PyFunction_Check(object)) {
        PyObject *closure = ((PyFunctionObject *)object)->func_closure;
        for (Py_ssize_t i = 0; closure != NULL && i < PyTuple_GET_SIZE(closure); i++) {
            snapshot_cpython_set_immortal(PyTuple_GET_ITEM(closure, i));
        }
        if (closure != NULL) {
            snapshot_cpython_set_immortal(closure);
        }
    }
    snapshot_cpython_set_immortal(object);
}

static void *
pages(size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                    -1, 0);
    return at != MAP_FAILED ? at : NULL;
}

bool
snapshot_immortalise(PyObject *objects)
{
    struct candidates candidates = {.slots = pages(MOST_OBJECTS * sizeof(PyObject *)),
                                    .rejected = pages(MOST_OBJECTS)};
    if (candidates.slots == NULL || candidates.rejected == NULL) {
        return false;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(objects); i++) {
        PyObject *object = PyList_GET_ITEM(objects, i);
        add(object, &candidates);
        Py_TYPE(object)->tp_traverse(object, add, &candidates);
    }
    while (reject(&candidates)) {
    }
    for (size_t i = 0; i < MOST_OBJECTS; i++) {
        if (candidates.slots[i] != NULL && !candidates.rejected[i]) {
            set_immortal(candidates.slots[i]);
        }
    }
    munmap(candidates.slots, MOST_OBJECTS * sizeof(PyObject *));
    munmap(candidates.rejected, MOST_OBJECTS);
    return !candidates.full;
}

#else

bool
snapshot_immortalise(PyObject *objects)
{
    (void)objects;
    return true;
}

#endif
