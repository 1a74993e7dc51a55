/* The finder answers from the image's hash table, and loading is unmarshalling straight from the
   mapped file. It implements importlib.abc.MetaPathFinder and importlib.abc.InspectLoader; one
   object serves all modules. Extension modules are left to importlib's ExtensionFileLoader, whose
   dlopen is ours (library.c). */
#include "finder.h"

#include <marshal.h>  /* PyMarshal_ReadObjectFromString */
#include <sys/stat.h> /* stat */

#include "tree.h"

typedef struct {
    PyObject_HEAD
    PyObject *module_spec;      /* importlib.machinery.ModuleSpec */
    PyObject *extension_loader; /* importlib.machinery.ExtensionFileLoader */
    PyObject *fix_co_filename;  /* _imp._fix_co_filename */
    PyObject *spec_keywords;    /* ("origin", "is_package") */
    PyObject *builtins_name;    /* "__builtins__" */
} Finder;

/* A module of the image, with what is needed to load it. */
struct found {
    struct image_module module;
    struct image_node bytecode; /* only if module.bytecode is not IMAGE_NONE */
};

static void
die_if_failed(struct status status)
{
    if (status_failed(status)) {
        status_die(status);
    }
}

static bool
is_package(const struct image_module *module)
{
    return module->flags & IMAGE_MODULE_FLAG_PACKAGE;
}

/* --- looking up ---------------------------------------------------------------------------- */

/* Look `name` up. Returns 1, 0 if it is not packed, or -1 with an exception set. */
static int
find(PyObject *name, struct image_module *module)
{
    Py_ssize_t size;
    const char *data = PyUnicode_AsUTF8AndSize(name, &size);
    if (data == NULL) {
        return -1;
    }
    bool present;
    die_if_failed(
        image_find_module(tree_image(), (struct text){data, (size_t)size}, &present, module));
    return present;
}

/* The same, for methods that have to raise ImportError. */
static int
find_or_raise(PyObject *name, struct image_module *module)
{
    int found = find(name, module);
    if (found == 0) {
        PyObject *message = PyUnicode_FromFormat("%R is not in the executable", name);
        if (message != NULL) {
            PyErr_SetImportError(message, name, NULL);
            Py_DECREF(message);
        }
        return -1;
    }
    return found < 0 ? -1 : 0;
}

/* The path under which node `index` appears in the file system, as a str. */
static PyObject *
path_of(uint32_t index)
{
    char path[PATH_MAX];
    if (!tree_path(index, path, sizeof path)) {
        PyErr_SetString(PyExc_OSError, "the path of a packed file is too long");
        return NULL;
    }
    return PyUnicode_DecodeFSDefault(path);
}

static PyObject *
directory_of(uint32_t index)
{
    struct image_node node;
    struct text name;
    die_if_failed(image_node(tree_image(), index, &node, &name));
    return path_of(node.parent);
}

static struct cursor
content_of(uint32_t index)
{
    struct image_node node;
    struct text name;
    struct cursor content;
    die_if_failed(image_node(tree_image(), index, &node, &name));
    die_if_failed(image_content(tree_image(), &node, &content));
    return content;
}

PyObject *
finder_attribute(const char *module_name, const char *name)
{
    PyObject *module = PyImport_ImportModule(module_name);
    PyObject *attribute = module ? PyObject_GetAttrString(module, name) : NULL;
    Py_XDECREF(module);
    return attribute;
}

/* --- finding ------------------------------------------------------------------------------- */

/* Set spec.submodule_search_locations to the package's directory. */
static int
set_search_location(PyObject *spec, const struct image_module *module)
{
    bool namespace = module->kind == IMAGE_MODULE_KIND_NAMESPACE;
    PyObject *path = namespace ? path_of(module->node) : directory_of(module->node);
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
    PyObject *cached = path_of(module->bytecode);
    int result = cached ? PyObject_SetAttrString(spec, "cached", cached) : -1;
    Py_XDECREF(cached);
    return result;
}

static PyObject *
loader_for(Finder *self, PyObject *name, PyObject *path, const struct image_module *module)
{
    switch (module->kind) {
    case IMAGE_MODULE_KIND_SOURCE:
        return Py_NewRef((PyObject *)self);
    case IMAGE_MODULE_KIND_EXTENSION:
        return PyObject_CallFunctionObjArgs(self->extension_loader, name, path, NULL);
    default:
        return Py_NewRef(Py_None); /* importlib makes a NamespaceLoader */
    }
}

static PyObject *
make_spec(Finder *self, PyObject *name, const struct image_module *module)
{
    bool namespace = module->kind == IMAGE_MODULE_KIND_NAMESPACE;
    PyObject *spec = NULL;
    PyObject *path = namespace ? Py_NewRef(Py_None) : path_of(module->node);
    PyObject *loader = path ? loader_for(self, name, path, module) : NULL;
    if (loader != NULL) {
        PyObject *arguments[] = {name, loader, path, is_package(module) ? Py_True : Py_False};
        spec = PyObject_Vectorcall(self->module_spec, arguments, 2, self->spec_keywords);
    }
    Py_XDECREF(loader);
    Py_XDECREF(path);
    if (spec == NULL || (is_package(module) && set_search_location(spec, module) < 0) ||
        (!namespace && set_location(spec, module) < 0)) {
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
    PyObject *name, *path = NULL, *target = NULL;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "U|OO:find_spec", names, &name, &path,
                                     &target)) {
        return NULL;
    }
    struct image_module module;
    int found = find(name, &module);
    if (found < 0) {
        return NULL;
    }
    return found ? make_spec(self, name, &module) : Py_NewRef(Py_None);
}

/* --- loading ------------------------------------------------------------------------------- */

static PyObject *
unmarshal(Finder *self, const struct image_module *module)
{
    struct cursor file = content_of(module->bytecode), marshalled;
    if (!cursor_slice(file, IMAGE_PYC_HEADER_SIZE, file.size - IMAGE_PYC_HEADER_SIZE,
                      &marshalled)) {
        status_die(status_fault("a packed file is damaged"));
    }
    PyObject *code =
        PyMarshal_ReadObjectFromString((const char *)marshalled.data, (Py_ssize_t)marshalled.size);
    PyObject *path = code ? path_of(module->node) : NULL;
    PyObject *fixed =
        path ? PyObject_CallFunctionObjArgs(self->fix_co_filename, code, path, NULL) : NULL;
    Py_XDECREF(path);
    if (fixed == NULL) {
        Py_CLEAR(code);
    }
    Py_XDECREF(fixed);
    return code;
}

static PyObject *
compile_source(const struct image_module *module)
{
    struct cursor source = content_of(module->node);
    PyObject *path = path_of(module->node);
    PyObject *text =
        path ? PyBytes_FromStringAndSize((const char *)source.data, (Py_ssize_t)source.size) : NULL;
    PyObject *code = NULL;
    if (text != NULL) {
        code = Py_CompileStringObject(PyBytes_AS_STRING(text), path, Py_file_input, NULL, -1);
    }
    Py_XDECREF(text);
    Py_XDECREF(path);
    return code;
}

static PyObject *
code_of(Finder *self, const struct image_module *module)
{
    if (module->kind != IMAGE_MODULE_KIND_SOURCE) {
        return Py_NewRef(Py_None);
    }
    return module->bytecode == IMAGE_NONE ? compile_source(module) : unmarshal(self, module);
}

PyDoc_STRVAR(create_module_doc, "create_module(spec)\n--\n\nUse the default module creation.");

static PyObject *
finder_create_module(PyObject *self, PyObject *spec)
{
    (void)self, (void)spec;
    Py_RETURN_NONE;
}

/* Return the full name under which `module` is being loaded. */
static PyObject *
name_of(PyObject *module)
{
    PyObject *spec = PyObject_GetAttrString(module, "__spec__");
    PyObject *name = spec ? PyObject_GetAttrString(spec, "name") : NULL;
    Py_XDECREF(spec);
    return name;
}

static PyObject *
execute(Finder *self, PyObject *code, PyObject *module)
{
    PyObject *namespace = PyObject_GetAttrString(module, "__dict__");
    PyObject *result = NULL;
    if (namespace != NULL &&
        PyDict_SetDefault(namespace, self->builtins_name, PyEval_GetBuiltins()) != NULL) {
        result = PyEval_EvalCode(code, namespace, namespace);
    }
    Py_XDECREF(namespace);
    return result;
}

PyDoc_STRVAR(exec_module_doc, "exec_module(module)\n--\n\nExecute the packed module's code.");

static PyObject *
finder_exec_module(Finder *self, PyObject *module)
{
    struct image_module found;
    PyObject *code = NULL, *result = NULL;
    PyObject *name = name_of(module);
    if (name != NULL && find_or_raise(name, &found) == 0) {
        code = code_of(self, &found);
    }
    if (code != NULL) {
        result = execute(self, code, module);
    }
    Py_XDECREF(code);
    Py_XDECREF(name);
    if (result == NULL) {
        return NULL;
    }
    Py_DECREF(result);
    Py_RETURN_NONE;
}

/* --- inspecting ---------------------------------------------------------------------------- */

PyDoc_STRVAR(get_code_doc, "get_code(fullname)\n--\n\nReturn the module's code object.");

static PyObject *
finder_get_code(Finder *self, PyObject *name)
{
    struct image_module module;
    return find_or_raise(name, &module) < 0 ? NULL : code_of(self, &module);
}

PyDoc_STRVAR(get_source_doc, "get_source(fullname)\n--\n\nReturn the module's source text.");

static PyObject *
finder_get_source(PyObject *self, PyObject *name)
{
    (void)self;
    struct image_module module;
    if (find_or_raise(name, &module) < 0) {
        return NULL;
    }
    if (module.kind != IMAGE_MODULE_KIND_SOURCE) {
        Py_RETURN_NONE;
    }
    struct cursor source = content_of(module.node);
    PyObject *external = PyImport_ImportModule("importlib._bootstrap_external");
    PyObject *text = NULL;
    if (external != NULL) {
        text = PyObject_CallMethod(external, "decode_source", "y#", (const char *)source.data,
                                   (Py_ssize_t)source.size);
    }
    Py_XDECREF(external);
    return text;
}

PyDoc_STRVAR(is_package_doc, "is_package(fullname)\n--\n\nTell whether it is a package.");

static PyObject *
finder_is_package(PyObject *self, PyObject *name)
{
    (void)self;
    struct image_module module;
    return find_or_raise(name, &module) < 0 ? NULL : PyBool_FromLong(is_package(&module));
}

PyDoc_STRVAR(get_filename_doc, "get_filename(fullname)\n--\n\nReturn the module's __file__.");

static PyObject *
finder_get_filename(PyObject *self, PyObject *name)
{
    (void)self;
    struct image_module module;
    return find_or_raise(name, &module) < 0 ? NULL : path_of(module.node);
}

PyDoc_STRVAR(get_data_doc, "get_data(path)\n--\n\nReturn the content of a packed file.");

static PyObject *
finder_get_data(PyObject *self, PyObject *path)
{
    (void)self;
    PyObject *bytes;
    struct place place;
    if (!PyUnicode_FSConverter(path, &bytes)) {
        return NULL;
    }
    bool inside = tree_has_prefix(PyBytes_AS_STRING(bytes), &place);
    Py_DECREF(bytes);
    int error = inside ? place.error : ENOENT;
    if (error == 0 && place.node.kind != IMAGE_NODE_KIND_FILE) {
        error = EISDIR;
    }
    if (error != 0) {
        errno = error;
        return PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, path);
    }
    struct cursor content = content_of(place.index);
    return PyBytes_FromStringAndSize((const char *)content.data, (Py_ssize_t)content.size);
}

PyDoc_STRVAR(get_resource_reader_doc,
             "get_resource_reader(fullname)\n--\n\n"
             "Return the importlib.resources.abc.TraversableResources of a package.");

/* The files of a package are files: importlib's own reader does. It asks a loader for its path. */
static PyObject *
finder_get_resource_reader(PyObject *self, PyObject *name)
{
    PyObject *path = finder_get_filename(self, name);
    PyObject *loader_type = path ? finder_attribute("types", "SimpleNamespace") : NULL;
    PyObject *keywords = loader_type ? Py_BuildValue("{sO}", "path", path) : NULL;
    PyObject *nothing = keywords ? PyTuple_New(0) : NULL;
    PyObject *loader = nothing ? PyObject_Call(loader_type, nothing, keywords) : NULL;
    PyObject *reader_type = loader ? finder_attribute("importlib.readers", "FileReader") : NULL;
    PyObject *reader = reader_type ? PyObject_CallOneArg(reader_type, loader) : NULL;
    Py_XDECREF(reader_type);
    Py_XDECREF(loader);
    Py_XDECREF(nothing);
    Py_XDECREF(keywords);
    Py_XDECREF(loader_type);
    Py_XDECREF(path);
    return reader;
}

/* --- the type ------------------------------------------------------------------------------ */

static void
finder_dealloc(Finder *self)
{
    PyTypeObject *type = Py_TYPE(self);
    Py_XDECREF(self->module_spec);
    Py_XDECREF(self->extension_loader);
    Py_XDECREF(self->fix_co_filename);
    Py_XDECREF(self->spec_keywords);
    Py_XDECREF(self->builtins_name);
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
    {"create_module", finder_create_module, METH_O, create_module_doc},
    {"exec_module", (PyCFunction)finder_exec_module, METH_O, exec_module_doc},
    {"get_code", (PyCFunction)finder_get_code, METH_O, get_code_doc},
    {"get_source", finder_get_source, METH_O, get_source_doc},
    {"is_package", finder_is_package, METH_O, is_package_doc},
    {"get_filename", finder_get_filename, METH_O, get_filename_doc},
    {"get_data", finder_get_data, METH_O, get_data_doc},
    {"get_resource_reader", finder_get_resource_reader, METH_O, get_resource_reader_doc},
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
    if ((self->module_spec = finder_attribute("_frozen_importlib", "ModuleSpec")) == NULL ||
        (self->extension_loader =
             finder_attribute("_frozen_importlib_external", "ExtensionFileLoader")) == NULL ||
        (self->fix_co_filename = finder_attribute("_imp", "_fix_co_filename")) == NULL ||
        (self->spec_keywords = Py_BuildValue("(ss)", "origin", "is_package")) == NULL ||
        (self->builtins_name = PyUnicode_InternFromString("__builtins__")) == NULL) {
        Py_CLEAR(self);
    }
    return (PyObject *)self;
}

bool
finder_is(PyObject *object)
{
    return Py_TYPE(object)->tp_dealloc == (destructor)finder_dealloc;
}
