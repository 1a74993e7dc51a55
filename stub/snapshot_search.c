/* Where the path of the executable is, in a process that becomes a snapshot. */
#define _GNU_SOURCE
#include "snapshot_paths.h"

#include <stdio.h>  /* fprintf */
#include <stdlib.h> /* qsort */
#include <string.h> /* memmem */
#include <wchar.h>

#include "memory.h"
#include "snapshot_cpython.h"

#define MOST_TYPES 4096
#define BLOCK_STEP 16
#define DEEPEST 3 /* that an object is looked into which is a key */

static void
fault(struct snapshot_paths *paths, const char *what, const char *text)
{
    paths->faults++;
    fprintf(stderr, "path: %s: %.200s\n", what, text);
}

static void
add(struct snapshot_paths *paths, const void *at, uint32_t kind)
{
    uint64_t address = (uintptr_t)at;
    if (paths->count > 0 && paths->list[paths->count - 1].address == address) {
        return; /* both parts of a path in one text */
    }
    if (paths->count == paths->capacity) {
        fault(paths, "there are too many of them", "");
        return;
    }
    paths->list[paths->count++] = (struct image_snapshot_path){address, kind, 0};
}

/* --- texts --------------------------------------------------------------------------------- */

/* A part of a directory's path cannot be replaced: it may have more parts, or none. */
static bool
is_whole(const char *text, size_t size)
{
    static const char directory[] = IMAGE_SNAPSHOT_DIRECTORY, name[] = IMAGE_SNAPSHOT_NAME;
    const char *end = text + size, *at = text;
    while ((at = memmem(at, (size_t)(end - at), SNAPSHOT_TOKEN, sizeof SNAPSHOT_TOKEN - 1)) !=
           NULL) {
        bool is_name =
            (size_t)(end - at) >= sizeof name - 1 && memcmp(at, name, sizeof name - 1) == 0;
        bool is_directory = at > text && (size_t)(end - at) >= sizeof directory - 2 &&
                            memcmp(at - 1, directory, sizeof directory - 1) == 0;
        if (!is_name && !is_directory) {
            return false;
        }
        at += sizeof SNAPSHOT_TOKEN - 1;
    }
    return true;
}

static void
classify(struct snapshot_paths *paths, const char *found)
{
    size_t size;
    const char *block = memory_block((uintptr_t)found, &size);
    const PyObject *object = (const PyObject *)block;
    if (block == NULL) {
        fault(paths, "it is in a variable of the interpreter or of a library", found);
    } else if (size > sizeof(PyASCIIObject) && Py_TYPE(object) == &PyUnicode_Type) {
        const PyASCIIObject *string = (const PyASCIIObject *)block;
        if (!string->state.compact || !string->state.ascii ||
            !is_whole((const char *)(string + 1), (size_t)string->length)) {
            fault(paths, "a str holds it in a form that cannot be replaced", found);
        } else {
            add(paths, block, IMAGE_PATH_KIND_STR);
        }
    } else if (size > sizeof(PyBytesObject) && Py_TYPE(object) == &PyBytes_Type) {
        if (!is_whole(PyBytes_AS_STRING(object), (size_t)Py_SIZE(object))) {
            fault(paths, "a bytes object holds it in a form that cannot be replaced", found);
        } else {
            add(paths, block, IMAGE_PATH_KIND_BYTES);
        }
    } else if (strnlen(block, size) > (size_t)(found - block) && is_whole(block, strlen(block))) {
        add(paths, block, IMAGE_PATH_KIND_TEXT);
    } else {
        fault(paths, "something unknown holds it", found);
    }
}

static void
find_narrow(struct snapshot_paths *paths, const char *first, const char *end)
{
    while ((first = memmem(first, (size_t)(end - first), SNAPSHOT_TOKEN,
                           sizeof SNAPSHOT_TOKEN - 1)) != NULL) {
        classify(paths, first);
        first += sizeof SNAPSHOT_TOKEN - 1;
    }
}

static void
find_wide(struct snapshot_paths *paths, const char *first, const char *end)
{
    static const wchar_t token[] = L"" SNAPSHOT_TOKEN;
    const size_t token_size = sizeof token - sizeof *token;
    while ((first = memmem(first, (size_t)(end - first), token, token_size)) != NULL) {
        size_t size;
        const char *block = memory_block((uintptr_t)first, &size);
        if (block == NULL ||
            wcsnlen((const wchar_t *)block, size / sizeof *token) * sizeof *token <=
                (size_t)(first - block)) {
            fault(paths, "wide characters hold it where they cannot be replaced", "");
        } else {
            add(paths, block, IMAGE_PATH_KIND_WIDE);
        }
        first += token_size;
    }
}

static int
compare(const void *a, const void *b)
{
    uint64_t first = ((const struct image_snapshot_path *)a)->address;
    uint64_t second = ((const struct image_snapshot_path *)b)->address;
    return (first > second) - (first < second);
}

/* --- what depends on their hashes ---------------------------------------------------------- */

static bool
is_replaced(const struct snapshot_paths *paths, const PyObject *object)
{
    struct image_snapshot_path key = {(uintptr_t)object, 0, 0};
    return bsearch(&key, paths->list, paths->count, sizeof key, compare) != NULL;
}

struct reach {
    const struct snapshot_paths *paths;
    unsigned depth;
};

static int
reaches(PyObject *object, void *context)
{
    struct reach *reach = context;
    if (is_replaced(reach->paths, object)) {
        return 1;
    }
    traverseproc traverse = Py_TYPE(object)->tp_traverse;
    if (reach->depth == 0 || traverse == NULL || PyModule_Check(object) || PyType_Check(object)) {
        return 0;
    }
    reach->depth--;
    int found = traverse(object, reaches, reach);
    reach->depth++;
    return found;
}

/* Whether the hash of a key depends on what is replaced: 1 if it does and is computed anew when it
   is asked for, -1 if it does in a way that is not known, else 0. */
static int
depends(struct snapshot_paths *paths, PyObject *key)
{
    PyTypeObject *type = Py_TYPE(key);
    if (type == &PyUnicode_Type || type == &PyBytes_Type) {
        return is_replaced(paths, key);
    }
    if (PyTuple_CheckExact(key)) {
        int result = 0;
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(key) && result == 0; i++) {
            result = depends(paths, PyTuple_GET_ITEM(key, i));
        }
        return result;
    }
    if (PyWeakref_Check(key)) {
        _Py_COMP_DIAG_PUSH _Py_COMP_DIAG_IGNORE_DEPR_DECLS PyObject *referred =
            PyWeakref_GET_OBJECT(key);
        _Py_COMP_DIAG_POP return depends(paths, referred);
    }
    if (paths->path_class != NULL && PyObject_TypeCheck(key, (PyTypeObject *)paths->path_class)) {
        struct reach reach = {paths, DEEPEST};
        return reaches(key, &reach); /* _snapshot.py has let it forget its hash */
    }
    if (type->tp_hash == PyBaseObject_Type.tp_hash || type == &PyCFunction_Type ||
        PyCode_Check(key) || PyLong_Check(key) || PyFloat_Check(key)) {
        return 0;
    }
    struct reach reach = {paths, DEEPEST};
    return -reaches(key, &reach);
}

static void
examine(struct snapshot_paths *paths, PyObject *container)
{
    /* A class that is derived from these may have another way to iterate. */
    PyTypeObject *base = PyDict_Check(container)  ? &PyDict_Type
                         : PySet_Check(container) ? &PySet_Type
                                                  : &PyFrozenSet_Type;
    PyObject *iterator = base->tp_iter(container);
    PyObject *key;
    bool affected = false;
    while (iterator != NULL && (key = PyIter_Next(iterator)) != NULL) {
        int result = depends(paths, key);
        if (result < 0) {
            fault(paths, "a dict or set has a key with it whose type is", Py_TYPE(key)->tp_name);
        } else if (result > 0 && Py_TYPE(container) == &PyFrozenSet_Type) {
            fault(paths, "a frozenset holds it", "");
        }
        affected |= result > 0;
        Py_DECREF(key);
    }
    Py_XDECREF(iterator);
    if (PyErr_Occurred() || (affected && PyList_Append(paths->containers, container) < 0)) {
        PyErr_Clear();
        fault(paths, "a container cannot be looked into", Py_TYPE(container)->tp_name);
    }
}

struct search {
    struct snapshot_paths *paths;
    const PyTypeObject *types[MOST_TYPES]; /* those of dicts and sets */
    size_t count;
    PyObject *found; /* a list: collected first, since looking into them allocates */
};

static bool
add_types(struct search *search, PyTypeObject *type)
{
    for (size_t i = 0; i < search->count; i++) {
        if (search->types[i] == type) {
            return true;
        }
    }
    if (search->count == MOST_TYPES) {
        return false;
    }
    search->types[search->count++] = type;
    PyObject *derived = PyObject_CallMethod((PyObject *)&PyType_Type, "__subclasses__", "O", type);
    bool added = derived != NULL;
    for (Py_ssize_t i = 0; added && i < PyList_GET_SIZE(derived); i++) {
        added = add_types(search, (PyTypeObject *)PyList_GET_ITEM(derived, i));
    }
    Py_XDECREF(derived);
    return added;
}

/* A dict that is not empty has its keys in a block of their own, a set its table in itself or in a
   block. */
static bool
has_table(const PyObject *object)
{
    const void *table = PyDict_Check(object) ? (void *)((const PyDictObject *)object)->ma_keys
                                             : (void *)((const PySetObject *)object)->table;
    size_t size;
    bool own = !PyDict_Check(object) && table == ((const PySetObject *)object)->smalltable;
    return own || (table != NULL && memory_block((uintptr_t)table, &size) == table);
}

/* Whether there is a dict or set `before` bytes behind the beginning of a block. An array of
   pointers may look like one, but then it has another size. */
static bool
is_container(const struct search *search, const char *block, size_t before, size_t size)
{
    const PyObject *object = (const PyObject *)(block + before);
    for (size_t i = 0; i < search->count; i++) {
        const PyTypeObject *type = search->types[i];
        size_t wanted = before + (size_t)type->tp_basicsize + (size_t)type->tp_itemsize;
        if (Py_TYPE(object) == type) {
            return size >= wanted && size <= memory_block_size(wanted + BLOCK_STEP - 1) &&
                   Py_REFCNT(object) > 0 && has_table(object);
        }
    }
    return false;
}

/* Objects have words of the garbage collector before them, and some of their type's. */
static bool
collect(void *context, void *block, size_t size)
{
    struct search *search = context;
    for (size_t before = SNAPSHOT_GC_HEAD; before <= SNAPSHOT_GC_HEAD + SNAPSHOT_TYPE_HEAD;
         before += SNAPSHOT_TYPE_HEAD) {
        PyObject *object = (PyObject *)((char *)block + before);
        if (before + sizeof(PyVarObject) > size) {
            break;
        }
        if (is_container(search, block, before, size)) {
            return PyList_Append(search->found, object) == 0;
        }
#if PY_VERSION_HEX >= 0x030E0000
        PyTupleObject *tuple = (PyTupleObject *)object;
        if (Py_TYPE(object) == &PyTuple_Type && Py_SIZE(tuple) >= 0 &&
            before + sizeof *tuple + ((size_t)Py_SIZE(tuple) - 1) * sizeof object <= size &&
            depends(search->paths, object) != 0) {
            tuple->ob_hash = -1; /* it keeps its hash */
        }
#endif
    }
    return true;
}

void
snapshot_find_containers(struct snapshot_paths *paths)
{
    static struct search search;
    search = (struct search){.paths = paths, .found = PyList_New(0)};
    if (search.found == NULL || !add_types(&search, &PyDict_Type) ||
        !add_types(&search, &PySet_Type) || !add_types(&search, &PyFrozenSet_Type)) {
        PyErr_Clear();
        fault(paths, "the types of dicts and sets cannot be found", "");
        return;
    }
    PyObject *pathlib = PyDict_GetItemString(PyImport_GetModuleDict(), "pathlib"); /* borrowed */
    paths->path_class = pathlib != NULL ? PyObject_GetAttrString(pathlib, "PurePath") : NULL;
    for (size_t i = 0; i < paths->count; i++) {
        const struct image_snapshot_path *path = &paths->list[i];
        if (path->kind == IMAGE_PATH_KIND_STR) {
            snapshot_cpython_forget_interned((PyObject *)(uintptr_t)path->address);
        }
    }
    PyGC_Collect(); /* Python keeps some dicts that have been freed for the next ones */
    if (!memory_each_block(collect, &search)) {
        PyErr_Clear();
        fault(paths, "the dicts and sets cannot be found", "");
        return;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(search.found); i++) {
        examine(paths, PyList_GET_ITEM(search.found, i));
    }
    Py_CLEAR(search.found);
    for (size_t i = 0; i < paths->count; i++) {
        struct image_snapshot_path *path = &paths->list[i];
        if (path->kind == IMAGE_PATH_KIND_STR) {
            ((PyASCIIObject *)(uintptr_t)path->address)->hash = -1;
        } else if (path->kind == IMAGE_PATH_KIND_BYTES) {
            _Py_COMP_DIAG_PUSH _Py_COMP_DIAG_IGNORE_DEPR_DECLS(
                (PyBytesObject *)(uintptr_t)path->address)
                ->ob_shash = -1;
            _Py_COMP_DIAG_POP
        }
    }
}

void
snapshot_find_paths(const struct region regions[SNAPSHOT_REGIONS], struct snapshot_paths *paths)
{
    const char *arena = (const char *)MEMORY_ARENA;
    find_narrow(paths, arena, arena + memory_arena_size());
    for (size_t i = 0; i < SNAPSHOT_REGIONS; i++) {
        find_narrow(paths, (const char *)regions[i].first, (const char *)regions[i].end);
    }
    find_wide(paths, arena, arena + memory_arena_size());
    qsort(paths->list, paths->count, sizeof *paths->list, compare);
}
