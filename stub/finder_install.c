/* The finder gets into place through zipimport: every interpreter imports that name after
   importlib's own finders are installed and before anything from a file, and does without it if
   that fails. */
#include <Python.h>

#include <sys/stat.h> /* stat */

#include "collector.h"
#include "config.h"
#include "finder.h"
#include "lazy.h"
#include "packed.h"
#include "pruned.h"
#include "site_builtins.h"
#include "trace.h"
#include "trace_imports.h"
#include "tree.h"

PyObject *
finder_get(void)
{
    PyObject *meta_path = PySys_GetObject("meta_path");
    bool is_list = meta_path != NULL && PyList_Check(meta_path); /* code may have put anything */
    for (Py_ssize_t i = 0; is_list && i < PyList_GET_SIZE(meta_path); i++) {
        PyObject *finder = PyList_GET_ITEM(meta_path, i);
        if (finder_is(finder)) {
            return finder;
        }
    }
    PyErr_SetString(PyExc_RuntimeError, "the executable's finder is not on sys.meta_path");
    return NULL;
}

/* sys.path_hooks: zip files are rare, so zipimport is imported when the first one is met. */
static PyObject *
zip_path_hook(PyObject *self, PyObject *path)
{
    (void)self;
    const char *text = PyUnicode_Check(path) ? PyUnicode_AsUTF8(path) : NULL;
    struct stat status;
    int missing = text == NULL || stat(text, &status) != 0;
    /* ENOTDIR: it may be a path inside a zip file. */
    if (missing ? text == NULL || errno != ENOTDIR : S_ISDIR(status.st_mode)) {
        PyErr_Clear();
        PyErr_SetString(PyExc_ImportError, "not a zip file");
        return NULL;
    }
    finder_put_packed_first(true); /* the path that is asked for may come before its directory */
    PyObject *importer = packed_import("zipimport", "zipimporter");
    finder_put_packed_first(false);
    PyObject *result = importer ? PyObject_CallOneArg(importer, path) : NULL;
    Py_XDECREF(importer);
    return result;
}

static PyMethodDef zip_path_hook_definition = {"zip_path_hook", zip_path_hook, METH_O,
                                               "Return a zipimporter for the path."};

static int
insert_first(const char *list_name, PyObject *item)
{
    PyObject *list = PySys_GetObject(list_name);
    int result = item && list ? PyList_Insert(list, 0, item) : -1;
    Py_XDECREF(item);
    return result;
}

/* CPython 3.11 and 3.12 forget the standard library's directory when they are told all paths. It
   is where frozen modules have their __file__, and is asked for only then. */
static int
set_stdlib_directory(void)
{
    PyObject *known = PySys_GetObject("_stdlib_dir"); /* borrowed */
    if (known != NULL && known != Py_None) {
        return 0;
    }
    PyObject *paths = packed_option_paths(IMAGE_OPTION_STDLIB_DIRECTORY);
    int result = paths ? 0 : -1;
    if (paths != NULL && PyTuple_GET_SIZE(paths) > 0) {
        result = PySys_SetObject("_stdlib_dir", PyTuple_GET_ITEM(paths, 0));
    }
    Py_XDECREF(paths);
    return result;
}

/* What code looks for that knows other packagers. */
static int
add_frozen_names(void)
{
    PyObject *root = PyUnicode_DecodeFSDefault(tree_root());
    int result = root ? PySys_SetObject("_MEIPASS", root) : -1;
    Py_XDECREF(root);
    return result < 0 ? -1 : PySys_SetObject("frozen", Py_True);
}

/* The names that every interpreter has, this one's subinterpreters too. */
static int
add_names(void)
{
    struct target target;
    struct status status = config_target(tree_image(), &target);
    if (status_failed(status)) {
        status_die(status);
    }
    if ((trace_is_on && trace_imports_install() < 0) || (target.pruned && pruned_install() < 0)) {
        return -1;
    }
    if (site_builtins_add() < 0 || PySys_SetObject("oxidized", Py_True) < 0 ||
        (target.lazy_imports && lazy_add() < 0)) {
        return -1;
    }
    return target.frozen ? add_frozen_names() : 0;
}

/* What runs in place of zipimport's body. */
static int
install(PyObject *module)
{
    (void)module;
    if (finder_get() != NULL) { /* the image has no zipimport, and somebody wants it */
        PyErr_SetString(PyExc_ImportError, "zipimport is not packed");
        return -1;
    }
    PyErr_Clear();
    collector_setup(2 * image_module_count(tree_image())); /* their code, then themselves */
    if (set_stdlib_directory() == 0 &&
        insert_first("path_hooks", PyCFunction_New(&zip_path_hook_definition, NULL)) == 0 &&
        insert_first("meta_path", finder_make()) == 0 && add_names() == 0) {
        PyErr_SetString(PyExc_ImportError, "zipimport is imported when it is first needed");
    }
    return -1;
}

static PyObject *
initialise_zipimport(void)
{
    static PyModuleDef_Slot slots[] = {
        {Py_mod_exec, install},
#if PY_VERSION_HEX >= 0x030C0000
        {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
#if PY_VERSION_HEX >= 0x030D0000
        {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
        {0},
    };
    static PyModuleDef definition = {PyModuleDef_HEAD_INIT, .m_name = "zipimport",
                                     .m_slots = slots};
    return PyModuleDef_Init(&definition);
}

int
finder_setup(void)
{
    return PyImport_AppendInittab("zipimport", initialise_zipimport);
}
