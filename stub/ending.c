/* Py_FinalizeEx first lets the program end: it waits for threads, calls what atexit has, flushes
   the standard streams. Then it takes the interpreter to pieces, which the kernel does faster. The
   first part is here once more, since CPython has no function for it alone.

   Objects are not finalised. For open files that would mean that what is in their buffers is lost,
   so they are flushed. */
#include "ending.h"

#define Py_BUILD_CORE /* before Python.h: 3.12 has functions in both kinds of headers */
#include "internals.h"

#ifdef OXIDIZE_KNOWS_INTERPRETER
#include <internal/pycore_interp.h> /* PyInterpreterState */
#endif

#include "collector.h"
#include "finalisers.h"
#include "names.h"
#include "snapshot.h"
#include "startup_objects.h"

/* --- SystemExit ---------------------------------------------------------------------------- */

/* The object that stands for the exit status: the exception's code, or itself if it has none. */
static PyObject *
take_code(void)
{
    PyObject *type, *exception, *traceback;
    PyErr_Fetch(&type, &exception, &traceback);
    PyErr_NormalizeException(&type, &exception, &traceback);
    PyObject *code = exception ? names_attribute(exception, NAME_CODE) : NULL;
    PyErr_Clear();
    if (code != NULL) {
        Py_XDECREF(exception);
    } else {
        code = exception;
    }
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return code;
}

static void
print_code(PyObject *code)
{
    PyObject *stream = PySys_GetObject("stderr"); /* borrowed */
    if (stream != NULL && stream != Py_None) {
        PyFile_WriteObject(code, stream, Py_PRINT_RAW);
    } else {
        PyObject_Print(code, stderr, Py_PRINT_RAW);
        fflush(stderr);
    }
    PySys_WriteStderr("\n");
    PyErr_Clear();
}

bool
ending_take_system_exit(int *exit_status)
{
    if (!PyErr_ExceptionMatches(PyExc_SystemExit)) {
        return false;
    }
    fflush(stdout);
    PyObject *code = take_code();
    if (code == NULL || code == Py_None) {
        *exit_status = 0;
    } else if (PyLong_Check(code)) {
        *exit_status = (int)PyLong_AsLong(code);
        PyErr_Clear();
    } else {
        print_code(code);
        *exit_status = 1;
    }
    Py_XDECREF(code);
    return true;
}

/* --- threads and atexit -------------------------------------------------------------------- */

/* As CPython has it. */
#if PY_VERSION_HEX >= 0x030E0000
#define FLUSHING "while flushing sys.stdout"
#else
#define FLUSHING "on flushing sys.stdout"
#endif

static void
tell_ignored(const char *doing, PyObject *object)
{
#if PY_VERSION_HEX >= 0x030D0000
    (void)object;
    PyErr_FormatUnraisable("Exception ignored %s", doing);
#else
    (void)doing;
    PyErr_WriteUnraisable(object);
#endif
}

/* Call a function without arguments of a module, if that has been imported. */
static void
call_if_imported(const char *module_name, enum name function, const char *doing)
{
    PyObject *name = PyUnicode_FromString(module_name);
    PyObject *module = name ? PyImport_GetModule(name) : NULL;
    PyObject *result = module ? names_call(module, function) : NULL;
    if (result == NULL && PyErr_Occurred()) {
        tell_ignored(doing, module);
    }
    Py_XDECREF(result);
    Py_XDECREF(module);
    Py_XDECREF(name);
}

/* From here on threads cannot be started. */
static void
begin_end(void)
{
#ifdef OXIDIZE_KNOWS_INTERPRETER
    PyInterpreterState_Get()->finalizing = 1;
#endif
}

static void
let_program_end(void)
{
    begin_end();
    call_if_imported("threading", NAME_SHUTDOWN, "on threading shutdown");
    if (Py_MakePendingCalls() < 0) {
        tell_ignored("in a pending call", NULL);
    }
    call_if_imported("atexit", NAME_RUN_EXIT_FUNCTIONS, "in atexit callbacks");
}

/* --- files --------------------------------------------------------------------------------- */

static bool
is_closed(PyObject *file)
{
    PyObject *closed = names_attribute(file, NAME_CLOSED);
    bool is_set = closed != NULL && PyObject_IsTrue(closed) == 1;
    Py_XDECREF(closed);
    PyErr_Clear();
    return is_set;
}

/* Returns -1 with an exception. */
static int
flush(PyObject *file)
{
    PyObject *result = is_closed(file) ? Py_NewRef(Py_None) : names_call(file, NAME_FLUSH);
    Py_XDECREF(result);
    return result ? 0 : -1;
}

static int
flush_stream(const char *name)
{
    PyObject *stream = Py_XNewRef(PySys_GetObject(name));
    int status = stream != NULL && stream != Py_None ? flush(stream) : 0;
    if (status < 0 && strcmp(name, "stdout") == 0) {
        tell_ignored(FLUSHING, stream);
    }
    PyErr_Clear();
    Py_XDECREF(stream);
    return status;
}

static int
flush_streams(void)
{
    int out = flush_stream("stdout");
    int err = flush_stream("stderr");
    return out < 0 || err < 0 ? -1 : 0;
}

/* What is looked for among all objects. */
struct files {
    PyTypeObject *text;
    PyTypeObject *writer;
    PyTypeObject *random;
    PyObject *found; /* a list; null after a failure */
};

static void
note_file(PyObject *object, struct files *files)
{
    PyTypeObject *type = Py_TYPE(object);
    /* Most objects have no finaliser, all files do. */
    if (type->tp_finalize != NULL && files->found != NULL &&
        (PyType_IsSubtype(type, files->text) || PyType_IsSubtype(type, files->writer) ||
         PyType_IsSubtype(type, files->random)) &&
        PyList_Append(files->found, object) < 0) {
        Py_CLEAR(files->found);
    }
}

static void
find_unfrozen_files(struct files *files)
{
    PyObject *objects = collector_objects();
    for (Py_ssize_t i = 0; objects != NULL && i < PyList_GET_SIZE(objects); i++) {
        note_file(PyList_GET_ITEM(objects, i), files);
    }
    Py_XDECREF(objects);
}

#if PY_VERSION_HEX >= 0x030C0000

static int
visit(PyObject *object, void *files)
{
    note_file(object, files);
    return 1;
}

/* A visit writes to every object, and so to every page of a snapshot, which has no open files. */
static void
find_files(struct files *files)
{
    if (snapshot_is_in_use()) {
        find_unfrozen_files(files);
    } else {
        PyUnstable_GC_VisitObjects(visit, files);
    }
}

#else

static void
find_files(struct files *files)
{
    find_unfrozen_files(files);
}

#endif

static void
flush_all(PyObject *files, PyTypeObject *type, bool of_type)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(files); i++) {
        PyObject *file = PyList_GET_ITEM(files, i);
        if (PyType_IsSubtype(Py_TYPE(file), type) == of_type && flush(file) < 0) {
            PyErr_Clear(); /* as where an object is finalised */
        }
    }
}

static PyTypeObject *
io_type(PyObject *io, enum name name)
{
    return io != NULL ? (PyTypeObject *)names_attribute(io, name) : NULL;
}

static void
flush_files(void)
{
    PyObject *io = names_module("_io");
    struct files files = {io_type(io, NAME_TEXT_WRAPPER), io_type(io, NAME_BUFFERED_WRITER),
                          io_type(io, NAME_BUFFERED_RANDOM), PyList_New(0)};
    Py_XDECREF(io);
    if (files.text != NULL && files.writer != NULL && files.random != NULL) {
        find_files(&files);
        if (files.found != NULL) {
            flush_all(files.found, files.text, true); /* into the buffers below them */
            flush_all(files.found, files.text, false);
        }
    }
    PyErr_Clear();
}

int
ending_finalise(void)
{
    let_program_end(); /* what Py_FinalizeEx does first, and then finds done */
    if (!finalisers_are_left()) {
        int status = flush_streams();
        flush_stream("__stdout__"); /* which the program may have put others in the place of */
        flush_stream("__stderr__");
        return status;
    }
    if (snapshot_is_in_use()) {
        snapshot_thaw();
    }
    startup_objects_settle();
    return Py_FinalizeEx();
}

int
ending_shorten(void)
{
    let_program_end();
    int status = flush_streams();
    flush_files();
    return status;
}
