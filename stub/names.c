#include "names.h"

static const char *const texts[NAMES] = {
    [NAME_BLOCK_SIZE] = "_blksize",
    [NAME_BUFFERED_RANDOM] = "BufferedRandom",
    [NAME_BUFFERED_WRITER] = "BufferedWriter",
    [NAME_CLOSED] = "closed",
    [NAME_CODE] = "code",
    [NAME_FLUSH] = "flush",
    [NAME_GET_OBJECTS] = "get_objects",
    [NAME_INSPECT] = "inspect",
    [NAME_INTERACTIVE] = "interactive",
    [NAME_MODE] = "mode",
    [NAME_NAME] = "name",
    [NAME_RUN_EXIT_FUNCTIONS] = "_run_exitfuncs",
    [NAME_SHUTDOWN] = "_shutdown",
    [NAME_TEXT_WRAPPER] = "TextIOWrapper",
    [NAME_WRITE] = "write",
};
static PyObject *known[NAMES];

PyObject *
names_get(enum name name)
{
    if (known[name] == NULL) {
        known[name] = PyUnicode_InternFromString(texts[name]);
    }
    return known[name];
}

PyObject *
names_attribute(PyObject *object, enum name name)
{
    PyObject *text = names_get(name);
    return text != NULL ? PyObject_GetAttr(object, text) : NULL;
}

PyObject *
names_call(PyObject *object, enum name name)
{
    PyObject *text = names_get(name);
    return text != NULL ? PyObject_CallMethodNoArgs(object, text) : NULL;
}

PyObject *
names_module(const char *name)
{
    PyObject *found = PyDict_GetItemString(PyImport_GetModuleDict(), name); /* borrowed */
    return found != NULL ? Py_NewRef(found) : PyImport_ImportModule(name);
}

PyObject *
names_all(void)
{
    PyObject *all = PyTuple_New(NAMES);
    for (int i = 0; all != NULL && i < NAMES; i++) {
        PyObject *text = names_get((enum name)i);
        if (text == NULL) {
            Py_CLEAR(all);
        } else {
            PyTuple_SET_ITEM(all, i, Py_NewRef(text));
        }
    }
    return all;
}

void
names_use(PyObject *all)
{
    for (int i = 0; i < NAMES; i++) {
        known[i] = PyTuple_GET_ITEM(all, i);
    }
}
