/* importlib raises the ModuleNotFoundError, after all finders have been asked: code that expects a
   module to be absent goes on as it would. Only the message is ours. So the two functions of
   importlib are wrapped in which an import statement ends that finds nothing. */
#include "pruned.h"

#include "packed.h"
#include "tree.h"

static struct status
find_profile(void *context, const struct image_option *option, struct text text)
{
    if (option->key == IMAGE_OPTION_PRUNED_BY) {
        *(struct text *)context = text;
    }
    return status_ok();
}

static PyObject *
message_for(PyObject *name)
{
    struct text profile = {0};
    status_die_if_failed(image_for_each_option(tree_image(), find_profile, &profile));
    PyObject *path = PyUnicode_DecodeUTF8(profile.data, (Py_ssize_t)profile.size, "replace");
    PyObject *message =
        path ? PyUnicode_FromFormat("No module named %R: it was pruned, as no traced run in %U has "
                                    "used it. To keep it trace a run that does, or add the rule "
                                    "{ module = \"%U\", include = true } to tool.oxidize.rules",
                                    name, path, name)
             : NULL;
    Py_XDECREF(path);
    return message;
}

/* --- import a ------------------------------------------------------------------------------ */

/* Whether the exception says of `name` that it was not found, and `name` is a pruned module. A
   module's own body may have failed to import another one: that exception is left alone. */
static bool
is_about(PyObject *error, PyObject *name)
{
    if (error == NULL || !Py_IS_TYPE(error, (PyTypeObject *)PyExc_ModuleNotFoundError)) {
        return false;
    }
    PyObject *missing = PyObject_GetAttrString(error, "name");
    bool about = missing != NULL && PyObject_RichCompareBool(missing, name, Py_EQ) == 1 &&
                 packed_is_pruned(name);
    Py_XDECREF(missing);
    return about;
}

/* Give the exception that is set the message that tells more. */
static void
explain(PyObject *name)
{
    PyObject *type, *error, *traceback;
    PyErr_Fetch(&type, &error, &traceback);
    PyErr_NormalizeException(&type, &error, &traceback);
    if (is_about(error, name)) {
        PyObject *message = message_for(name);
        PyObject *arguments = message ? PyTuple_Pack(1, message) : NULL;
        if (arguments != NULL) {
            PyObject_SetAttrString(error, "msg", message);
            PyObject_SetAttrString(error, "args", arguments);
        }
        Py_XDECREF(arguments);
        Py_XDECREF(message);
    }
    PyErr_Clear();
    PyErr_Restore(type, error, traceback);
}

/* _find_and_load(name, import_), and more from 3.15 on. */
static PyObject *
find_and_load(PyObject *original, PyObject *const *arguments, Py_ssize_t count, PyObject *names)
{
    PyObject *module = PyObject_Vectorcall(original, arguments, (size_t)count, names);
    if (module == NULL && count > 0 && PyUnicode_Check(arguments[0])) {
        explain(arguments[0]);
    }
    return module;
}

static PyMethodDef find_definition = {"_find_and_load", (PyCFunction)(void (*)(void))find_and_load,
                                      METH_FASTCALL | METH_KEYWORDS, NULL};

/* --- from a import b ----------------------------------------------------------------------- */

/* A new reference to the full name, if b is a pruned module of a. Leaves no exception. */
static PyObject *
pruned_submodule(PyObject *package, PyObject *name)
{
    PyObject *parent = PyUnicode_Check(name) ? PyObject_GetAttrString(package, "__name__") : NULL;
    PyObject *full = parent != NULL && PyUnicode_Check(parent)
                         ? PyUnicode_FromFormat("%U.%U", parent, name)
                         : NULL;
    if (full != NULL && (!packed_is_pruned(full) || PyObject_HasAttr(package, name))) {
        Py_CLEAR(full);
    }
    Py_XDECREF(parent);
    PyErr_Clear();
    return full;
}

/* Raise an exception for the first of `names` that is pruned. */
static int
refuse_pruned(PyObject *package, PyObject *names)
{
    PyObject *list = PySequence_Tuple(names);
    int result = 0;
    PyErr_Clear(); /* the statement itself says what is wrong with them */
    for (Py_ssize_t i = 0; list != NULL && result == 0 && i < PyTuple_GET_SIZE(list); i++) {
        PyObject *full = pruned_submodule(package, PyTuple_GET_ITEM(list, i));
        PyObject *message = full ? message_for(full) : NULL;
        if (message != NULL) {
            PyErr_SetImportErrorSubclass(PyExc_ModuleNotFoundError, message, full, NULL);
            result = -1;
        }
        Py_XDECREF(message);
        Py_XDECREF(full);
    }
    Py_XDECREF(list);
    return result;
}

/* _handle_fromlist(module, fromlist, import_, *, recursive=False). importlib swallows here that b
   is not found, and the statement says no more than that the name cannot be imported. */
static PyObject *
handle_fromlist(PyObject *original, PyObject *const *arguments, Py_ssize_t count, PyObject *names)
{
    PyObject *module = PyObject_Vectorcall(original, arguments, (size_t)count, names);
    if (module != NULL && count > 1 && refuse_pruned(arguments[0], arguments[1]) < 0) {
        Py_CLEAR(module);
    }
    return module;
}

static PyMethodDef from_definition = {"_handle_fromlist",
                                      (PyCFunction)(void (*)(void))handle_fromlist,
                                      METH_FASTCALL | METH_KEYWORDS, NULL};

int
pruned_install(void)
{
    return packed_wrap("_frozen_importlib", "_find_and_load", &find_definition) < 0
               ? -1
               : packed_wrap("_frozen_importlib", "_handle_fromlist", &from_definition);
}
