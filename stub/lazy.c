/* Lazy imports before CPython 3.15, which has its own (PEP 810). backend/oxidize_build/lazy/
   replaces import statements by calls of bind(), and has functions call load() when they find a
   name missing. Until then a name that waits is in no namespace, but in a table of its module's
   own, and nothing is imported: what is in sys.modules, and in namespaces, is never half there.

   For whoever asks the module from outside, its class is one whose attributes are looked for in the
   table as well. It gets its own class back when nothing waits any more. */
#include "lazy.h"

#include <Python.h>

#if PY_VERSION_HEX < 0x030F0000

#include <stdbool.h>

/* In a module's namespace: name -> list of the code objects of the statements that bind it. */
#define TABLE "__oxidize_lazy_names__"

/* Look up a key. Returns a new reference; null without an exception if it is not there. */
static PyObject *
look_up(PyObject *dict, PyObject *key)
{
    return Py_XNewRef(PyDict_GetItemWithError(dict, key));
}

static PyObject *
look_up_text(PyObject *dict, const char *key)
{
    PyObject *name = PyUnicode_InternFromString(key);
    PyObject *value = name ? look_up(dict, name) : NULL;
    Py_XDECREF(name);
    return value;
}

static int
remove_key(PyObject *dict, PyObject *key)
{
    if (PyDict_DelItem(dict, key) == 0) {
        return 0;
    }
    if (!PyErr_ExceptionMatches(PyExc_KeyError)) {
        return -1;
    }
    PyErr_Clear(); /* another thread was first */
    return 0;
}

static bool
is_text(PyObject *name, const char *text)
{
    return PyUnicode_CompareWithASCIIString(name, text) == 0;
}

static int
set_class(PyObject *module, PyObject *class)
{
    PyObject *name = PyUnicode_InternFromString("__class__");
    int result = name ? PyModule_Type.tp_setattro(module, name, class) : -1;
    Py_XDECREF(name);
    return result;
}

/* The module whose namespace this is; null without an exception if it is not in sys.modules. */
static PyObject *
module_of(PyObject *namespace)
{
    PyObject *name = look_up_text(namespace, "__name__");
    PyObject *module = name && PyUnicode_Check(name) ? PyImport_GetModule(name) : NULL;
    Py_XDECREF(name);
    if (module != NULL && (!PyModule_Check(module) || PyModule_GetDict(module) != namespace)) {
        Py_CLEAR(module);
    }
    return module;
}

/* --- importing what waits ------------------------------------------------------------------ */

/* Nothing waits any more: let the module be as any other. */
static int
dissolve(PyObject *namespace)
{
    PyObject *key = PyUnicode_InternFromString(TABLE);
    int result = key ? remove_key(namespace, key) : -1;
    PyObject *module = result == 0 ? module_of(namespace) : NULL;
    if (module != NULL) {
        result = set_class(module, (PyObject *)&PyModule_Type);
    }
    Py_XDECREF(module);
    Py_XDECREF(key);
    return result < 0 || PyErr_Occurred() ? -1 : 0;
}

static int
forget(PyObject *namespace, PyObject *table, PyObject *name)
{
    if (remove_key(table, name) < 0) {
        return -1;
    }
    return PyDict_GET_SIZE(table) == 0 ? dissolve(namespace) : 0;
}

/* Add to the exception why the import took place here. */
static void
explain(PyObject *namespace, PyObject *name)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    PyObject *module = look_up_text(namespace, "__name__");
    PyObject *note =
        PyUnicode_FromFormat("%R of module %R is imported lazily: the import statement "
                             "ran when the name was first used",
                             name, module ? module : Py_None);
    PyObject *result = note ? PyObject_CallMethod(value, "add_note", "O", note) : NULL;
    Py_XDECREF(result);
    Py_XDECREF(note);
    Py_XDECREF(module);
    PyErr_Restore(type, value, traceback); /* also in the place of what went wrong here */
}

/* The names that this thread is importing, the last one first. They are not on the C stack, which
   greenlets exchange. */
struct import {
    PyObject *namespace, *name; /* borrowed from who runs the statements */
    struct import *outer;
};
static _Thread_local struct import *imports;

static bool
is_being_imported(PyObject *namespace, PyObject *name)
{
    for (struct import *import = imports; import != NULL; import = import->outer) {
        if (import->namespace == namespace && PyUnicode_Compare(import->name, name) == 0) {
            return true;
        }
    }
    return false;
}

static void
end_import(struct import *ended)
{
    for (struct import **place = &imports; *place != NULL; place = &(*place)->outer) {
        if (*place == ended) {
            *place = ended->outer;
            break;
        }
    }
    PyMem_Free(ended);
}

static int
run_statements(PyObject *namespace, PyObject *statements)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(statements); i++) {
        PyObject *code = Py_NewRef(PyList_GET_ITEM(statements, i));
        PyObject *result = PyEval_EvalCode(code, namespace, namespace);
        Py_DECREF(code);
        if (result == NULL) {
            return -1;
        }
        Py_DECREF(result);
    }
    return 0;
}

/* Run the statements that bind a name. If one fails the name goes on waiting. */
static int
settle(PyObject *namespace, PyObject *table, PyObject *name, PyObject *statements)
{
    struct import *import = PyMem_Malloc(sizeof *import);
    if (import == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    *import = (struct import){namespace, name, imports};
    imports = import;
    int result = run_statements(namespace, statements);
    end_import(import);
    if (result < 0 && imports == NULL) {
        explain(namespace, name); /* which the program has used, not another import */
    }
    return result < 0 ? -1 : forget(namespace, table, name);
}

/* Import a name if it waits. Returns 1, 0 if it does not wait, or -1. For what the import itself
   does it does not wait: `from . import name` first looks for an attribute, then for a module. */
static int
settle_if_waiting(PyObject *namespace, PyObject *name)
{
    if (is_being_imported(namespace, name)) {
        return 0;
    }
    PyObject *table = look_up_text(namespace, TABLE);
    PyObject *statements = table ? look_up(table, name) : NULL;
    int result = PyErr_Occurred() ? -1 : 0;
    if (statements != NULL) {
        result = settle(namespace, table, name, statements) < 0 ? -1 : 1;
    }
    Py_XDECREF(statements);
    Py_XDECREF(table);
    return result;
}

static int
settle_all(PyObject *namespace)
{
    PyObject *table = look_up_text(namespace, TABLE);
    PyObject *names = table ? PyDict_Keys(table) : NULL;
    int result = PyErr_Occurred() ? -1 : 0;
    for (Py_ssize_t i = 0; result >= 0 && names && i < PyList_GET_SIZE(names); i++) {
        result = settle_if_waiting(namespace, PyList_GET_ITEM(names, i));
    }
    Py_XDECREF(names);
    Py_XDECREF(table);
    return result < 0 ? -1 : 0;
}

/* --- modules with names that wait ---------------------------------------------------------- */

/* Whether the module's body has not ended. */
static bool
is_initialising(PyObject *namespace)
{
    PyObject *spec = look_up_text(namespace, "__spec__");
    PyObject *value = spec ? PyObject_GetAttrString(spec, "_initializing") : NULL;
    bool initialising = value != NULL && PyObject_IsTrue(value) == 1;
    Py_XDECREF(value);
    Py_XDECREF(spec);
    PyErr_Clear();
    return initialising;
}

/* What asks for the namespace as a whole gets it complete, but of a module that is not so itself.
 */
static PyObject *
module_get(PyObject *self, PyObject *name)
{
    PyObject *namespace = PyModule_GetDict(self); /* borrowed */
    int present = PyDict_Contains(namespace, name);
    if (present == 0 && is_text(name, "__dict__")) {
        present = is_initialising(namespace) ? 0 : settle_all(namespace);
    } else if (present == 0) {
        present = settle_if_waiting(namespace, name);
    }
    return present < 0 ? NULL : PyModule_Type.tp_getattro(self, name);
}

/* What is set or deleted waits no more. */
static int
module_set(PyObject *self, PyObject *name, PyObject *value)
{
    PyObject *namespace = PyModule_GetDict(self); /* borrowed */
    if (is_text(name, "__class__") && settle_all(namespace) < 0) {
        return -1; /* another class would know nothing of the table */
    }
    PyObject *table = look_up_text(namespace, TABLE);
    int waiting = table ? PyDict_Contains(table, name) : 0;
    int present = value != NULL || waiting <= 0 ? 1 : PyDict_Contains(namespace, name);
    int result = waiting < 0 || present < 0 || PyErr_Occurred() ? -1 : 0;
    if (result == 0 && present) {
        result = PyModule_Type.tp_setattro(self, name, value);
    }
    if (result == 0 && waiting) {
        result = forget(namespace, table, name);
    }
    Py_XDECREF(table);
    return result;
}

/* The names in the namespace and those that wait. */
static PyObject *
all_names(PyObject *namespace)
{
    PyObject *table = look_up_text(namespace, TABLE);
    PyObject *names = PyErr_Occurred() ? NULL : PySet_New(namespace);
    PyObject *key = names ? PyUnicode_InternFromString(TABLE) : NULL;
    PyObject *more = NULL;
    if (key == NULL || PySet_Discard(names, key) < 0 ||
        (table && !(more = PyObject_CallMethod(names, "update", "O", table)))) {
        Py_CLEAR(names);
    }
    PyObject *list = names ? PySequence_List(names) : NULL;
    Py_XDECREF(more);
    Py_XDECREF(key);
    Py_XDECREF(names);
    Py_XDECREF(table);
    return list;
}

PyDoc_STRVAR(dir_doc, "__dir__()\n--\n\nReturn the names of the module.");

static PyObject *
module_dir(PyObject *self, PyObject *nothing)
{
    (void)nothing;
    PyObject *namespace = PyModule_GetDict(self); /* borrowed */
    PyObject *own = look_up_text(namespace, "__dir__");
    if (own == NULL) {
        return PyErr_Occurred() ? NULL : all_names(namespace);
    }
    PyObject *result = PyObject_CallNoArgs(own);
    Py_DECREF(own);
    return result;
}

static PyMethodDef module_methods[] = {
    {"__dir__", module_dir, METH_NOARGS, dir_doc},
    {0},
};

static PyType_Slot module_slots[] = {
    {Py_tp_doc, "A module some of whose names are imported when they are used."},
    {Py_tp_getattro, module_get},
    {Py_tp_setattro, module_set},
    {Py_tp_methods, module_methods},
    {0},
};

static PyType_Spec module_spec = {
    .name = "oxidize.LazyModule",
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = module_slots,
};

/* --- the functions that packed code calls -------------------------------------------------- */

/* Whether a module that is in sys.modules has what is wanted of it, and nothing need wait. */
static bool
is_at_hand(PyObject *target, PyObject *attribute)
{
    if (attribute == Py_None || !PyModule_Check(target)) {
        return true;
    }
    int present = PyDict_Contains(PyModule_GetDict(target), attribute);
    PyErr_Clear();
    return present == 1;
}

/* Whether another statement that binds the name waits: this one has to come after it. */
static bool
waits(PyObject *namespace, PyObject *name)
{
    PyObject *table = look_up_text(namespace, TABLE);
    bool result = table != NULL && PyDict_Contains(table, name) == 1;
    Py_XDECREF(table);
    return result;
}

/* Whether a name can wait: it must be missing where functions look for it. */
static bool
may_wait(PyObject *namespace, PyObject *module, PyObject *const *arguments, PyObject *class)
{
    PyTypeObject *type = Py_TYPE(module);
    PyObject *builtins = PyEval_GetBuiltins(); /* borrowed */
    if ((type != &PyModule_Type && type != (PyTypeObject *)class) ||
        PyDict_Contains(namespace, arguments[0]) != 0 ||
        PyDict_Contains(builtins, arguments[0]) != 0) {
        PyErr_Clear();
        return false;
    }
    if (waits(namespace, arguments[0])) {
        return true;
    }
    PyObject *target = PyImport_GetModule(arguments[1]);
    bool wait = target == NULL ? !PyErr_Occurred() : !is_at_hand(target, arguments[2]);
    Py_XDECREF(target);
    PyErr_Clear();
    return wait;
}

/* Enter the statement into the module's table, which is made if there is none. */
static int
enter(PyObject *namespace, PyObject *module, PyObject *name, PyObject *code, PyObject *class)
{
    PyObject *table_name = PyUnicode_InternFromString(TABLE);
    PyObject *empty = PyDict_New(), *list = PyList_New(0);
    PyObject *table = NULL, *statements = NULL;
    int result = -1;
    if (table_name && empty && list &&
        (table = Py_XNewRef(PyDict_SetDefault(namespace, table_name, empty))) != NULL &&
        (statements = Py_XNewRef(PyDict_SetDefault(table, name, list))) != NULL &&
        PyList_Append(statements, code) == 0 &&
        (Py_TYPE(module) == (PyTypeObject *)class || set_class(module, class) == 0)) {
        result = 0;
    }
    Py_XDECREF(statements);
    Py_XDECREF(table);
    Py_XDECREF(list);
    Py_XDECREF(empty);
    Py_XDECREF(table_name);
    return result;
}

PyDoc_STRVAR(bind_doc, "An import statement that may wait until its name is used.");

/* Called with the name, the module and the attribute or None, and the statement's code. */
static PyObject *
bind(PyObject *class, PyObject *const *arguments, Py_ssize_t count)
{
    PyObject *namespace = PyEval_GetGlobals(); /* borrowed */
    if (count != 4 || namespace == NULL || !PyUnicode_Check(arguments[0]) ||
        !PyUnicode_Check(arguments[1]) || !PyCode_Check(arguments[3])) {
        PyErr_SetString(PyExc_TypeError, "this function is for code that oxidize has compiled");
        return NULL;
    }
    PyObject *module = module_of(namespace);
    int entered = PyErr_Occurred() ? -1 : 0;
    if (module != NULL && may_wait(namespace, module, arguments, class)) {
        entered = enter(namespace, module, arguments[0], arguments[3], class) < 0 ? -1 : 1;
    }
    Py_XDECREF(module);
    if (entered == 0) {
        return PyEval_EvalCode(arguments[3], namespace, namespace);
    }
    return entered < 0 ? NULL : Py_NewRef(Py_None);
}

/* Raise what becomes of a name that does not wait: the NameError as it was before it came here. */
static void
raise_again(PyObject *exception, PyObject *namespace, PyObject *name)
{
    if (is_being_imported(namespace, name)) {
        PyErr_Format(PyExc_ImportError,
                     "cannot import name %R (most likely due to a circular import)", name);
    } else if (PyException_SetTraceback(exception, Py_None) == 0) {
        PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
    }
}

PyDoc_STRVAR(load_doc, "Import a name that a function has not found.");

/* Called with the exception that says so, and the name. */
static PyObject *
load(PyObject *class, PyObject *const *arguments, Py_ssize_t count)
{
    (void)class;
    PyObject *namespace = PyEval_GetGlobals(); /* borrowed */
    if (count != 2 || namespace == NULL || !PyExceptionInstance_Check(arguments[0]) ||
        !PyUnicode_Check(arguments[1])) {
        PyErr_SetString(PyExc_TypeError, "this function is for code that oxidize has compiled");
        return NULL;
    }
    int settled = 0;
    if (PyErr_GivenExceptionMatches(arguments[0], PyExc_NameError)) {
        settled = settle_if_waiting(namespace, arguments[1]);
    }
    if (settled == 0) {
        settled = PyDict_Contains(namespace, arguments[1]); /* another thread was first */
    }
    if (settled == 0) {
        raise_again(arguments[0], namespace, arguments[1]);
    }
    return settled == 1 ? Py_NewRef(Py_None) : NULL;
}

static PyMethodDef functions[] = {
    {"__oxidize_lazy_import__", (PyCFunction)(void (*)(void))bind, METH_FASTCALL, bind_doc},
    {"__oxidize_lazy_load__", (PyCFunction)(void (*)(void))load, METH_FASTCALL, load_doc},
};

int
lazy_add(void)
{
    PyObject *class = PyType_FromSpecWithBases(&module_spec, (PyObject *)&PyModule_Type);
    PyObject *builtins = PyEval_GetBuiltins(); /* borrowed */
    int result = class && builtins ? 0 : -1;
    for (size_t i = 0; result == 0 && i < Py_ARRAY_LENGTH(functions); i++) {
        PyObject *function = PyCFunction_New(&functions[i], class);
        result = function ? PyDict_SetItemString(builtins, functions[i].ml_name, function) : -1;
        Py_XDECREF(function);
    }
    Py_XDECREF(class);
    return result;
}

#else

int
lazy_add(void)
{
    return 0;
}

#endif
