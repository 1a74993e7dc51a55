/* Three ways of seeing: CPython's audit events, functions that are wrapped, and, for what code may
   change without calling anything, the state before and after. */
#include "trace_effects.h"

#include <fcntl.h>  /* O_ACCMODE */
#include <string.h> /* strcmp */

#include "packed.h"
#include "trace.h"

#define ACCESS_MODE 3 /* O_ACCMODE of the kernel */

/* Deeper imports are told as if they were the one at this depth. */
#define DEEPEST 256

enum effect {
    ATEXIT,
    BUILTINS,
    CODECS,
    COPYREG,
    ENVIRONMENT,
    FILES,
    HOOKS,
    IMPORTS,
    LIMITS,
    LOCALE,
    LOGGING,
    MODULES,
    NETWORK,
    OUTPUT,
    PROCESSES,
    SIGNALS,
    THREADS,
    WARNINGS,
    WORKING_DIRECTORY,
    EFFECT_COUNT
};

/* As profile/model.py has them. */
static const char *const effect_names[EFFECT_COUNT] = {
    [ATEXIT] = "atexit",
    [BUILTINS] = "builtins",
    [CODECS] = "codecs",
    [COPYREG] = "copyreg",
    [ENVIRONMENT] = "environment",
    [FILES] = "files",
    [HOOKS] = "hooks",
    [IMPORTS] = "imports",
    [LIMITS] = "limits",
    [LOCALE] = "locale",
    [LOGGING] = "logging",
    [MODULES] = "modules",
    [NETWORK] = "network",
    [OUTPUT] = "output",
    [PROCESSES] = "processes",
    [SIGNALS] = "signals",
    [THREADS] = "threads",
    [WARNINGS] = "warnings",
    [WORKING_DIRECTORY] = "working-directory",
};

/* The imports under way in this thread, and what has been told of each: a bit for each effect. No
   pointers to the stack: there are packages that switch stacks. */
static _Thread_local size_t depth;
static _Thread_local uint32_t seen[DEEPEST];

static void
tell(enum effect effect)
{
    if (depth == 0) {
        return;
    }
    uint32_t *innermost = &seen[(depth < DEEPEST ? depth : DEEPEST) - 1];
    if (!(*innermost & 1u << effect)) {
        *innermost |= 1u << effect;
        uint64_t now = trace_time();
        trace_event(TRACE_EFFECT, now, now, effect_names[effect]);
    }
}

void
effects_begin(void)
{
    if (depth++ < DEEPEST) {
        seen[depth - 1] = 0;
    }
}

void
effects_end(void)
{
    depth -= depth > 0;
}

void
effects_replaced(void)
{
    tell(MODULES);
}

/* --- audit events -------------------------------------------------------------------------- */

/* The names that begin with `event`; a dot at its end stands for all that follow. */
struct audited {
    const char *event;
    enum effect effect;
};

static const struct audited audited[] = {
    {"_thread.start_", THREADS},
    {"os.chdir", WORKING_DIRECTORY},
    {"os.chmod", FILES},
    {"os.chown", FILES},
    {"os.exec", PROCESSES},
    {"os.fork", PROCESSES},
    {"os.link", FILES},
    {"os.mkdir", FILES},
    {"os.posix_spawn", PROCESSES},
    {"os.putenv", ENVIRONMENT},
    {"os.remove", FILES},
    {"os.rename", FILES},
    {"os.rmdir", FILES},
    {"os.spawn", PROCESSES},
    {"os.symlink", FILES},
    {"os.system", PROCESSES},
    {"os.truncate", FILES},
    {"os.unsetenv", ENVIRONMENT},
    {"os.utime", FILES},
    {"pty.spawn", PROCESSES},
    {"resource.prlimit", LIMITS},
    {"resource.setrlimit", LIMITS},
    {"socket.", NETWORK},
    {"subprocess.Popen", PROCESSES},
    {"sys.addaudithook", HOOKS},
    {"sys.monitoring.register_callback", HOOKS},
    {"sys.setprofile", HOOKS},
    {"sys.settrace", HOOKS},
};

/* "open" is told with the path, the mode and the flags. */
static bool
opens_for_writing(PyObject *arguments)
{
    if (!PyTuple_Check(arguments) || PyTuple_GET_SIZE(arguments) != 3 ||
        !PyLong_Check(PyTuple_GET_ITEM(arguments, 2))) {
        return false;
    }
    PyObject *path = PyTuple_GET_ITEM(arguments, 0);
    if (PyUnicode_Check(path) && PyUnicode_CompareWithASCIIString(path, "/dev/null") == 0) {
        return false;
    }
    int overflow;
    long flags = PyLong_AsLongAndOverflow(PyTuple_GET_ITEM(arguments, 2), &overflow);
    return overflow == 0 && ((flags & ACCESS_MODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC));
}

static int
audit(const char *event, PyObject *arguments, void *data)
{
    (void)data;
    if (depth == 0) {
        return 0;
    }
    if (strcmp(event, "open") == 0) {
        if (opens_for_writing(arguments)) {
            tell(FILES);
        }
        return 0;
    }
    for (size_t i = 0; i < Py_ARRAY_LENGTH(audited); i++) {
        if (strncmp(event, audited[i].event, strlen(audited[i].event)) == 0) {
            tell(audited[i].effect);
        }
    }
    return 0;
}

int
effects_setup(void)
{
    return PySys_AddAuditHook(audit, NULL);
}

/* --- wrapped functions --------------------------------------------------------------------- */

struct watched {
    const char *module;
    const char *function;
    enum effect effect;
};

static const struct watched watched[] = {
    {"_codecs", "register", CODECS},  {"_codecs", "register_error", CODECS},
    {"_locale", "setlocale", LOCALE}, {"_signal", "set_wakeup_fd", SIGNALS},
    {"_signal", "signal", SIGNALS},   {"atexit", "register", ATEXIT},
};

/* Whether a call of setlocale only asks. */
static bool
only_asks(enum effect effect, PyObject *const *arguments, Py_ssize_t count)
{
    return effect == LOCALE && (count < 2 || arguments[1] == Py_None);
}

/* `self` is a tuple: the function itself, and its effect. */
static PyObject *
call_watched(PyObject *self, PyObject *const *arguments, Py_ssize_t count, PyObject *names)
{
    enum effect effect = (enum effect)PyLong_AsLong(PyTuple_GET_ITEM(self, 1));
    if (!only_asks(effect, arguments, count)) {
        tell(effect);
    }
    return PyObject_Vectorcall(PyTuple_GET_ITEM(self, 0), arguments, (size_t)count, names);
}

static PyMethodDef watched_definition = {"traced", (PyCFunction)(void (*)(void))call_watched,
                                         METH_FASTCALL | METH_KEYWORDS, NULL};

/* The dictionary of a loaded module, borrowed, or null; sets no exception. */
static PyObject *
namespace_of(const char *module)
{
    PyObject *modules = PyImport_GetModuleDict();
    PyObject *found = PyDict_Check(modules) ? PyDict_GetItemString(modules, module) : NULL;
    return found != NULL && PyModule_Check(found) ? PyModule_GetDict(found) : NULL;
}

static void
watch(PyObject *namespace, const struct watched *what)
{
    PyObject *function = PyDict_GetItemString(namespace, what->function); /* borrowed */
    PyObject *self = function ? Py_BuildValue("(Oi)", function, (int)what->effect) : NULL;
    PyObject *wrapper = self ? PyCFunction_New(&watched_definition, self) : NULL;
    if (wrapper != NULL) {
        PyDict_SetItemString(namespace, what->function, wrapper);
    }
    Py_XDECREF(wrapper);
    Py_XDECREF(self);
    PyErr_Clear();
}

void
effects_watch(const char *module)
{
    for (size_t i = 0; i < Py_ARRAY_LENGTH(watched); i++) {
        PyObject *namespace =
            strcmp(module, watched[i].module) == 0 ? namespace_of(module) : NULL; /* borrowed */
        if (namespace != NULL) {
            watch(namespace, &watched[i]);
        }
    }
}

/* --- states -------------------------------------------------------------------------------- */

/* What the state is summed up in; 0 stands for what does not exist yet. Objects count by their
   identity. */
typedef uint64_t state;

static state
add(state sum, const void *object)
{
    return ((sum ^ (uintptr_t)object) + 1) * 0x100000001b3u;
}

static state
add_list(state sum, PyObject *list)
{
    if (list == NULL || !PyList_Check(list)) {
        return list != NULL ? add(sum, list) : sum;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
        sum = add(sum, PyList_GET_ITEM(list, i));
    }
    return add(sum, list);
}

static state
state_of_imports(void)
{
    state sum = add_list(0, PySys_GetObject("path"));
    sum = add_list(sum, PySys_GetObject("meta_path"));
    return add_list(sum, PySys_GetObject("path_hooks"));
}

static state
state_of_hooks(void)
{
    state sum = add(0, PySys_GetObject("excepthook"));
    sum = add(sum, PySys_GetObject("displayhook"));
    return add(sum, PySys_GetObject("unraisablehook"));
}

static state
state_of_output(void)
{
    PyObject *error = PySys_GetObject("stderr"); /* the last one that the interpreter makes */
    state sum = add(0, PySys_GetObject("stdin"));
    return error != NULL ? add(add(sum, PySys_GetObject("stdout")), error) : 0;
}

static state
state_of_builtins(void)
{
    PyObject *builtins = PyEval_GetBuiltins(), *key, *value;
    Py_ssize_t position = 0;
    state sum = 0;
    while (builtins != NULL && PyDict_Next(builtins, &position, &key, &value)) {
        sum = add(sum, value);
    }
    return sum;
}

static state
state_of_warnings(void)
{
    PyObject *namespace = namespace_of("warnings");
    PyObject *show = namespace ? PyDict_GetItemString(namespace, "showwarning") : NULL;
    PyObject *format = namespace ? PyDict_GetItemString(namespace, "formatwarning") : NULL;
    PyObject *filters = show && format ? PyDict_GetItemString(namespace, "filters") : NULL;
    return filters != NULL ? add(add(add_list(0, filters), show), format) : 0;
}

static state
state_of_copyreg(void)
{
    PyObject *namespace = namespace_of("copyreg");
    PyObject *table = namespace ? PyDict_GetItemString(namespace, "dispatch_table") : NULL;
    PyObject *codes = namespace ? PyDict_GetItemString(namespace, "_extension_registry") : NULL;
    if (table == NULL || codes == NULL || !PyDict_Check(table) || !PyDict_Check(codes)) {
        return 0;
    }
    return 1 + (state)PyDict_Size(table) + (state)PyDict_Size(codes);
}

static state
state_of_limits(void)
{
    return 2 + (state)Py_GetRecursionLimit() * 2 + (state)PyGC_IsEnabled();
}

static state
state_of_logging(void)
{
    PyObject *namespace = namespace_of("logging");
    PyObject *root = namespace ? PyDict_GetItemString(namespace, "root") : NULL;
    PyObject *handlers = root ? PyObject_GetAttrString(root, "handlers") : NULL;
    PyObject *level = handlers ? PyObject_GetAttrString(root, "level") : NULL;
    state sum = level != NULL ? add(add_list(0, handlers), level) : 0;
    Py_XDECREF(handlers);
    Py_XDECREF(level);
    PyErr_Clear();
    return sum;
}

static const struct compared {
    enum effect effect;
    state (*state)(void);
} compared[] = {
    {BUILTINS, state_of_builtins}, {COPYREG, state_of_copyreg},   {HOOKS, state_of_hooks},
    {IMPORTS, state_of_imports},   {LIMITS, state_of_limits},     {LOGGING, state_of_logging},
    {OUTPUT, state_of_output},     {WARNINGS, state_of_warnings},
};

void
effects_compare(void)
{
    /* Not Py_ARRAY_LENGTH, which is no constant expression with 3.13. */
    static _Atomic(state) last[sizeof compared / sizeof *compared];
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        return; /* it has a state of its own */
    }
    for (size_t i = 0; i < Py_ARRAY_LENGTH(compared); i++) {
        state now = compared[i].state();
        state before = last[i];
        last[i] = now;
        if (before != 0 && now != before) {
            tell(compared[i].effect);
        }
    }
}
