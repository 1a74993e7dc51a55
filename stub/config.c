#include "config.h"

#include <limits.h>   /* PATH_MAX */
#include <stdio.h>    /* snprintf */
#include <stdlib.h>   /* wcstombs */
#include <sys/stat.h> /* stat */

#include "allocators.h"
#include "arenas.h"
#include "collector.h"
#include "config_fields.h"
#include "os.h"
#include "placed.h"

/* --- what to run --------------------------------------------------------------------------- */

static struct status
set_module(struct target *target, struct text name)
{
    if (name.size >= sizeof target->module) {
        return status_fault("the name of the module to run is too long");
    }
    memcpy(target->module, name.data, name.size);
    target->module[name.size] = '\0';
    return status_ok();
}

static bool
wants_self_test(void)
{
    const char *value = os_has_more_rights() ? NULL : getenv(IMAGE_SELF_TEST_SWITCH);
    return value != NULL && value[0] != '\0';
}

static struct status
apply_to_target(void *context, const struct image_option *option, struct text text)
{
    struct target *target = context;
    switch (option->key) {
    case IMAGE_OPTION_RUN_MAIN:
        target->anonymous = option->number == IMAGE_MAIN_KIND_ANONYMOUS;
        break;
    case IMAGE_OPTION_RUN_MODULE:
        return target->self_test ? status_ok() : set_module(target, text);
    case IMAGE_OPTION_RUN_PYTHON:
        target->python = !target->self_test;
        break;
    case IMAGE_OPTION_SELF_TEST:
        target->self_test = wants_self_test();
        target->python = target->python && !target->self_test;
        return target->self_test ? set_module(target, text) : status_ok();
    case IMAGE_OPTION_SNAPSHOT_MAKE:
        target->snapshot_make = option->number != 0;
        break;
    case IMAGE_OPTION_FROZEN:
        target->frozen = true;
        break;
    case IMAGE_OPTION_TRACE:
        target->traced = !os_has_more_rights();
        break;
    case IMAGE_OPTION_PRUNED_BY:
        target->pruned = true;
        break;
    case IMAGE_OPTION_MODULES_DIRECTORY:
        target->modules_directory = text;
        break;
    case IMAGE_OPTION_FAST_EXIT:
        target->fast_exit = true;
        break;
    case IMAGE_OPTION_LAZY_IMPORTS:
        target->lazy_imports = true;
        break;
    }
    return status_ok();
}

struct status
config_target(const struct image *image, struct target *target)
{
    *target = (struct target){0};
    return image_for_each_option(image, apply_to_target, target);
}

/* --- initialisation ------------------------------------------------------------------------------
 */

/* What python takes from the command line before everything else (-X utf8, -X dev, -I) is for the
   interpreter only: an application's arguments are its own. */
static PyStatus
preinitialise(const struct image *image, const struct invocation *invocation)
{
    PyPreConfig preconfig;
    /* Not PyPreConfig_InitIsolatedConfig: it leaves the locale alone, and python does not. */
    PyPreConfig_InitPythonConfig(&preconfig);
    preconfig.parse_argv = invocation->interpreter;
    preconfig.isolated = !invocation->interpreter;
    preconfig.use_environment = 0;
    /* In the C locale python sets LC_CTYPE, which its children inherit. UTF-8 mode does as well. */
    preconfig.coerce_c_locale = 0;
    preconfig.coerce_c_locale_warn = 0;
    status_die_if_failed(config_fields_before(image, invocation->child, &preconfig));
    if (invocation->makes_snapshot) {
        preconfig.allocator = PYMEM_ALLOCATOR_MALLOC; /* which memory.c knows how to save */
    }
    PyStatus status = Py_PreInitializeFromBytesArgs(&preconfig, invocation->argc, invocation->argv);
    if (!PyStatus_Exception(status)) {
        status_die_if_failed(allocators_setup(image));
        status_die_if_failed(arenas_setup(image));
        collector_hold();
    }
    return status;
}

static void
set_flags(PyConfig *config, bool interpreter)
{
    config->use_environment = 0;
    config->user_site_directory = 0;
    config->site_import = 0;
    config->isolated = !interpreter; /* it may be told so by -I */
    config->safe_path = !interpreter;
    config->parse_argv = interpreter;
    config->pathconfig_warnings = 0;
    config->write_bytecode = 0; /* nothing is written unless the application writes it */
}

/* Set *member to the path `root`, such as the executable's, followed by `below`. */
static PyStatus
set_path(PyConfig *config, wchar_t **member, const char *root, struct text below)
{
    char path[PATH_MAX];
    int size = snprintf(path, sizeof path, "%s%s%.*s", root, below.size ? "/" : "", (int)below.size,
                        below.data);
    if (size < 0 || (size_t)size >= sizeof path) {
        return PyStatus_Error("the executable's path is too long");
    }
    return PyConfig_SetBytesString(config, member, path);
}

static PyStatus
append_search_path(PyConfig *config, const char *root, struct text below)
{
    wchar_t *path = NULL;
    PyStatus status = set_path(config, &path, root, below);
    if (!PyStatus_Exception(status)) {
        status = PyWideStringList_Append(&config->module_search_paths, path);
    }
    PyMem_RawFree(path);
    return status;
}

/* What is being configured, and how that went. */
struct configuration {
    PyConfig *config;
    const char *executable;
    PyStatus status;
};

static struct status
apply_to_config(void *context, const struct image_option *option, struct text text)
{
    struct configuration *c = context;
    if (PyStatus_Exception(c->status)) {
        return status_ok();
    }
    if (option->key == IMAGE_OPTION_STDLIB_DIRECTORY) {
        c->status = set_path(c->config, &c->config->stdlib_dir, c->executable, text);
    } else if (option->key == IMAGE_OPTION_SEARCH_PATH) {
        c->status = append_search_path(c->config, c->executable, text);
    } else if (option->key == IMAGE_OPTION_SEARCH_BESIDE ||
               option->key == IMAGE_OPTION_SEARCH_EXTRACTED) {
        c->status = append_search_path(c->config, placed_root(option->key), text);
    }
    return status_ok();
}

static PyStatus
apply_options(PyConfig *config, const struct image *image, const char *executable)
{
    struct configuration configuration = {config, executable, PyStatus_Ok()};
    status_die_if_failed(image_for_each_option(image, apply_to_config, &configuration));
    return configuration.status;
}

/* Give every path, so that there is nothing left for Python to look for on the disk. */
static PyStatus
set_paths(PyConfig *config, const char *executable, const char *interpreter)
{
    wchar_t **const prefixes[] = {&config->home, &config->prefix, &config->exec_prefix,
                                  &config->base_prefix, &config->base_exec_prefix};
    wchar_t **const interpreters[] = {&config->executable, &config->base_executable,
                                      &config->program_name};
    PyStatus status = PyStatus_Ok();
    for (size_t i = 0; i < Py_ARRAY_LENGTH(prefixes) && !PyStatus_Exception(status); i++) {
        status = set_path(config, prefixes[i], executable, text_of(""));
    }
    for (size_t i = 0; i < Py_ARRAY_LENGTH(interpreters) && !PyStatus_Exception(status); i++) {
        status = set_path(config, interpreters[i], executable, text_of(interpreter));
    }
    config->module_search_paths_set = 1;
    return status;
}

static PyStatus
set_arguments(PyConfig *config, const struct invocation *invocation)
{
    char **argv = invocation->argv;
    char *given = argv[0];
    if (!invocation->interpreter) {
        argv[0] = (char *)invocation->invoked;
    }
    PyStatus status = PyConfig_SetBytesArgv(config, invocation->argc, argv);
    argv[0] = given;
    return status;
}

static bool
is_same_file(const char *path, const char *executable)
{
    struct stat a, b;
    return stat(path, &a) == 0 && stat(executable, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

static bool
any_argument_is(const struct invocation *invocation, const char *executable)
{
    for (int i = 1; i < invocation->argc; i++) {
        if (is_same_file(invocation->argv[i], executable)) {
            return true;
        }
    }
    return false;
}

/* A program that starts itself anew does so by sys.executable and sys.argv. */
static bool
runs_itself(const PyConfig *config, const char *executable)
{
    char script[PATH_MAX];
    return config->run_filename != NULL &&
           wcstombs(script, config->run_filename, sizeof script) < sizeof script &&
           is_same_file(script, executable);
}

/* Where the command line may say to run this executable, have Python read it to find out. Not
   otherwise: Python reads it once more when it is initialised, and by then has forgotten some. */
static PyStatus
read_command_line(PyConfig *config, struct invocation *invocation)
{
    if (!any_argument_is(invocation, invocation->executable)) {
        return PyStatus_Ok();
    }
    PyStatus status = PyConfig_Read(config);
    if (!PyStatus_Exception(status) && runs_itself(config, invocation->executable)) {
        PyMem_RawFree(config->run_filename);
        config->run_filename = NULL;
        config->safe_path = 1;
        invocation->interpreter = false;
    }
    return status;
}

/* Python has taken the options of its own from an application's command line, which was to have
   them (parse_argv). What is left says what to run, in the place of the target, unless it is
   nothing: sys.argv[0] is empty then. */
static PyStatus
settle_arguments(struct invocation *invocation)
{
    PyObject *argv = PySys_GetObject("argv"); /* borrowed */
    PyObject *first = argv != NULL && PyList_Check(argv) && PyList_GET_SIZE(argv) > 0
                          ? PyList_GET_ITEM(argv, 0)
                          : NULL;
    if (first == NULL || PyUnicode_GetLength(first) != 0) {
        invocation->interpreter = true;
        return PyStatus_Ok();
    }
    PyObject *invoked = PyUnicode_DecodeFSDefault(invocation->invoked);
    return invoked != NULL && PyList_SetItem(argv, 0, invoked) == 0 ? PyStatus_Ok()
                                                                    : PyStatus_NoMemory();
}

PyStatus
config_initialise(const struct image *image, struct invocation *invocation)
{
    PyStatus status = preinitialise(image, invocation);
    if (PyStatus_Exception(status)) {
        return status;
    }
    PyConfig config;
    PyConfig_InitPythonConfig(&config);
    set_flags(&config, invocation->interpreter);
    status = set_paths(&config, invocation->executable, invocation->interpreter_path);
    if (!PyStatus_Exception(status)) {
        status = apply_options(&config, image, invocation->executable);
    }
    if (!PyStatus_Exception(status)) {
        status = config_fields_after(image, invocation->child, invocation->executable, &config);
    }
    if (!PyStatus_Exception(status)) {
        status = set_arguments(&config, invocation);
    }
    if (invocation->makes_snapshot) {
        config.use_hash_seed = 1; /* the same input is to give the same snapshot */
        config.hash_seed = (unsigned long)(image->identity & UINT32_MAX);
    }
    /* Before a command line that runs this executable makes it no interpreter. */
    bool shares_arguments = config.parse_argv && !invocation->interpreter;
    if (!PyStatus_Exception(status) && invocation->interpreter) {
        status = read_command_line(&config, invocation);
    }
    if (!PyStatus_Exception(status)) {
        status = Py_InitializeFromConfig(&config);
    }
    if (!PyStatus_Exception(status) && shares_arguments) {
        status = settle_arguments(invocation);
    }
    PyConfig_Clear(&config);
    return status;
}
