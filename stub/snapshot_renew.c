/* What Python finds out when it starts, and what a fork changes. Objects stay the same ones, since
   modules have kept them. All of it is C: code of Python would touch many pages more. */
#define _GNU_SOURCE
#include "snapshot_renew.h"

#include <errno.h>    /* errno */
#include <fcntl.h>    /* open */
#include <signal.h>   /* sigaction */
#include <stdio.h>    /* snprintf */
#include <stdlib.h>   /* getenv */
#include <string.h>   /* strchr */
#include <sys/stat.h> /* fstat */
#include <unistd.h>   /* environ, isatty */

#include "names.h"

/* --- containers ---------------------------------------------------------------------------- */

static bool
build_dict_anew(PyObject *dict)
{
    PyObject *items = PyDict_Items(dict);
    bool built = items != NULL;
    if (built) {
        PyDict_Clear(dict);
    }
    for (Py_ssize_t i = 0; built && i < PyList_GET_SIZE(items); i++) {
        PyObject *item = PyList_GET_ITEM(items, i);
        built = PyDict_SetItem(dict, PyTuple_GET_ITEM(item, 0), PyTuple_GET_ITEM(item, 1)) == 0;
    }
    Py_XDECREF(items);
    return built;
}

static bool
build_set_anew(PyObject *set)
{
    /* A class that is derived from it may have another way to iterate. */
    PyObject *iterator = PySet_Type.tp_iter(set);
    PyObject *members = iterator ? PySequence_List(iterator) : NULL;
    bool built = members != NULL && PySet_Clear(set) == 0;
    for (Py_ssize_t i = 0; built && i < PyList_GET_SIZE(members); i++) {
        built = PySet_Add(set, PyList_GET_ITEM(members, i)) == 0;
    }
    Py_XDECREF(members);
    Py_XDECREF(iterator);
    return built;
}

/* Sort what dicts and sets hold by hashes that have changed. */
static bool
build_containers_anew(PyObject *containers)
{
    bool built = true;
    for (Py_ssize_t i = 0; built && i < PyList_GET_SIZE(containers); i++) {
        PyObject *container = PyList_GET_ITEM(containers, i);
        built = PyDict_Check(container) ? build_dict_anew(container) : build_set_anew(container);
    }
    return built;
}

/* --- threads ------------------------------------------------------------------------------- */

static bool
set_number(PyObject *object, const char *name, unsigned long value)
{
    PyObject *number = PyLong_FromUnsignedLong(value);
    bool set = number != NULL && PyObject_SetAttrString(object, name, number) == 0;
    Py_XDECREF(number);
    return set;
}

/* `threads` is a tuple of threading's main thread and its dict of all, or None. */
static bool
renew_main_thread(PyObject *threads)
{
    if (threads == Py_None) {
        return true;
    }
    PyObject *thread = PyTuple_GET_ITEM(threads, 0), *active = PyTuple_GET_ITEM(threads, 1);
    PyObject *identity = PyLong_FromUnsignedLong(PyThread_get_thread_ident());
    PyDict_Clear(active);
    bool renewed = identity != NULL && PyObject_SetAttrString(thread, "_ident", identity) == 0 &&
                   set_number(thread, "_native_id", PyThread_get_thread_native_id()) &&
                   PyDict_SetItem(active, identity, thread) == 0;
    Py_XDECREF(identity);
    return renewed;
}

/* --- arguments and environment ------------------------------------------------------------- */

/* `lists` is a tuple of sys.argv and sys.orig_argv. */
static bool
set_arguments(PyObject *lists, const struct invocation *invocation)
{
    PyObject *arguments = PyList_New(invocation->argc);
    bool set = arguments != NULL;
    for (int i = 0; set && i < invocation->argc; i++) {
        const char *text = i == 0 ? invocation->invoked : invocation->argv[i];
        PyObject *argument = PyUnicode_DecodeFSDefault(text);
        set = argument != NULL;
        PyList_SET_ITEM(arguments, i, argument);
    }
    for (Py_ssize_t i = 0; set && i < PyTuple_GET_SIZE(lists); i++) {
        set = PyList_SetSlice(PyTuple_GET_ITEM(lists, i), 0, PY_SSIZE_T_MAX, arguments) == 0;
    }
    Py_XDECREF(arguments);
    return set;
}

static bool
set_variable(PyObject *dicts, const char *entry, size_t name_size)
{
    PyObject *name = PyBytes_FromStringAndSize(entry, (Py_ssize_t)name_size);
    PyObject *value = PyBytes_FromString(entry + name_size + 1);
    bool set = name != NULL && value != NULL;
    for (Py_ssize_t i = 0; set && i < PyTuple_GET_SIZE(dicts); i++) {
        /* The first one counts where a name occurs twice. */
        set = PyDict_SetDefault(PyTuple_GET_ITEM(dicts, i), name, value) != NULL;
    }
    Py_XDECREF(name);
    Py_XDECREF(value);
    return set;
}

/* `dicts` is a tuple of posix.environ and the one that os.environ has. */
static bool
set_environment(PyObject *dicts)
{
    bool set = true;
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(dicts); i++) {
        PyDict_Clear(PyTuple_GET_ITEM(dicts, i));
    }
    for (char **entry = environ; set && entry != NULL && *entry != NULL; entry++) {
        const char *equals = strchr(*entry, '=');
        set = equals == NULL || set_variable(dicts, *entry, (size_t)(equals - *entry));
    }
    return set;
}

/* --- standard streams ---------------------------------------------------------------------- */

struct streams {
    PyObject *file_type;    /* io.FileIO */
    PyObject *usual_buffer; /* io.DEFAULT_BUFFER_SIZE */
    const char *errors;
};

static bool
call_init(PyObject *object, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    PyObject *tuple = Py_VaBuildValue(format, arguments);
    va_end(arguments);
    bool done = tuple != NULL && Py_TYPE(object)->tp_init(object, tuple, NULL) == 0;
    Py_XDECREF(tuple);
    return done;
}

static bool
set_attribute(PyObject *object, enum name name, PyObject *value)
{
    PyObject *text = names_get(name);
    return text != NULL && PyObject_SetAttr(object, text, value) == 0;
}

/* Set both names of a stream that this process does not have. */
static bool
leave_out_stream(const char *name)
{
    char original[16];
    snprintf(original, sizeof original, "__%s__", name);
    return PySys_SetObject(name, Py_None) == 0 && PySys_SetObject(original, Py_None) == 0;
}

static bool
open_file(const struct streams *streams, int descriptor, const char *name, PyObject *buffer,
          PyObject **opened)
{
    char bracketed[16];
    snprintf(bracketed, sizeof bracketed, "<%s>", name);
    PyObject *file = PyObject_CallFunction(streams->file_type, "isO", descriptor,
                                           descriptor == 0 ? "rb" : "wb", Py_False);
    PyObject *text = PyUnicode_FromString(bracketed);
    PyObject *size = file != NULL ? names_attribute(file, NAME_BLOCK_SIZE) : NULL;
    bool done = size != NULL && text != NULL && set_attribute(file, NAME_NAME, text);
    if (done && buffer != Py_None) {
        bool known = PyLong_AsLong(size) > 1;
        done = call_init(buffer, "(OO)", file, known ? size : streams->usual_buffer);
    }
    Py_XDECREF(size);
    Py_XDECREF(text);
    *opened = file;
    return done;
}

/* Make a standard stream as Python does when it starts. `known` has the stream, its buffer or None,
   its encoding, how it takes errors or None, and whether it writes through. */
static bool
open_stream(const struct streams *streams, int descriptor, const char *name, PyObject *known)
{
    struct stat about;
    if (fstat(descriptor, &about) != 0) {
        return leave_out_stream(name);
    }
    PyObject *stream = PyTuple_GET_ITEM(known, 0), *buffer = PyTuple_GET_ITEM(known, 1);
    PyObject *encoding = PyTuple_GET_ITEM(known, 2), *errors = PyTuple_GET_ITEM(known, 3);
    PyObject *through = PyTuple_GET_ITEM(known, 4), *file;
    if (!open_file(streams, descriptor, name, buffer, &file)) {
        Py_XDECREF(file);
        if (!PyErr_ExceptionMatches(PyExc_OSError)) {
            return false;
        }
        PyErr_Clear();
        return leave_out_stream(name);
    }
    bool by_lines = through == Py_False && (descriptor == 2 || isatty(descriptor));
    errors = errors != Py_None ? Py_NewRef(errors) : PyUnicode_FromString(streams->errors);
    PyObject *mode = PyUnicode_FromString(descriptor == 0 ? "r" : "w");
    bool opened = errors != NULL && mode != NULL &&
                  call_init(stream, "(OOOsOO)", buffer != Py_None ? buffer : file, encoding, errors,
                            "\n", by_lines ? Py_True : Py_False, through) &&
                  set_attribute(stream, NAME_MODE, mode);
    Py_XDECREF(mode);
    Py_XDECREF(errors);
    Py_DECREF(file);
    return opened;
}

static bool
open_streams(const struct streams *streams, PyObject *known)
{
    static const char *const names[] = {"stdin", "stdout", "stderr"};
    bool opened = true;
    for (int i = 0; opened && i < (int)Py_ARRAY_LENGTH(names); i++) {
        opened = open_stream(streams, i, names[i], PyTuple_GET_ITEM(known, i));
    }
    return opened;
}

/* --- signals ------------------------------------------------------------------------------- */

static bool
is_ignored(int number)
{
    struct sigaction action;
    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static bool
handle(PyObject *function, int number, PyObject *handler)
{
    PyObject *previous = PyObject_CallFunction(function, "iO", number, handler);
    Py_XDECREF(previous);
    return previous != NULL;
}

/* Handle signals as Python does when it starts: what is ignored by then stays so. `handlers` is a
   list of numbers with handlers, `function` is signal.signal. */
static bool
set_handlers(PyObject *function, PyObject *handlers)
{
    bool set = true;
    PyObject *ignore = PyLong_FromVoidPtr((void *)SIG_IGN);
    for (Py_ssize_t i = 0; set && i < PyList_GET_SIZE(handlers); i++) {
        PyObject *known = PyList_GET_ITEM(handlers, i);
        int number = (int)PyLong_AsLong(PyTuple_GET_ITEM(known, 0));
        set = is_ignored(number) || handle(function, number, PyTuple_GET_ITEM(known, 1));
    }
    for (int number = 1; set && ignore != NULL && number < NSIG; number++) {
        if (number == SIGPIPE || number == SIGXFSZ || is_ignored(number)) {
            set = handle(function, number, ignore);
        }
    }
    Py_XDECREF(ignore);
    return set && ignore != NULL;
}

/* --- what modules know of the process ------------------------------------------------------ */

/* Set a variable: `place` has the dict that it is in and its name. Takes over `value`. */
static bool
set_in(PyObject *place, PyObject *value)
{
    bool set = value != NULL &&
               PyDict_SetItem(PyTuple_GET_ITEM(place, 0), PyTuple_GET_ITEM(place, 1), value) == 0;
    Py_XDECREF(value);
    return set;
}

static PyObject *
current_directory(void)
{
    PyObject *os = PyImport_ImportModule("os");
    PyObject *directory = os ? PyObject_CallMethod(os, "getcwd", NULL) : NULL;
    Py_XDECREF(os);
    if (directory == NULL && PyErr_ExceptionMatches(PyExc_OSError)) {
        PyErr_Clear();
        directory = Py_NewRef(Py_None);
    }
    return directory;
}

static PyObject *
current_time(void)
{
    PyObject *time = PyImport_ImportModule("time");
    const char *function =
        PY_VERSION_HEX >= 0x030D0000 ? "time_ns" : "time"; /* as logging has it */
    PyObject *now = time ? PyObject_CallMethod(time, function, NULL) : NULL;
    Py_XDECREF(time);
    return now;
}

static PyObject *
make_secret(PyObject *kind)
{
    PyObject *os = PyImport_ImportModule("os");
    PyObject *bytes = os ? PyObject_CallMethod(os, "urandom", "i", 32) : NULL;
    PyObject *secret = bytes ? PyObject_CallOneArg(kind, bytes) : NULL;
    Py_XDECREF(bytes);
    Py_XDECREF(os);
    return secret;
}

/* `places` has tuples of places: of current directories, of times, and of secrets with a type each.
 */
static bool
renew_modules(PyObject *places)
{
    PyObject *directories = PyTuple_GET_ITEM(places, 0), *times = PyTuple_GET_ITEM(places, 1);
    PyObject *secrets = PyTuple_GET_ITEM(places, 2);
    bool renewed = true;
    for (Py_ssize_t i = 0; renewed && i < PyTuple_GET_SIZE(directories); i++) {
        renewed = set_in(PyTuple_GET_ITEM(directories, i), current_directory());
    }
    for (Py_ssize_t i = 0; renewed && i < PyTuple_GET_SIZE(times); i++) {
        renewed = set_in(PyTuple_GET_ITEM(times, i), current_time());
    }
    for (Py_ssize_t i = 0; renewed && i < PyTuple_GET_SIZE(secrets); i++) {
        PyObject *place = PyTuple_GET_ITEM(secrets, i);
        renewed = set_in(place, make_secret(PyTuple_GET_ITEM(place, 2)));
    }
    return renewed;
}

/* --- the time zone ------------------------------------------------------------------------- */

/* Whether the zone is that of `known`, the content of the system's file (empty if there is none),
   or None. */
static bool
is_known_zone(PyObject *known)
{
    char content[1 << 10];
    if (known == Py_None || getenv("TZ") != NULL) {
        return false;
    }
    int descriptor = open("/etc/localtime", O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        return errno == ENOENT && PyBytes_GET_SIZE(known) == 0;
    }
    ssize_t size = read(descriptor, content, sizeof content);
    close(descriptor);
    return size > 0 && size < (ssize_t)sizeof content && size == PyBytes_GET_SIZE(known) &&
           memcmp(content, PyBytes_AS_STRING(known), (size_t)size) == 0;
}

static bool
set_zone(PyObject *tzset, PyObject *known)
{
    PyObject *done = is_known_zone(known) ? Py_NewRef(Py_None) : PyObject_CallNoArgs(tzset);
    Py_XDECREF(done);
    return done != NULL;
}

/* --- all of it ----------------------------------------------------------------------------- */

/* What _snapshot.py has collected. */
struct collected {
    PyObject *containers, *environments, *arguments, *streams, *signal, *handlers, *threads;
    PyObject *tzset, *zone, *modules;
};

static bool
unpack(PyObject *renewed, struct collected *to, struct streams *streams)
{
    return PyArg_ParseTuple(renewed, "OOO(OO)O(OO)O(OO)O", &to->containers, &to->environments,
                            &to->arguments, &streams->file_type, &streams->usual_buffer,
                            &to->streams, &to->signal, &to->handlers, &to->threads, &to->tzset,
                            &to->zone, &to->modules);
}

/* These leave nothing behind if they are done once more. */

static bool
renew_given(const struct collected *collected, const struct invocation *invocation)
{
    return set_environment(collected->environments) &&
           set_arguments(collected->arguments, invocation);
}

static bool
renew_process(const struct collected *collected, const struct streams *streams)
{
    return open_streams(streams, collected->streams) &&
           set_handlers(collected->signal, collected->handlers);
}

/* Python has a table of threads that wait, and wipes it after a fork: four pages. Nobody waits
   here. The linker's --wrap lets its call come here; link.py finds the name by this. */
#define WRAPPED(name) __wrap_##name

static bool renewing;

void __real__PyParkingLot_AfterFork(void) __attribute__((weak));
void __wrap__PyParkingLot_AfterFork(void);

void
WRAPPED(_PyParkingLot_AfterFork)(void)
{
    if (!renewing) {
        __real__PyParkingLot_AfterFork();
    }
}

bool
snapshot_renew(PyObject *renewed, const struct invocation *invocation, const char *stream_errors)
{
    struct streams streams = {.errors = stream_errors};
    struct collected collected;
    if (!unpack(renewed, &collected, &streams) || !build_containers_anew(collected.containers) ||
        !renew_main_thread(collected.threads) || !renew_given(&collected, invocation)) {
        return false; /* functions of os.register_at_fork may use what is given */
    }
    PyOS_BeforeFork();
    renewing = true;
    PyOS_AfterFork_Child();
    renewing = false;
    return renew_process(&collected, &streams) && renew_modules(collected.modules) &&
           set_zone(collected.tzset, collected.zone);
}

/* Whether there was no exception. Takes over `result`. */
static bool
is_done(PyObject *result)
{
    Py_XDECREF(result);
    return result != NULL;
}

/* Let it be used as by a program and by the end of the process. Nobody reads what it writes. */
static bool
use_stream(PyObject *stream)
{
    PyObject *write = names_get(NAME_WRITE), *text = PyUnicode_FromString("\n");
    bool used =
        write != NULL && text != NULL && is_done(PyObject_CallMethodOneArg(stream, write, text)) &&
        is_done(names_attribute(stream, NAME_CLOSED)) && is_done(names_call(stream, NAME_FLUSH));
    Py_XDECREF(text);
    return used;
}

/* Look names up that are looked up in other objects of these types. */
static bool
use_types(PyObject *main_code)
{
    PyObject *flags = PySys_GetObject("flags"); /* borrowed */
    PyObject *exit = PyObject_CallNoArgs(PyExc_SystemExit);
    bool used = flags != NULL && exit != NULL && is_done(names_attribute(flags, NAME_INSPECT)) &&
                is_done(names_attribute(exit, NAME_CODE));
    Py_XDECREF(exit);
    PyObject *names = main_code ? PyObject_GetAttrString(main_code, "co_names") : NULL;
    PyObject *module = PyImport_AddModule("__main__"); /* borrowed */
    for (Py_ssize_t i = 0; names != NULL && module != NULL && i < PyTuple_GET_SIZE(names); i++) {
        PyObject *value = PyObject_GetAttr(module, PyTuple_GET_ITEM(names, i));
        Py_XDECREF(value);
        PyErr_Clear();
    }
    Py_XDECREF(names);
    return used;
}

bool
snapshot_rehearse(PyObject *renewed, PyObject *main_code, const struct invocation *invocation)
{
    struct streams streams = {.errors = "surrogateescape"};
    struct collected collected;
    bool done = unpack(renewed, &collected, &streams) && renew_given(&collected, invocation) &&
                renew_process(&collected, &streams) && use_types(main_code);
    for (Py_ssize_t i = 1; done && i < PyTuple_GET_SIZE(collected.streams); i++) {
        done = use_stream(PyTuple_GET_ITEM(PyTuple_GET_ITEM(collected.streams, i), 0));
    }
    for (Py_ssize_t i = 0; done && i < PyTuple_GET_SIZE(collected.environments); i++) {
        PyDict_Clear(PyTuple_GET_ITEM(collected.environments, i));
    }
    return done;
}
