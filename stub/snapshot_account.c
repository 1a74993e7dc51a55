/* A function or a class belongs to the module that it names, whoever else refers to it; all other
   objects to the first module that leads to them. */
#define _GNU_SOURCE
#include "snapshot_account.h"

#include <Python.h>

#include <stdint.h>
#include <stdio.h>    /* snprintf */
#include <string.h>   /* memcmp */
#include <sys/mman.h> /* mmap */

#include "image_format.h"
#include "memory.h"
#include "snapshot_cpython.h"
#include "snapshot_scan.h"

#define MOST_TYPES 8192

struct block {
    uintptr_t address;
    size_t size;
    bool seen;
};

struct sum {
    const char *name;
    size_t size, count;
};

struct pending {
    PyObject *object;
    uint32_t module;
};

static struct {
    struct block *blocks; /* in order of address */
    size_t block_count;
    struct pending *stack, *later;
    size_t stack_size, later_size, capacity;
    struct sum *modules;
    PyObject **names; /* of the modules */
    uint32_t module_count, module;
    bool takes_all; /* what belongs to other modules too */
    struct sum types[MOST_TYPES];
    size_t type_count;
} account;

static void *
reserve(size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                    -1, 0);
    return at != MAP_FAILED ? at : NULL;
}

/* --- blocks -------------------------------------------------------------------------------- */

static bool
is_empty(const char *block, size_t size)
{
    return block[0] == '\0' && memcmp(block, block + 1, size - 1) == 0;
}

static bool
add_block(void *context, void *block, size_t size)
{
    (void)context;
    if (account.blocks != NULL && !is_empty(block, size)) {
        account.blocks[account.block_count] = (struct block){(uintptr_t)block, size, false};
    }
    account.block_count += account.blocks == NULL || !is_empty(block, size);
    return true;
}

static struct block *
find_block(uintptr_t address)
{
    size_t low = 0, high = account.block_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        struct block *block = &account.blocks[middle];
        if (address < block->address) {
            high = middle;
        } else if (address >= block->address + block->size) {
            low = middle + 1;
        } else {
            return block;
        }
    }
    return NULL;
}

/* --- by module ----------------------------------------------------------------------------- */

static bool
is_of_other_module(PyObject *object)
{
    PyObject *name = NULL;
    if (PyFunction_Check(object)) {
        name = ((PyFunctionObject *)object)->func_module;
    } else if (PyType_Check(object) && ((PyTypeObject *)object)->tp_dict != NULL) {
        name = PyDict_GetItemWithError(((PyTypeObject *)object)->tp_dict,
                                       snapshot_cpython_module_name());
    }
    return name != NULL && PyUnicode_Check(name) &&
           PyUnicode_Compare(name, account.names[account.module]) != 0;
}

static int
visit(PyObject *object, void *context)
{
    (void)context;
    struct block *block = find_block((uintptr_t)object);
    if (block == NULL || block->seen || PyModule_Check(object) ||
        account.stack_size == account.capacity) {
        return 0;
    }
    if (!account.takes_all && is_of_other_module(object)) {
        if (account.later_size < account.capacity) {
            account.later[account.later_size++] = (struct pending){object, account.module};
        }
        return 0;
    }
    block->seen = true;
    account.stack[account.stack_size++] = (struct pending){object, account.module};
    account.modules[account.module].size += block->size;
    account.modules[account.module].count++;
    return 0;
}

/* A table that an object has in a block of its own. */
static void
add_table(const void *table)
{
    struct block *block = find_block((uintptr_t)table);
    if (block != NULL && !block->seen) {
        block->seen = true;
        account.modules[account.module].size += block->size;
    }
}

static void
follow(PyObject *object)
{
    if (PyDict_Check(object)) {
        add_table(((PyDictObject *)object)->ma_keys);
    } else if (PyList_Check(object)) {
        add_table(((PyListObject *)object)->ob_item);
    } else if (PyAnySet_Check(object)) {
        add_table(((PySetObject *)object)->table);
    }
    if (Py_TYPE(object)->tp_traverse != NULL) {
        Py_TYPE(object)->tp_traverse(object, visit, NULL);
    }
}

static void
follow_all(void)
{
    while (account.stack_size > 0) {
        follow(account.stack[--account.stack_size].object);
    }
}

/* The namespaces first: functions lead to them. */
static void
find_modules(PyObject *modules)
{
    PyObject *name, *module;
    Py_ssize_t at = 0;
    while (PyDict_Next(modules, &at, &name, &module)) {
        struct block *space =
            PyModule_Check(module) ? find_block((uintptr_t)PyModule_GetDict(module)) : NULL;
        if (space != NULL && PyUnicode_Check(name)) {
            space->seen = true;
            account.names[account.module_count] = name;
            account.modules[account.module_count++] =
                (struct sum){PyUnicode_AsUTF8(name) ? PyUnicode_AsUTF8(name) : "?", space->size, 1};
        }
    }
}

static void
account_modules(PyObject *modules)
{
    find_modules(modules);
    for (account.module = 0; account.module < account.module_count; account.module++) {
        PyObject *module = PyDict_GetItemWithError(modules, account.names[account.module]);
        follow(PyModule_GetDict(module));
        follow_all();
    }
    account.takes_all = true;
    for (size_t i = 0; i < account.later_size; i++) {
        account.module = account.later[i].module;
        visit(account.later[i].object, NULL);
        follow_all();
    }
}

/* --- by type ------------------------------------------------------------------------------- */

static void
account_types(void)
{
    for (size_t i = 0; i < account.block_count; i++) {
        const struct block *block = &account.blocks[i];
        const char *name = snapshot_type_name((const void *)block->address, block->size);
        size_t at = 0;
        name = name != NULL ? name : IMAGE_SNAPSHOT_TABLES;
        while (at < account.type_count && account.types[at].name != name) {
            at++;
        }
        if (at == MOST_TYPES) {
            continue;
        }
        if (at == account.type_count) {
            account.types[account.type_count++] = (struct sum){name, 0, 0};
        }
        account.types[at].size += block->size;
        account.types[at].count++;
    }
}

/* --- the text ------------------------------------------------------------------------------ */

static size_t
write_sums(char *text, size_t capacity, char kind, const struct sum *sums, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        int written = snprintf(text + size, capacity - size, "%c %zu %zu %s\n", kind, sums[i].size,
                               sums[i].count, sums[i].name);
        if (written < 0 || (size_t)written >= capacity - size) {
            return 0;
        }
        size += (size_t)written;
    }
    return size;
}

void
snapshot_account_prepare(void)
{
    PyObject *name, *module;
    Py_ssize_t at = 0;
    while (PyDict_Next(PyImport_GetModuleDict(), &at, &name, &module)) {
        if (!PyUnicode_Check(name) || PyUnicode_AsUTF8(name) == NULL) {
            PyErr_Clear();
        }
    }
}

size_t
snapshot_account(char *text, size_t capacity)
{
    PyObject *modules = PyImport_GetModuleDict(); /* borrowed */
    memory_each_block(add_block, NULL);
    account.capacity = account.block_count;
    account.blocks = reserve(account.block_count * sizeof *account.blocks);
    account.stack = reserve(account.capacity * sizeof *account.stack);
    account.later = reserve(account.capacity * sizeof *account.later);
    account.modules = reserve((size_t)PyDict_Size(modules) * sizeof *account.modules);
    account.names = reserve((size_t)PyDict_Size(modules) * sizeof *account.names);
    if (account.blocks == NULL || account.stack == NULL || account.later == NULL ||
        account.modules == NULL || account.names == NULL) {
        return 0;
    }
    account.block_count = 0;
    memory_each_block(add_block, NULL);
    account_modules(modules);
    account_types();
    size_t first = write_sums(text, capacity, 'm', account.modules, account.module_count);
    size_t second =
        write_sums(text + first, capacity - first, 't', account.types, account.type_count);
    return first > 0 && second > 0 ? first + second : 0;
}
