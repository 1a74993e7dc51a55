/* The finder answers from the image's hash table, with what importlib's PathFinder would find: it
   is asked itself for what comes before the packed directory on the search path. Modules are
   loaded by loader.c, but extension modules by importlib's ExtensionFileLoader, whose dlopen is
   ours (library.c). */
#include "finder.h"

#include "loader.h"
#include "packed.h"
#include "tree.h"

typedef struct {
    PyObject_HEAD
    PyObject *module_spec;      /* importlib.machinery.ModuleSpec */
    PyObject *path_finder;      /* importlib.machinery.PathFinder */
    PyObject *extension_loader; /* importlib.machinery.ExtensionFileLoader */
    PyObject *loader_class;     /* loader.c's */
    PyObject *spec_keywords;    /* ("origin", "is_package") */
    PyObject *search_path;      /* the packed directories that sys.path begins with, a tuple */
} Finder;

/* Whether packed modules hide those of the same name in every other place. */
static _Thread_local bool packed_first;

void
finder_put_packed_first(bool first)
{
    packed_first = first;
}

/* --- specs --------------------------------------------------------------------------------- */

/* Set spec.submodule_search_locations to the package's directory. */
static int
set_search_location(PyObject *spec, const struct image_module *module)
{
    PyObject *path = packed_path(packed_directory(module->node));
    PyObject *locations = path ? PyList_New(1) : NULL;
    if (locations == NULL) {
        Py_XDECREF(path);
        return -1;
    }
    PyList_SET_ITEM(locations, 0, path);
    int result = PyObject_SetAttrString(spec, "submodule_search_locations", locations);
    Py_DECREF(locations);
    return result;
}

/* Set what importlib sets on the spec of a module that comes from a file. */
static int
set_location(PyObject *spec, const struct image_module *module)
{
    if (PyObject_SetAttrString(spec, "has_location", Py_True) < 0) {
        return -1;
    }
    if (module->bytecode == IMAGE_NONE) {
        return 0;
    }
    PyObject *cached = packed_path(module->bytecode);
    int result = cached ? PyObject_SetAttrString(spec, "cached", cached) : -1;
    Py_XDECREF(cached);
    return result;
}

static PyObject *
loader_for(Finder *self, PyObject *name, PyObject *path, const struct image_module *module)
{
    return module->kind == IMAGE_MODULE_KIND_SOURCE
               ? loader_make(self->loader_class, name, path)
               : PyObject_CallFunctionObjArgs(self->extension_loader, name, path, NULL);
}

static PyObject *
make_spec(Finder *self, PyObject *name, const struct image_module *module)
{
    PyObject *spec = NULL;
    PyObject *path = packed_path(module->node);
    PyObject *loader = path ? loader_for(self, name, path, module) : NULL;
    bool package = packed_is_package(module);
    if (loader != NULL) {
        PyObject *arguments[] = {name, loader, path, package ? Py_True : Py_False};
        spec = PyObject_Vectorcall(self->module_spec, arguments, 2, self->spec_keywords);
    }
    Py_XDECREF(loader);
    Py_XDECREF(path);
    if (spec == NULL || (package && set_search_location(spec, module) < 0) ||
        set_location(spec, module) < 0) {
        Py_CLEAR(spec);
    }
    return spec;
}

/* --- finding ------------------------------------------------------------------------------- */

/* Whether a search path's entry is a packed directory whose modules would hide the one that is
   looked for. The build has seen that there is no such module. */
static bool
has_been_searched(Finder *self, PyObject *entry, PyObject *directory)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self->search_path); i++) {
        PyObject *packed = PyTuple_GET_ITEM(self->search_path, i);
        if (PyUnicode_Compare(packed, directory) == 0) {
            return false;
        }
        if (PyUnicode_Compare(packed, entry) == 0) {
            return true;
        }
    }
    return false;
}

/* Go along the search path `entries` up to `directory`, and append the others on the way to
   *others, made when there is one. `top`: it is that of modules which are in no package. Returns
   1, 0 if `directory` is not there, or -1. */
static int
walk(Finder *self, PyObject *entries, bool top, PyObject *directory, PyObject **others)
{
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(entries); i++) {
        PyObject *entry = PyTuple_GET_ITEM(entries, i);
        if (PyUnicode_Check(entry) && PyUnicode_Compare(entry, directory) == 0) {
            return 1;
        }
        if (top && PyUnicode_Check(entry) && has_been_searched(self, entry, directory)) {
            continue;
        }
        if ((*others == NULL && (*others = PyList_New(0)) == NULL) ||
            PyList_Append(*others, entry) < 0) {
            return -1;
        }
    }
    return 0;
}

/* The same for what find_spec is given: `path` is None for a module at the top. */
static int
reach(Finder *self, PyObject *path, const struct image_module *module, PyObject **others)
{
    bool top = path == Py_None;
    if (top && (path = PySys_GetObject("path")) == NULL) { /* borrowed */
        return 0;
    }
    PyObject *entries = PySequence_Tuple(path); /* a copy: another thread may change the list */
    PyObject *directory = entries ? packed_path(packed_searched_directory(module)) : NULL;
    int reached = directory ? walk(self, entries, top, directory, others) : -1;
    Py_XDECREF(directory);
    Py_XDECREF(entries);
    return reached;
}

/* Let importlib look for the module in `entries`. The result is None for a part of a namespace
   package as well: a module that stands further down the path comes before it (PEP 420). */
static PyObject *
ask_path_finder(Finder *self, PyObject *name, PyObject *entries, PyObject *target)
{
    PyObject *spec =
        PyObject_CallMethod(self->path_finder, "find_spec", "OOO", name, entries, target);
    if (spec == NULL || spec == Py_None) {
        return spec;
    }
    PyObject *loader = PyObject_GetAttrString(spec, "loader");
    if (loader == NULL) {
        Py_CLEAR(spec);
    } else if (loader == Py_None) {
        Py_SETREF(spec, Py_NewRef(Py_None));
    }
    Py_XDECREF(loader);
    return spec;
}

static PyObject *
find_in_order(Finder *self, PyObject *name, PyObject *path, PyObject *target,
              const struct image_module *module)
{
    PyObject *others = NULL;
    PyObject *spec = Py_NewRef(Py_None);
    int reached = reach(self, path, module, &others);
    if (reached == 1 && others != NULL) {
        Py_SETREF(spec, ask_path_finder(self, name, others, target));
    }
    if (reached == 1 && spec == Py_None) {
        Py_SETREF(spec, make_spec(self, name, module));
    }
    Py_XDECREF(others);
    if (reached < 0) {
        Py_CLEAR(spec);
    }
    return spec;
}

PyDoc_STRVAR(find_spec_doc, "find_spec(fullname, path=None, target=None)\n--\n\n"
                            "Return the spec of a packed module, or None.");

static PyObject *
finder_find_spec(Finder *self, PyObject *arguments, PyObject *keywords)
{
    static char *names[] = {"fullname", "path", "target", NULL};
    PyObject *name, *path = Py_None, *target = Py_None;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "U|OO:find_spec", names, &name, &path,
                                     &target)) {
        return NULL;
    }
    struct image_module module;
    int found = packed_find(name, &module);
    if (found < 0) {
        return NULL;
    }
    /* The parts of a namespace package may be anywhere: importlib puts them together. */
    if (!found || module.kind == IMAGE_MODULE_KIND_NAMESPACE) {
        Py_RETURN_NONE;
    }
    return packed_first ? make_spec(self, name, &module)
                        : find_in_order(self, name, path, target, &module);
}

/* --- the main module ----------------------------------------------------------------------- */

PyObject *
finder_main_loader(void)
{
    Finder *self = (Finder *)finder_get(); /* borrowed */
    struct image_module module;
    PyObject *name = self ? PyUnicode_InternFromString("__main__") : NULL;
    int found = name ? packed_find(name, &module) : -1;
    PyObject *path = found > 0 ? packed_path(module.node) : NULL;
    PyObject *loader = path ? loader_make(self->loader_class, name, path) : NULL;
    if (found == 0) {
        PyErr_SetString(PyExc_ImportError, "the executable has no main module");
    }
    Py_XDECREF(path);
    Py_XDECREF(name);
    return loader;
}

/* --- the type ------------------------------------------------------------------------------ */

static void
finder_dealloc(Finder *self)
{
    PyTypeObject *type = Py_TYPE(self);
    Py_XDECREF(self->module_spec);
    Py_XDECREF(self->path_finder);
    Py_XDECREF(self->extension_loader);
    Py_XDECREF(self->loader_class);
    Py_XDECREF(self->spec_keywords);
    Py_XDECREF(self->search_path);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyObject *
finder_repr(PyObject *self)
{
    (void)self;
    return PyUnicode_FromFormat("<oxidize finder of %s>", tree_root());
}

static PyMethodDef finder_methods[] = {
    {"find_spec", (PyCFunction)(void (*)(void))finder_find_spec, METH_VARARGS | METH_KEYWORDS,
     find_spec_doc},
    {0},
};

static PyType_Slot finder_slots[] = {
    {Py_tp_doc, "Imports modules from the executable's image."},
    {Py_tp_dealloc, finder_dealloc},
    {Py_tp_repr, finder_repr},
    {Py_tp_methods, finder_methods},
    {0},
};

static PyType_Spec finder_spec = {
    .name = "oxidize.Finder",
    .basicsize = sizeof(Finder),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = finder_slots,
};

PyObject *
finder_make(void)
{
    PyTypeObject *type = (PyTypeObject *)PyType_FromSpec(&finder_spec);
    Finder *self = type ? (Finder *)type->tp_alloc(type, 0) : NULL;
    Py_XDECREF(type); /* the object holds it */
    if (self == NULL) {
        return NULL;
    }
    const char *external = "_frozen_importlib_external";
    if ((self->module_spec = packed_import("_frozen_importlib", "ModuleSpec")) == NULL ||
        (self->path_finder = packed_import(external, "PathFinder")) == NULL ||
        (self->extension_loader = packed_import(external, "ExtensionFileLoader")) == NULL ||
        (self->loader_class = loader_make_class()) == NULL ||
        (self->spec_keywords = Py_BuildValue("(ss)", "origin", "is_package")) == NULL ||
        (self->search_path = packed_option_paths(IMAGE_OPTION_SEARCH_PATH)) == NULL) {
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

bool
finder_is(PyObject *object)
{
    return Py_TYPE(object)->tp_dealloc == (destructor)finder_dealloc;
}
