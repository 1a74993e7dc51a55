#include "packed.h"

#include "tree.h"

static void
die_if_failed(struct status status)
{
    if (status_failed(status)) {
        status_die(status);
    }
}

int
packed_find(PyObject *name, struct image_module *module)
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

struct cursor
packed_content(uint32_t index)
{
    struct image_node node;
    struct text name;
    struct cursor content;
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
