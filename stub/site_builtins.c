/* `site` is not imported at start-up: it would search the disk, and costs time. But programs call
   exit() as if it were part of the language. So builtins get stand-ins, which replace themselves
   by what site makes when they are called or shown. */
#include "site_builtins.h"

#include <Python.h>

#include <stdbool.h>

#define HOOK "__interactivehook__"

typedef struct {
    PyObject_HEAD
    PyObject *name;
} StandIn;

/* Call functions of site; `names` ends with NULL. */
static int
call_site(const char *const names[])
{
    PyObject *site = PyImport_ImportModule("site");
    for (size_t i = 0; site != NULL && names[i] != NULL; i++) {
        PyObject *result = PyObject_CallMethod(site, names[i], NULL);
        if (result == NULL) {
            Py_CLEAR(site);
        }
        Py_XDECREF(result);
    }
    Py_XDECREF(site);
    return site != NULL ? 0 : -1;
}

/* Let site replace all stand-ins, and return what now has the name of this one. */
static PyObject *
real_object(StandIn *self)
{
    static const char *const setters[] = {"setquit", "setcopyright", "sethelper", NULL};
    if (call_site(setters) < 0) {
        return NULL;
    }
    PyObject *builtins = PyImport_ImportModule("builtins");
    PyObject *object = builtins ? PyObject_GetAttr(builtins, self->name) : NULL;
    Py_XDECREF(builtins);
    return object;
}

static PyObject *
stand_in_call(StandIn *self, PyObject *arguments, PyObject *keywords)
{
    PyObject *object = real_object(self);
    PyObject *result = object ? PyObject_Call(object, arguments, keywords) : NULL;
    Py_XDECREF(object);
    return result;
}

static PyObject *
stand_in_repr(StandIn *self)
{
    PyObject *object = real_object(self);
    PyObject *result = object ? PyObject_Repr(object) : NULL;
    Py_XDECREF(object);
    return result;
}

static void
stand_in_dealloc(StandIn *self)
{
    PyTypeObject *type = Py_TYPE(self);
    Py_XDECREF(self->name);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyType_Slot slots[] = {
    {Py_tp_doc, "Becomes what the module site defines under the same name."},
    {Py_tp_call, stand_in_call},
    {Py_tp_repr, stand_in_repr},
    {Py_tp_dealloc, stand_in_dealloc},
    {0},
};

static PyType_Spec spec = {
    .name = "oxidize.SiteBuiltin",
    .basicsize = sizeof(StandIn),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = slots,
};

static int
add(PyTypeObject *type, PyObject *builtins, const char *name)
{
    StandIn *stand_in = (StandIn *)type->tp_alloc(type, 0);
    if (stand_in == NULL) {
        return -1;
    }
    stand_in->name = PyUnicode_FromString(name);
    int result = stand_in->name ? PyDict_SetItemString(builtins, name, (PyObject *)stand_in) : -1;
    Py_DECREF(stand_in);
    return result;
}

/* Whether Python has shown its version, to which it adds the line below only if it imports site at
   start: nothing is run, or sys.argv[0] would say what. */
static bool
has_shown_version(void)
{
    PyObject *argv = PySys_GetObject("argv"), *flags = PySys_GetObject("flags"); /* borrowed */
    PyObject *first = argv ? PySequence_GetItem(argv, 0) : NULL;
    PyObject *quiet = flags ? PyObject_GetAttrString(flags, "quiet") : NULL;
    bool shown =
        first != NULL && quiet != NULL && PyObject_Not(first) == 1 && PyObject_Not(quiet) == 1;
    Py_XDECREF(quiet);
    Py_XDECREF(first);
    PyErr_Clear();
    return shown;
}

/* sys.__interactivehook__: Python calls it before a REPL begins. It puts site's in its place, which
   sets up readline, completion and the history file, and calls that. */
static PyObject *
interactive_hook(PyObject *self, PyObject *nothing)
{
    static const char *const setters[] = {"enablerlcompleter", NULL};
    (void)self, (void)nothing;
    if (has_shown_version()) {
        PySys_WriteStderr("Type \"help\", \"copyright\", \"credits\" or \"license\" "
                          "for more information.\n");
    }
    if (call_site(setters) < 0) {
        return NULL;
    }
    PyObject *hook = PySys_GetObject(HOOK); /* borrowed */
    return hook != NULL ? PyObject_CallNoArgs(hook) : Py_NewRef(Py_None);
}

static PyMethodDef interactive_hook_definition = {"interactive_hook", interactive_hook, METH_NOARGS,
                                                  "Prepare a REPL as the module site does."};

static int
add_interactive_hook(void)
{
    PyObject *hook = PyCFunction_New(&interactive_hook_definition, NULL);
    int result = hook != NULL ? PySys_SetObject(HOOK, hook) : -1;
    Py_XDECREF(hook);
    return result;
}

int
site_builtins_add(void)
{
    static const char *const names[] = {"exit", "quit", "help", "copyright", "credits", "license"};
    PyTypeObject *type = (PyTypeObject *)PyType_FromSpec(&spec);
    PyObject *builtins = PyEval_GetBuiltins();
    int result = type && builtins ? 0 : -1;
    for (size_t i = 0; result == 0 && i < Py_ARRAY_LENGTH(names); i++) {
        result = add(type, builtins, names[i]);
    }
    Py_XDECREF(type);
    return result == 0 ? add_interactive_hook() : result;
}
