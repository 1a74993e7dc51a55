/* The flow at run time: find the image, configure and start Python, run the target, and end as
   `python` would. */
#include "run.h"

#include <Python.h>

#include <unistd.h> /* isatty */

#include "ahead.h"
#include "config.h"
#include "ending.h"
#include "fallbacks.h"
#include "finder.h"
#include "module_list.h"
#include "names.h"
#include "os.h"
#include "placed.h"
#include "programs.h"
#include "running.h"
#include "snapshot.h"
#include "snapshot_guard.h"
#include "snapshot_make.h"
#include "snapshot_paths.h"
#include "startup_objects.h"
#include "trace.h"
#include "trace_effects.h"
#include "tree.h"

/* Paths inside the executable must fit into PATH_MAX with this before them. */
#define LONGEST_EXECUTABLE_PATH 2048

/* These stay for as long as the process: the tree refers to them. */
static struct image image;
static char executable[LONGEST_EXECUTABLE_PATH];

static struct status
open_image(void)
{
    struct cursor bytes;
    if (!os_find_image(&bytes)) {
        return status_fault("the image is cut short");
    }
    struct status status = image_open(bytes, &image);
    /* Bytecode belongs to a minor version: compare that much of the two. */
    if (!status_failed(status) && image.python_version >> 16 != PY_VERSION_HEX >> 16) {
        return status_fault("its image is made for another version of Python");
    }
    return status;
}

/* --- the target ---------------------------------------------------------------------------- */

static PyObject *
run_module(const char *name)
{
    PyObject *runpy = PyImport_ImportModule("runpy");
    PyObject *result =
        runpy ? PyObject_CallMethod(runpy, "_run_module_as_main", "sO", name, Py_True) : NULL;
    Py_XDECREF(runpy);
    return result;
}

/* Give __main__ the attributes that it has when python runs a script, or a command. */
static PyObject *
prepare_main(PyObject *loader, bool anonymous)
{
    PyObject *module = PyImport_AddModule("__main__"); /* borrowed */
    PyObject *namespace = module ? PyModule_GetDict(module) : NULL;
    PyObject *path = PyObject_CallMethod(loader, "get_filename", "s", "__main__");
    if (namespace == NULL || path == NULL ||
        (!anonymous && PyDict_SetItemString(namespace, "__file__", path) < 0) ||
        PyDict_SetItemString(namespace, "__loader__", loader) < 0) {
        namespace = NULL;
    }
    Py_XDECREF(path);
    return namespace;
}

static PyObject *
load_main(bool anonymous)
{
    PyObject *loader = finder_main_loader();
    PyObject *namespace = loader ? prepare_main(loader, anonymous) : NULL;
    PyObject *code = namespace ? PyObject_CallMethod(loader, "get_code", "s", "__main__") : NULL;
    Py_XDECREF(loader);
    return code;
}

static PyObject *
run_main(bool anonymous)
{
    PyObject *code = Py_XNewRef(snapshot_main_code());
    code = code != NULL ? code : load_main(anonymous);
    PyObject *module = code ? PyImport_AddModule("__main__") : NULL; /* borrowed */
    PyObject *namespace = module ? PyModule_GetDict(module) : NULL;
    PyObject *result = namespace ? PyEval_EvalCode(code, namespace, namespace) : NULL;
    Py_XDECREF(code);
    return result;
}

static PyObject *
run_target(const struct target *target)
{
    return target->module[0] ? run_module(target->module) : run_main(target->anonymous);
}

/* --- children of a frozen program ---------------------------------------------------------- */

/* Where sys.frozen is set, multiprocessing starts sys.executable with arguments of its own, and
   sys.executable is the program. To run the target then would start children without end. */

static bool
begins_with(const char *text, const char *beginning)
{
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

/* A helper that is started with code: it wants an interpreter. */
static bool
is_helper(int argc, char **argv)
{
    static const char *const beginnings[] = {
        "from multiprocessing.resource_tracker import main",
        "from multiprocessing.forkserver import main",
        "import sys; from multiprocessing.forkserver import main", /* 3.14 */
        "from multiprocessing.spawn import spawn_main",
    };
    for (int option = 1; option + 1 < argc; option++) {
        for (size_t i = 0; i < Py_ARRAY_LENGTH(beginnings); i++) {
            if (strcmp(argv[option], "-c") == 0 && begins_with(argv[option + 1], beginnings[i])) {
                return true;
            }
        }
    }
    return false;
}

static bool
is_worker(int argc, char **argv)
{
    return argc >= 2 && strcmp(argv[1], "--multiprocessing-fork") == 0;
}

static PyObject *
run_worker(void)
{
    PyObject *spawn = PyImport_ImportModule("multiprocessing.spawn");
    PyObject *result = spawn ? PyObject_CallMethod(spawn, "freeze_support", NULL) : NULL;
    Py_XDECREF(spawn);
    return result;
}

/* Find out by which path the executable was started, and whether as an interpreter. */
static void
find_executable(struct invocation *invocation)
{
    char path[LONGEST_EXECUTABLE_PATH];
    if (!os_executable_path(path, sizeof path, &invocation->invoked)) {
        status_die(status_fault("its path is too long"));
    }
    invocation->child = programs_take_mark(path, executable, sizeof executable);
    if (!invocation->child) {
        strcpy(executable, path);
    }
    if (os_has_more_rights()) {
        invocation->child = false; /* or any user could run any code with them */
    }
    status_set_program(executable);
}

static bool
flag(enum name name)
{
    PyObject *flags = PySys_GetObject("flags"); /* borrowed */
    PyObject *value = flags ? names_attribute(flags, name) : NULL;
    bool is_set = value != NULL && PyObject_IsTrue(value) == 1;
    Py_XDECREF(value);
    PyErr_Clear();
    return is_set;
}

/* Whether there is a REPL when the target has ended, as with `python -i`. */
static bool
is_inspected(void)
{
    return flag(NAME_INSPECT) && (isatty(STDIN_FILENO) || flag(NAME_INTERACTIVE));
}

/* End as Py_RunMain does, or with `fast` in the shortened way. `result` is null if an exception is
   set; with `inspected` not even SystemExit ends the program. */
static int
finish(PyObject *result, bool inspected, bool fast)
{
    int exit_status = 0;
    bool interrupted = false;
    if (result == NULL && (inspected || !ending_take_system_exit(&exit_status))) {
        interrupted = PyErr_ExceptionMatches(PyExc_KeyboardInterrupt);
        PyErr_Print();
        snapshot_die_if_damaged();
        exit_status = 1;
    }
    Py_XDECREF(result);
    if (is_inspected()) {
        return Py_RunMain(); /* which has nothing to run but a REPL */
    }
    if ((fast && !inspected ? ending_shorten() : ending_finalise()) < 0) {
        exit_status = 120; /* buffered output was lost */
    }
    return interrupted ? os_die_of_interrupt() : exit_status;
}

/* Start Python; what it imports is known of programs only. */
static void
initialise(struct invocation *invocation, bool is_program)
{
    os_run_constructors(false);
    if (is_program) {
        ahead_begin(&image);
    }
    if (finder_setup() < 0 || (trace_is_on && effects_setup() < 0)) {
        Py_ExitStatusException(PyStatus_NoMemory());
    }
    if (!invocation->makes_snapshot) { /* what is started from it has no start-up of its own */
        startup_objects_setup();
    }
    PyStatus status = config_initialise(&image, invocation);
    if (PyStatus_Exception(status)) {
        Py_ExitStatusException(status); /* also the regular end of --help and --version */
    }
}

/* --- snapshots ------------------------------------------------------------------------------- */

/* A step of the build: the executable makes a snapshot, by a name that it will not be called by. */
_Noreturn static void
make_snapshot(struct invocation *invocation, const struct target *target)
{
    char *arguments[] = {SNAPSHOT_ROOT, NULL}, **given = invocation->argv;
    if (invocation->argc != 4) {
        status_die(status_fault("it is a step of a build, and no program"));
    }
    strcpy(executable, SNAPSHOT_ROOT);
    tree_setup(&image, executable);
    *invocation = (struct invocation){.argc = 1,
                                      .argv = arguments,
                                      .executable = executable,
                                      .interpreter_path = invocation->interpreter_path,
                                      .invoked = executable,
                                      .makes_snapshot = true};
    os_run_constructors(false); /* before the arena is there: the state is to be the usual one */
    snapshot_make_begin();
    initialise(invocation, false);
    PyObject *code = target->module[0] ? NULL : load_main(target->anonymous);
    if (PyErr_Occurred()) {
        PyErr_Print();
        status_die(status_fault("its main module cannot be loaded"));
    }
    snapshot_make(given, code);
}

int
oxidize_run(int argc, char **argv)
{
    struct target target;
    struct invocation invocation = {.argc = argc, .argv = argv, .executable = executable};
    find_executable(&invocation);
    status_die_if_failed(open_image());
    status_die_if_failed(config_target(&image, &target));
    tree_setup(&image, executable);
    if (target.traced) {
        trace_setup(executable);
    }
    status_die_if_failed(fallbacks_setup(&image));
    placed_setup(&image, executable);
    invocation.interpreter_path = target.frozen ? "" : PROGRAMS_INTERPRETER;
    bool may_help = target.frozen && !os_has_more_rights();
    invocation.child |= may_help && is_helper(argc, argv);
    invocation.interpreter = invocation.child || target.python;
    if (target.snapshot_make && !invocation.child) {
        make_snapshot(&invocation, &target);
    }
    bool worker = may_help && is_worker(argc, argv);
    bool is_program =
        !target.traced && !invocation.interpreter && !target.python && !target.self_test && !worker;
    if (!is_program || !snapshot_restore(&image, &invocation)) {
        initialise(&invocation, is_program);
        os_release_contents(&image);
        if (is_program) {
            startup_objects_put_aside();
        }
    }
    module_list_setup(target.modules_directory);
    if (invocation.interpreter || target.python) {
        return Py_RunMain();
    }
    bool inspected = flag(NAME_INSPECT);
    running_begin();
    PyObject *result = worker ? run_worker() : run_target(&target);
    running_end();
    return finish(result, inspected, target.fast_exit);
}
