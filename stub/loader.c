/* Loading is unmarshalling straight from the mapped file (unmarshal.c). Everything else that a
   loader is asked for (source, resources, file names) is what importlib does with files, since
   there are files.

   Like any other class this one can be derived from, and instances be made for files elsewhere:
   they are importlib's business entirely. */
#include "loader.h"

#include <marshal.h> /* PyMarshal_ReadObjectFromString */

#include "ahead.h"
#include "collector.h"
#include "content.h"
#include "os.h"
#include "packed.h"
#include "trace.h"
#include "tree.h"
#include "unmarshal.h"

/* The class's attributes are where an interpreter keeps what its loaders share. */
#define BASE "_base"
#define FIX_CO_FILENAME "_fix_co_filename"

/* Whether packed bytecode is for this interpreter: `python -O` wants another. The same in all
   interpreters of the process. */
static bool bytecode_serves;

/* Whether that is known: in a process that starts from a snapshot it may never be asked for. */
static bool is_set_up;

/* --- what is known of the image's bytecode ------------------------------------------------- */

/* What the image's options say of bytecode. */
struct bytecode_options {
    long level;
    bool marshal;
};

static struct status
read_bytecode_option(void *context, const struct image_option *option, struct text text)
{
    struct bytecode_options *options = context;
    (void)text;
    if (option->key == IMAGE_OPTION_BYTECODE_LEVEL) {
        options->level = (long)option->number;
    } else if (option->key == IMAGE_OPTION_MARSHAL) {
        options->marshal = true;
    }
    return status_ok();
}

/* Returns 0, or -1 with an exception set. */
static int
loader_setup(void)
{
    struct bytecode_options options = {0};
    status_die_if_failed(image_for_each_option(tree_image(), read_bytecode_option, &options));
    unmarshal_setup(options.marshal ? 0 : image_node_count(tree_image()));
    PyObject *flags = PySys_GetObject("flags"); /* borrowed */
    PyObject *level = flags ? PyObject_GetAttrString(flags, "optimize") : NULL;
    bytecode_serves = level && PyLong_AsLong(level) == options.level;
    is_set_up = PyInterpreterState_Get() == PyInterpreterState_Main();
    Py_XDECREF(level);
    return level && !PyErr_Occurred() ? 0 : -1;
}

/* --- code ---------------------------------------------------------------------------------- */

/* A module without its source stands where its bytecode is. */
static bool
has_no_source(const struct image_module *module)
{
    return module->bytecode == module->node;
}

/* The path of the source, also where that is not packed: what tracebacks name. */
static PyObject *
source_path(const struct image_module *module, PyObject *path)
{
    bool bytecode = has_no_source(module);
    return PyUnicode_Substring(path, 0, PyUnicode_GetLength(path) - (bytecode ? 1 : 0));
}

static PyObject *
marshal_code(PyObject *self, struct cursor marshalled, PyObject *source)
{
    PyObject *code =
        PyMarshal_ReadObjectFromString((const char *)marshalled.data, (Py_ssize_t)marshalled.size);
    PyObject *fixed = code ? PyObject_CallMethod(self, FIX_CO_FILENAME, "OO", code, source) : NULL;
    if (fixed == NULL) {
        Py_CLEAR(code);
    }
    Py_XDECREF(fixed);
    return code;
}

static PyObject *
read_code(PyObject *self, uint32_t node, struct cursor bytecode, PyObject *source)
{
    struct cursor marshalled;
    if (!cursor_slice(bytecode, IMAGE_PYC_HEADER_SIZE, bytecode.size - IMAGE_PYC_HEADER_SIZE,
                      &marshalled)) {
        status_die(status_fault("a packed file is damaged"));
    }
    bool paused = collector_pause();
    PyObject *code = unmarshal_code(node, marshalled, source);
    if (code == NULL) {
        code = marshal_code(self, marshalled, source);
    }
    collector_resume(paused);
    return code;
}

static PyObject *
read_bytecode(PyObject *self, uint32_t node, PyObject *source)
{
    struct cursor bytecode;
    if (ahead_take(node, &bytecode)) {
        PyObject *code = read_code(self, node, bytecode, source);
        ahead_release(bytecode);
        return code;
    }
    struct stored stored = packed_content(node);
    struct content file;
    status_die_if_failed(content_open(&stored, &file));
    PyObject *code = read_code(self, node, file.bytes, source);
    content_close(&file);
    os_release_content(&stored);
    return code;
}

static PyObject *
unmarshal(PyObject *self, const struct image_module *module, PyObject *path)
{
    PyObject *source = source_path(module, path);
    PyObject *code = source ? read_bytecode(self, module->bytecode, source) : NULL;
    collector_spare();
    Py_XDECREF(source);
    return code;
}

/* Find the packed module that this is the loader of, if there is bytecode of it that serves.
   Returns 1 and its path, 0 or -1. */
static int
find_own(PyObject *self, PyObject *name, struct image_module *module, PyObject **path)
{
    PyObject *own_path = NULL;
    *path = NULL;
    if (!is_set_up && loader_setup() < 0) {
        return -1;
    }
    int found = PyUnicode_Check(name) ? packed_find(name, module) : 0;
    if (found <= 0 || module->kind != IMAGE_MODULE_KIND_SOURCE || module->bytecode == IMAGE_NONE ||
        !(bytecode_serves || has_no_source(module))) {
        return found < 0 ? -1 : 0;
    }
    if ((*path = packed_path(module->node)) == NULL ||
        (own_path = PyObject_GetAttrString(self, "path")) == NULL) {
        Py_CLEAR(*path);
        return -1;
    }
    found = PyObject_RichCompareBool(*path, own_path, Py_EQ);
    Py_DECREF(own_path);
    if (found <= 0) {
        Py_CLEAR(*path);
    }
    return found;
}

/* Call the method of the class that ours derives from. */
static PyObject *
call_inherited(PyObject *self, const char *method, PyObject *argument)
{
    PyObject *base = PyObject_GetAttrString(self, BASE);
    PyObject *result = base ? PyObject_CallMethod(base, method, "OO", self, argument) : NULL;
    Py_XDECREF(base);
    return result;
}

PyDoc_STRVAR(get_code_doc, "get_code(fullname)\n--\n\nReturn the module's code object.");

static PyObject *
loader_get_code(PyObject *self, PyObject *name)
{
    struct image_module module;
    PyObject *path;
    int found = find_own(self, name, &module, &path);
    if (found < 0) {
        return NULL;
    }
    if (found) {
        trace_code(PyUnicode_AsUTF8(name));
    }
    PyObject *code =
        found ? unmarshal(self, &module, path) : call_inherited(self, "get_code", name);
    Py_XDECREF(path);
    return code;
}

PyDoc_STRVAR(get_source_doc, "get_source(fullname)\n--\n\nReturn the module's source, or None.");

static PyObject *
loader_get_source(PyObject *self, PyObject *name)
{
    struct image_module module;
    PyObject *path;
    int found = find_own(self, name, &module, &path);
    Py_XDECREF(path);
    if (found < 0) {
        return NULL;
    }
    if (found && has_no_source(&module)) {
        Py_RETURN_NONE;
    }
    return call_inherited(self, "get_source", name);
}

/* --- executing ----------------------------------------------------------------------------- */

PyDoc_STRVAR(create_module_doc, "create_module(spec)\n--\n\nUse the default module creation.");

static PyObject *
loader_create_module(PyObject *self, PyObject *spec)
{
    (void)self, (void)spec;
    Py_RETURN_NONE;
}

/* What a class that is derived from ours gives as code may be whatever exec takes, such as text. */
static PyObject *
run(PyObject *code, PyObject *namespace)
{
    if (PyCode_Check(code)) {
        return PyEval_EvalCode(code, namespace, namespace);
    }
    PyObject *exec = packed_import("builtins", "exec");
    PyObject *result = exec ? PyObject_CallFunctionObjArgs(exec, code, namespace, NULL) : NULL;
    Py_XDECREF(exec);
    return result;
}

static PyObject *
execute(PyObject *code, PyObject *module)
{
    PyObject *namespace = PyObject_GetAttrString(module, "__dict__");
    PyObject *key = PyUnicode_InternFromString("__builtins__");
    PyObject *result = NULL;
    if (namespace != NULL && key != NULL &&
        PyDict_SetDefault(namespace, key, PyEval_GetBuiltins()) != NULL) {
        result = run(code, namespace);
    }
    Py_XDECREF(key);
    Py_XDECREF(namespace);
    return result;
}

PyDoc_STRVAR(exec_module_doc, "exec_module(module)\n--\n\nExecute the module's code.");

static PyObject *
loader_exec_module(PyObject *self, PyObject *module)
{
    PyObject *name = PyObject_GetAttrString(module, "__name__");
    /* Another method may be asked for the code: that of a class which is derived from this one. */
    PyObject *code = name ? PyObject_CallMethod(self, "get_code", "O", name) : NULL;
    PyObject *result = NULL;
    if (code == Py_None) {
        PyErr_Format(PyExc_ImportError, "cannot load module %R when get_code() returns None", name);
    } else if (code != NULL) {
        result = execute(code, module);
    }
    Py_XDECREF(code);
    Py_XDECREF(name);
    if (result == NULL) {
        return NULL;
    }
    Py_DECREF(result);
    collector_spare();
    Py_RETURN_NONE;
}

/* --- reading ------------------------------------------------------------------------------- */

PyDoc_STRVAR(get_data_doc, "get_data(path)\n--\n\nReturn the content of a file.");

static PyObject *
loader_get_data(PyObject *self, PyObject *path)
{
    PyObject *bytes;
    struct place place;
    if (!PyUnicode_FSConverter(path, &bytes)) {
        return NULL;
    }
    bool inside = tree_has_prefix(PyBytes_AS_STRING(bytes), &place) && place.outside == NULL;
    Py_DECREF(bytes);
    if (!inside || place.error != 0 || place.node.kind != IMAGE_NODE_KIND_FILE) {
        return call_inherited(self, "get_data", path);
    }
    struct stored content = packed_content(place.index);
    PyObject *data = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)content.size);
    if (data != NULL) {
        status_die_if_failed(content_copy(&content, PyBytes_AS_STRING(data)));
        os_release_content(&content);
    }
    return data;
}

/* --- the class ----------------------------------------------------------------------------- */

static PyMethodDef methods[] = {
    {"create_module", loader_create_module, METH_O, create_module_doc},
    {"exec_module", loader_exec_module, METH_O, exec_module_doc},
    {"get_code", loader_get_code, METH_O, get_code_doc},
    {"get_data", loader_get_data, METH_O, get_data_doc},
    {"get_source", loader_get_source, METH_O, get_source_doc},
    {0},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "Loads modules from the executable's image."},
    {Py_tp_methods, methods},
    {0},
};

static PyType_Spec spec = {
    .name = "oxidize.Loader",
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = slots,
};

static int
set_attribute(PyObject *class, const char *name, PyObject *value)
{
    int result = value ? PyObject_SetAttrString(class, name, value) : -1;
    Py_XDECREF(value);
    return result;
}

PyObject *
loader_make_class(void)
{
    PyObject *base = packed_import("_frozen_importlib_external", "SourceFileLoader");
    PyObject *class = base ? PyType_FromSpecWithBases(&spec, base) : NULL;
    if (class != NULL &&
        (set_attribute(class, BASE, Py_NewRef(base)) < 0 || loader_setup() < 0 ||
         set_attribute(class, FIX_CO_FILENAME, packed_import("_imp", "_fix_co_filename")) < 0)) {
        Py_CLEAR(class);
    }
    Py_XDECREF(base);
    return class;
}

/* What the class's own __init__ does, without calling it. */
PyObject *
loader_make(PyObject *loader_class, PyObject *name, PyObject *path)
{
    PyObject *loader = PyType_GenericAlloc((PyTypeObject *)loader_class, 0);
    if (loader != NULL && (PyObject_SetAttrString(loader, "name", name) < 0 ||
                           PyObject_SetAttrString(loader, "path", path) < 0)) {
        Py_CLEAR(loader);
    }
    return loader;
}
