#include "packed.h"

#include "tree.h"

static void
die_if_failed(struct status status)
{
    if (status_failed(status)) {
        status_die(status);
    }
}

/* Look a name up in the index. Returns 1, 0 or -1 as packed_find does. */
static int
look_up(PyObject *name, struct image_module *module)
{
    Py_ssize_t size;
    const char *data = PyUnicode_AsUTF8AndSize(name, &size);
    if (data == NULL && PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) {
        PyErr_Clear(); /* file names that are not UTF-8 make such names: none of ours */
        return 0;
    }
    if (data == NULL) {
        return -1;
    }
    bool present;
    die_if_failed(
        image_find_module(tree_image(), (struct text){data, (size_t)size}, &present, module));
    return present;
}

int
packed_find(PyObject *name, struct image_module *module)
{
    int found = look_up(name, module);
    return found > 0 ? module->kind != IMAGE_MODULE_KIND_PRUNED : found;
}

bool
packed_is_pruned(PyObject *name)
{
    struct image_module module;
    return look_up(name, &module) > 0 && module.kind == IMAGE_MODULE_KIND_PRUNED;
}

uint32_t
packed_directory(uint32_t index)
{
    struct image_node node;
    struct text name;
    die_if_failed(image_node(tree_image(), index, &node, &name));
    return node.parent;
}

uint32_t
packed_searched_directory(const struct image_module *module)
{
    uint32_t directory = packed_directory(module->node);
    return packed_is_package(module) ? packed_directory(directory) : directory;
}

PyObject *
packed_path(uint32_t index)
{
    char path[PATH_MAX];
    if (!tree_path(index, path, sizeof path)) {
        PyErr_SetString(PyExc_OSError, "the path of a packed file is too long");
        return NULL;
    }
    return PyUnicode_DecodeFSDefault(path);
}

/* A list of paths that is being made; null after a failure. */
struct option_paths {
    uint32_t key;
    PyObject *list;
};

static struct status
append_option_path(void *context, const struct image_option *option, struct text text)
{
    struct option_paths *paths = context;
    char path[PATH_MAX];
    if (option->key != paths->key || paths->list == NULL) {
        return status_ok();
    }
    int size = snprintf(path, sizeof path, "%s/%.*s", tree_root(), (int)text.size, text.data);
    if (size >= (int)sizeof path) {
        return status_fault("its path is too long");
    }
    PyObject *directory = PyUnicode_DecodeFSDefault(path);
    if (directory == NULL || PyList_Append(paths->list, directory) < 0) {
        Py_CLEAR(paths->list);
    }
    Py_XDECREF(directory);
    return status_ok();
}

PyObject *
packed_option_paths(uint32_t key)
{
    struct option_paths paths = {key, PyList_New(0)};
    die_if_failed(image_for_each_option(tree_image(), append_option_path, &paths));
    PyObject *tuple = paths.list ? PyList_AsTuple(paths.list) : NULL;
    Py_XDECREF(paths.list);
    return tuple;
}

struct stored
packed_content(uint32_t index)
{
    struct image_node node;
    struct text name;
    struct stored content;
    die_if_failed(image_node(tree_image(), index, &node, &name));
    die_if_failed(image_content(tree_image(), &node, &content));
    return content;
}

PyObject *
packed_import(const char *module_name, const char *attribute)
{
    PyObject *module = PyImport_ImportModule(module_name);
    PyObject *result = module ? PyObject_GetAttrString(module, attribute) : NULL;
    Py_XDECREF(module);
    return result;
}

int
packed_wrap(const char *module_name, const char *function, PyMethodDef *definition)
{
    PyObject *module = PyImport_ImportModule(module_name);
    PyObject *original = module ? PyObject_GetAttrString(module, function) : NULL;
    PyObject *wrapper = original ? PyCFunction_New(definition, original) : NULL;
    int result = wrapper ? PyObject_SetAttrString(module, function, wrapper) : -1;
    Py_XDECREF(wrapper);
    Py_XDECREF(original);
    Py_XDECREF(module);
    return result;
}
