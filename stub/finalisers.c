/* Py_FinalizeEx frees one object after the other, tens of thousands of them, for the kernel to free
   their memory once more. Of nearly all objects nobody can tell whether they were freed. Whether
   that holds for all of a program's objects is found out here, in one pass over them: no one has a
   finaliser that would do something, or a weak reference that calls a function, or is of a type, or
   a module, whose C code is unknown to us. */
#define Py_BUILD_CORE /* before Python.h: 3.12 has functions in both kinds of headers */
#include "internals.h"

#include "finalisers.h"

#if defined(OXIDIZE_KNOWS_INTERPRETER) && PY_VERSION_HEX >= 0x030C0000

#include <internal/pycore_gc.h>      /* PyGC_Head */
#include <internal/pycore_interp.h>  /* PyInterpreterState */
#include <internal/pycore_pystate.h> /* _PyInterpreterState_Main */
#include <internal/pycore_runtime.h> /* _PyRuntime */

#include "collector.h"
#include "os.h"
#include "snapshot.h"

/* --- code ------------------------------------------------------------------------------------ */

/* The linker's bounds of the executable, in which CPython and its own extension modules are. */
extern const char __executable_start[], etext[], _end[];

static bool
is_own_data(const void *data)
{
    return (uintptr_t)data - (uintptr_t)__executable_start <
           (uintptr_t)_end - (uintptr_t)__executable_start;
}

static bool
is_own_code(void (*function)(void))
{
    return (uintptr_t)function - (uintptr_t)__executable_start <
           (uintptr_t)etext - (uintptr_t)__executable_start;
}

#define IS_OWN(function) ((function) == NULL || is_own_code((void (*)(void))(function)))

/* --- types ----------------------------------------------------------------------------------- */

/* What it can do to free an object: nothing that shows, something that depends on the object, or
   what is not known. */
enum verdict { HARMLESS, DOUBTFUL, NOTICEABLE };

static bool
has_finaliser(const PyTypeObject *type)
{
    return type->tp_finalize != NULL || type->tp_del != NULL;
}

/* Classes that mypyc has compiled: as those of Python, they have a finaliser where they have
   __del__, and else release what an object refers to. */
static bool
is_of_mypyc(destructor dealloc)
{
    const char *library = os_library_of((void (*)(void))dealloc);
    return library != NULL && strstr(library, "__mypyc.") != NULL;
}

/* A class has its bases' functions behind its own. */
static enum verdict
judge(PyTypeObject *type)
{
    for (const PyTypeObject *base = type; base != NULL; base = base->tp_base) {
        if (!IS_OWN(base->tp_free) ||
            !(IS_OWN(base->tp_dealloc) || is_of_mypyc(base->tp_dealloc))) {
            return NOTICEABLE;
        }
    }
    bool depends = has_finaliser(type) || type == &PyCapsule_Type ||
                   PyType_IsSubtype(type, &PyModule_Type) || PyType_IsSubtype(type, &PyType_Type) ||
                   PyType_IsSubtype(type, &_PyWeakref_RefType);
    return depends ? DOUBTFUL : HARMLESS;
}

/* Verdicts, by address: most objects are of few types. */
static enum verdict
verdict_of(PyTypeObject *type)
{
    static struct {
        const PyTypeObject *type;
        enum verdict verdict;
    } known[1024];
    size_t slot = ((uintptr_t)type >> 4 ^ (uintptr_t)type >> 14) % Py_ARRAY_LENGTH(known);
    if (known[slot].type != type) {
        known[slot].type = type;
        known[slot].verdict = judge(type);
    }
    return known[slot].verdict;
}

/* CPython's one such type with a finaliser: an iterator that was left in the middle warns of it,
   for those who have asked for such warnings. */
static bool
is_directory_iterator(const PyTypeObject *type)
{
    return strcmp(type->tp_name, "posix.ScandirIterator") == 0 && IS_OWN(type->tp_dealloc);
}

/* Objects that the collector does not know cannot be looked for: whether there may be some that
   matter. */
static bool
hides_objects(PyTypeObject *type)
{
    return !PyType_HasFeature(type, Py_TPFLAGS_HAVE_GC) && !is_directory_iterator(type) &&
           (has_finaliser(type) || judge(type) == NOTICEABLE);
}

/* Types that the collector does not know either, as they are not made by a program, are all below
   `object`, one below the other. */
static bool
are_objects_hidden(PyTypeObject *type)
{
    PyObject *classes = PyObject_CallMethod((PyObject *)&PyType_Type, "__subclasses__", "O", type);
    bool hidden = classes == NULL;
    for (Py_ssize_t i = 0; !hidden && i < PyList_GET_SIZE(classes); i++) {
        PyTypeObject *below = (PyTypeObject *)PyList_GET_ITEM(classes, i);
        hidden = !PyType_HasFeature(below, Py_TPFLAGS_HEAPTYPE) &&
                 (hides_objects(below) || are_objects_hidden(below));
    }
    Py_XDECREF(classes);
    PyErr_Clear();
    return hidden;
}

/* --- all objects ----------------------------------------------------------------------------- */

enum { MOST_DOUBTFUL = 64 };

struct survey {
    bool noticeable;
    bool foreign; /* there is an extension module from a shared library */
    PyObject *doubtful[MOST_DOUBTFUL];
    size_t count;
};

static bool
is_text(PyObject *object, const char *text)
{
    return object != NULL && PyUnicode_Check(object) &&
           PyUnicode_CompareWithASCIIString(object, text) == 0;
}

/* These of the standard library remove an entry from a table. */
static bool
is_harmless_callback(PyObject *callback)
{
    static const struct {
        const char *module;
        const char *name;
    } known[] = {
        {"weakref", "remove"}, {"_weakrefset", "_remove"}, {"logging", "_removeHandlerRef"}};
    if (callback == NULL) {
        return true;
    }
    if (PyCFunction_Check(callback)) {
        return IS_OWN(PyCFunction_GET_FUNCTION(callback));
    }
    if (!PyFunction_Check(callback)) {
        return false;
    }
    const PyFunctionObject *function = (PyFunctionObject *)callback;
    for (size_t i = 0; i < Py_ARRAY_LENGTH(known); i++) {
        if (is_text(function->func_module, known[i].module) &&
            is_text(function->func_name, known[i].name)) {
            return true;
        }
    }
    return false;
}

static bool
is_harmless_module(PyObject *module, struct survey *survey)
{
    const PyModuleDef *definition = PyModule_GetDef(module);
    if (definition == NULL) {
        return true;
    }
    survey->foreign |= !is_own_data(definition);
    return IS_OWN(definition->m_free);
}

static bool
is_harmless_capsule(PyObject *capsule)
{
    PyCapsule_Destructor destructor = PyCapsule_GetDestructor(capsule);
    return IS_OWN(destructor);
}

/* The rest can only be told by calling Python, which has to wait until all objects are seen. */
static bool
put_off(PyObject *object, struct survey *survey)
{
    if (survey->count == MOST_DOUBTFUL) {
        return false;
    }
    survey->doubtful[survey->count++] = Py_NewRef(object);
    return true;
}

static bool
is_harmless(PyObject *object, struct survey *survey)
{
    PyTypeObject *type = Py_TYPE(object);
    enum verdict verdict = verdict_of(type);
    if (verdict != DOUBTFUL) {
        return verdict == HARMLESS;
    }
    if (PyWeakref_CheckRef(object) &&
        !is_harmless_callback(((PyWeakReference *)object)->wr_callback)) {
        return false;
    }
    if (PyModule_Check(object) && !is_harmless_module(object, survey)) {
        return false;
    }
    if (PyCapsule_CheckExact(object) && !is_harmless_capsule(object)) {
        return false;
    }
    if (PyType_Check(object) && hides_objects((PyTypeObject *)object)) {
        return false;
    }
    return !has_finaliser(type) || put_off(object, survey);
}

static int
look_at(PyObject *object, void *context)
{
    struct survey *survey = context;
    survey->noticeable = !is_harmless(object, survey);
    return !survey->noticeable;
}

/* --- objects with a finaliser ---------------------------------------------------------------- */

static bool
has_value(PyObject *object, const char *attribute, PyObject *expected)
{
    PyObject *value = PyObject_GetAttrString(object, attribute);
    Py_XDECREF(value);
    PyErr_Clear();
    return value == expected;
}

/* The standard streams are flushed in any case. */
static bool
is_standard_stream(PyObject *object)
{
    static const char *const names[] = {"__stdin__", "__stdout__", "__stderr__"};
    bool found = false;
    for (size_t i = 0; !found && i < Py_ARRAY_LENGTH(names); i++) {
        PyObject *text = Py_XNewRef(PySys_GetObject(names[i]));
        PyObject *buffer = text ? PyObject_GetAttrString(text, "buffer") : NULL;
        PyObject *raw = buffer ? PyObject_GetAttrString(buffer, "raw") : NULL;
        found = object == text || object == buffer || object == raw;
        Py_XDECREF(raw);
        Py_XDECREF(buffer);
        Py_XDECREF(text);
        PyErr_Clear();
    }
    return found;
}

static bool
is_type(const PyTypeObject *type, const char *name)
{
    return strcmp(type->tp_name, name) == 0 && IS_OWN(type->tp_dealloc);
}

/* A file's finaliser closes it, unless the class has another one, or the descriptor is not its own.
 */
static bool
is_done_file(PyObject *object)
{
    const PyTypeObject *type = Py_TYPE(object), *base = type;
    while (base != NULL && !is_type(base, "_io._IOBase")) {
        base = base->tp_base;
    }
    return base != NULL && type->tp_finalize == base->tp_finalize &&
           (is_type(type, "_io.BytesIO") || is_type(type, "_io.StringIO") ||
            (is_type(type, "_io.FileIO") && has_value(object, "closefd", Py_False)) ||
            has_value(object, "closed", Py_True));
}

static bool
is_done_generator(PyObject *object)
{
    return (PyGen_CheckExact(object) && has_value(object, "gi_frame", Py_None)) ||
           (PyCoro_CheckExact(object) && has_value(object, "cr_frame", Py_None)) ||
           (PyAsyncGen_CheckExact(object) && has_value(object, "ag_frame", Py_None));
}

/* multiprocessing makes one when it is imported, whose finaliser ends the process that it has
   started, if it has. */
static bool
is_idle_tracker(PyObject *object)
{
    PyObject *module = PyObject_GetAttrString((PyObject *)Py_TYPE(object), "__module__");
    bool is_tracker = strcmp(Py_TYPE(object)->tp_name, "ResourceTracker") == 0 &&
                      is_text(module, "multiprocessing.resource_tracker");
    Py_XDECREF(module);
    PyErr_Clear();
    return is_tracker && has_value(object, "_fd", Py_None);
}

static bool
settle(struct survey *survey)
{
    for (size_t i = 0; i < survey->count; i++) {
        PyObject *object = survey->doubtful[i];
        survey->noticeable =
            survey->noticeable || !(is_standard_stream(object) || is_done_file(object) ||
                                    is_done_generator(object) || is_idle_tracker(object));
        Py_DECREF(object);
    }
    return survey->noticeable;
}

/* --- a snapshot ------------------------------------------------------------------------------ */

/* Its objects have been looked at when it was made, and to look at all of them again would touch
   all of its pages. They are frozen, so that the collector does not know them. What may have
   changed are those with a finaliser, and classes, which may have got one. (An object whose
   __class__ was set to one that has a finaliser is missed.) */
static PyObject *expected;
static uintptr_t last_frozen;

static PyGC_Head *
frozen_objects(void)
{
    return &_PyInterpreterState_Main()->gc.permanent_generation.head;
}

static bool
can_get_finaliser(PyTypeObject *type)
{
    return PyType_HasFeature(type, Py_TPFLAGS_HEAPTYPE) &&
           !PyType_HasFeature(type, Py_TPFLAGS_IMMUTABLETYPE) && !has_finaliser(type);
}

static bool
note_class(PyObject *classes, PyTypeObject *type)
{
    return !can_get_finaliser(type) || PySet_Add(classes, (PyObject *)type) == 0;
}

/* Classes of the objects that the collector knows, and of those that it does not. */
static bool
note_classes(PyObject *classes, PyObject *object)
{
    return note_class(classes, Py_TYPE(object)) &&
           (!PyType_Check(object) ||
            PyType_HasFeature((PyTypeObject *)object, Py_TPFLAGS_HAVE_GC) ||
            note_class(classes, (PyTypeObject *)object));
}

PyObject *
finalisers_of_snapshot(PyObject *objects)
{
    struct survey survey = {0};
    PyObject *noted = PySet_New(NULL), *known = NULL;
    bool usable = noted != NULL;
    for (Py_ssize_t i = 0; usable && i < PyList_GET_SIZE(objects); i++) {
        PyObject *object = PyList_GET_ITEM(objects, i);
        usable = is_harmless(object, &survey) && note_classes(noted, object);
    }
    for (size_t i = 0; i < survey.count; i++) {
        usable = usable && PySet_Add(noted, survey.doubtful[i]) == 0;
        Py_DECREF(survey.doubtful[i]);
    }
    known = usable && !survey.foreign ? PySequence_Tuple(noted) : NULL;
    if (known != NULL) {
        PyObject_GC_UnTrack(known);
    }
    Py_XDECREF(noted);
    PyErr_Clear();
    return known;
}

void
finalisers_expect(PyObject *known)
{
    Py_XSETREF(expected, known);
    last_frozen = frozen_objects()->_gc_prev;
}

/* Since the start a program may have frozen other objects, which come behind those. */
static bool
is_snapshot_unchanged(struct survey *survey)
{
    bool unchanged = expected != NULL && frozen_objects()->_gc_prev == last_frozen;
    for (Py_ssize_t i = 0; unchanged && i < PyTuple_GET_SIZE(expected); i++) {
        PyObject *object = PyTuple_GET_ITEM(expected, i);
        unchanged =
            PyType_Check(object) ? !has_finaliser((PyTypeObject *)object) : put_off(object, survey);
    }
    return unchanged;
}

static void
look_at_new(struct survey *survey)
{
    PyObject *objects = collector_objects();
    survey->noticeable = objects == NULL;
    for (Py_ssize_t i = 0; !survey->noticeable && i < PyList_GET_SIZE(objects); i++) {
        survey->noticeable = !is_harmless(PyList_GET_ITEM(objects, i), survey);
    }
    Py_XDECREF(objects);
    PyErr_Clear();
}

/* --- what else there is ---------------------------------------------------------------------- */

static bool
is_empty(PyObject *list)
{
    return list == NULL || PyList_GET_SIZE(list) == 0;
}

/* What gc.freeze() has put aside is not seen by all versions. */
static bool
has_frozen_objects(void)
{
    const PyGC_Head *head = frozen_objects();
    return head->_gc_next != (uintptr_t)head;
}

/* Py_FinalizeEx tells of itself in other ways, to those who have asked for it. */
static bool
is_observed(void)
{
    PyInterpreterState *main = _PyInterpreterState_Main();
    PyThreadState *thread = PyInterpreterState_ThreadHead(main);
    const PyConfig *config = &main->config;
    return PyInterpreterState_Next(PyInterpreterState_Head()) != NULL ||
           PyThreadState_Next(thread) != NULL || main->audit_hooks != NULL ||
           _PyRuntime.audit_hooks.head != NULL || _PyRuntime.atexit.ncallbacks > 0 ||
           !is_empty(main->gc.garbage) || !is_empty(main->gc.callbacks) || main->gc.debug != 0 ||
           config->verbose || config->malloc_stats || config->dump_refs || config->dev_mode ||
           config->warnoptions.length > 0;
}

/* Before 3.13 connections have no finaliser, and yet do something: they write to the database. */
static bool
has_databases(void)
{
#if PY_VERSION_HEX < 0x030D0000
    return PyDict_GetItemString(PyImport_GetModuleDict(), "_sqlite3") != NULL;
#else
    return false;
#endif
}

bool
finalisers_are_left(void)
{
    struct survey survey = {0};
    if (is_observed() || has_databases()) {
        return true;
    }
    if (snapshot_is_in_use()) {
        survey.noticeable = !is_snapshot_unchanged(&survey);
        if (!survey.noticeable) {
            look_at_new(&survey);
        }
    } else if (has_frozen_objects()) {
        return true;
    } else {
        PyUnstable_GC_VisitObjects(look_at, &survey);
    }
    return settle(&survey) || (survey.foreign && are_objects_hidden(&PyBaseObject_Type));
}

#else

bool
finalisers_are_left(void)
{
    return true;
}

PyObject *
finalisers_of_snapshot(PyObject *objects)
{
    (void)objects;
    return NULL;
}

void
finalisers_expect(PyObject *known)
{
    (void)known;
}

#endif
