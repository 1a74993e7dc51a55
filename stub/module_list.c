#define _GNU_SOURCE
#include "module_list.h"

#include <Python.h>

#include <fcntl.h>    /* O_CLOEXEC */
#include <limits.h>   /* PATH_MAX */
#include <stdio.h>    /* fdopen */
#include <stdlib.h>   /* getenv, mkostemp */
#include <sys/stat.h> /* mkdir */

#include "os.h"
#include "packed.h"

/* Make the directory and those that it is in. */
static void
make_directories(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0777);
        *slash = '/';
    }
    mkdir(path, 0777);
}

static FILE *
open_list(const char *directory)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/modules-XXXXXX", directory) >= (int)sizeof path) {
        return NULL;
    }
    char *name = strrchr(path, '/');
    *name = '\0';
    make_directories(path);
    *name = '/';
    int descriptor = mkostemp(path, O_CLOEXEC);
    if (descriptor < 0) {
        return NULL;
    }
    fchmod(descriptor, 0644);
    return fdopen(descriptor, "w");
}

/* Names that are no text, or not UTF-8, are left out. */
static void
write_names(FILE *file, PyObject *names)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(names); i++) {
        PyObject *name = PyList_GET_ITEM(names, i);
        const char *text = PyUnicode_Check(name) ? PyUnicode_AsUTF8(name) : NULL;
        if (text != NULL) {
            fprintf(file, "%s\n", text);
        }
        PyErr_Clear();
    }
}

/* `self` is the directory. */
static PyObject *
write_list(PyObject *self, PyObject *ignored)
{
    (void)ignored;
    PyObject *modules = PySys_GetObject("modules"); /* borrowed */
    PyObject *names = modules ? PySequence_List(modules) : NULL;
    FILE *file = names ? open_list(PyBytes_AS_STRING(self)) : NULL;
    if (file != NULL) {
        write_names(file, names);
        fclose(file);
    }
    Py_XDECREF(names);
    PyErr_Clear();
    Py_RETURN_NONE;
}

static PyMethodDef definition = {"write_list", write_list, METH_NOARGS, NULL};

void
module_list_setup(struct text variable)
{
    char name[NAME_MAX];
    if (variable.size == 0 || variable.size >= sizeof name || os_has_more_rights()) {
        return;
    }
    memcpy(name, variable.data, variable.size);
    name[variable.size] = '\0';
    const char *directory = getenv(name);
    if (directory == NULL || directory[0] == '\0') {
        return;
    }
    /* The first function to be registered is the last one to be called. */
    PyObject *path = PyBytes_FromString(directory);
    PyObject *function = path ? PyCFunction_New(&definition, path) : NULL;
    PyObject *registering = function ? packed_import("atexit", "register") : NULL;
    PyObject *done = registering ? PyObject_CallOneArg(registering, function) : NULL;
    Py_XDECREF(done);
    Py_XDECREF(registering);
    Py_XDECREF(function);
    Py_XDECREF(path);
    PyErr_Clear();
}
