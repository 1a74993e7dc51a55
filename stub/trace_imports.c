#include "trace_imports.h"

#include "packed.h"
#include "trace.h"
#include "trace_effects.h"

static bool
is_loaded(PyObject *name)
{
    PyObject *module = PyImport_GetModule(name);
    bool loaded = module != NULL;
    Py_XDECREF(module);
    PyErr_Clear();
    return loaded;
}

/* What is imported is compared and told between the two times: their cost is nobody's. */
static void
begin(const char *name)
{
    uint64_t from = trace_time();
    effects_compare();
    effects_begin();
    trace_event(TRACE_BEGIN, from, trace_time(), name);
}

static void
end(const char *name, PyObject *module)
{
    uint64_t from = trace_time();
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    effects_compare();
    if (module != NULL && !PyModule_CheckExact(module)) {
        effects_replaced();
    }
    effects_watch(name);
    effects_end();
    PyErr_Restore(type, value, traceback);
    trace_event(module != NULL ? TRACE_END : TRACE_FAILED, from, trace_time(), name);
}

/* _find_and_load(name, import_), and from 3.15 on one that may return None: there is no such
   submodule. */
static PyObject *
find_and_load(PyObject *original, PyObject *const *arguments, Py_ssize_t count, PyObject *names)
{
    PyObject *name = count > 0 && PyUnicode_Check(arguments[0]) ? arguments[0] : NULL;
    const char *text = name != NULL ? PyUnicode_AsUTF8(name) : NULL;
    PyErr_Clear();
    if (text == NULL || is_loaded(name)) {
        return PyObject_Vectorcall(original, arguments, (size_t)count, names);
    }
    begin(text);
    PyObject *module = PyObject_Vectorcall(original, arguments, (size_t)count, names);
    end(text, module == Py_None ? NULL : module);
    return module;
}

static PyMethodDef definition = {"_find_and_load", (PyCFunction)(void (*)(void))find_and_load,
                                 METH_FASTCALL | METH_KEYWORDS, NULL};

int
trace_imports_install(void)
{
    static const char *const loaded_first[] = {"_codecs", "_locale", "_signal", "atexit"};
    for (size_t i = 0; i < Py_ARRAY_LENGTH(loaded_first); i++) {
        effects_watch(loaded_first[i]);
    }
    return packed_wrap("_frozen_importlib", "_find_and_load", &definition);
}
