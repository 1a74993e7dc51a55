/* The image's options -> PyPreConfig and PyConfig. */
#ifndef OXIDIZE_CONFIG_H
#define OXIDIZE_CONFIG_H

#include <Python.h>

#include "image.h"

/* What the executable is, as main found it out. */
struct invocation {
    int argc;
    char **argv;
    const char *executable;       /* absolute path: the root of the file tree, and sys.prefix */
    const char *interpreter_path; /* sys.executable, from the root; "" is the executable itself */
    const char *invoked;          /* the path it was started by: sys.argv[0] */
    bool interpreter;             /* it is to be sys.executable, and takes python's command line */
};

/* What is to be run. */
struct target {
    char module[1024]; /* as `python -m` runs it; empty: the packed module __main__ */
    bool anonymous;    /* __main__ is a command, as of `python -c`, and has no __file__ */
    bool self_test;    /* the environment asks for it, and it is built in: module is what does it */
    bool frozen;       /* look like other packagers' executables: sys.frozen, sys._MEIPASS */
};

/* Read what is to be run from the options. */
struct status config_target(const struct image *image, struct target *target);

/* Initialise Python, isolated from the machine it runs on: no environment variable, no site
   directory, no .pth file is read. On failure the returned status tells. An interpreter that is
   given the executable itself as a script is to run the target: invocation->interpreter becomes
   false. */
PyStatus config_initialise(const struct image *image, struct invocation *invocation);

#endif
