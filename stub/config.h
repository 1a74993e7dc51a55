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
    bool child;                   /* it is sys.executable, not the application */
    bool interpreter;             /* it takes python's command line, and runs what that says */
    bool makes_snapshot;          /* a step of the build: see snapshot_make.h */
};

/* What is to be run. */
struct target {
    char module[1024]; /* as `python -m` runs it; empty: the packed module __main__ */
    bool python;       /* neither, but what the command line says, or a REPL */
    bool anonymous;    /* __main__ is a command, as of `python -c`, and has no __file__ */
    bool self_test;    /* the environment asks for it, and it is built in: module is what does it */
    bool traced;       /* it is a traced build */
    bool pruned;       /* modules have been left out by a profile */
    bool frozen;       /* look like other packagers' executables: sys.frozen, sys._MEIPASS */
    bool fast_exit;    /* end without taking the interpreter to pieces */
    bool lazy_imports; /* packed code is compiled for lazy.c */
    struct text modules_directory; /* the environment variable of module_list.h, or empty */
    bool snapshot_make;            /* nothing is run, but a snapshot is made */
};

/* Read what is to be run from the options. */
struct status config_target(const struct image *image, struct target *target);

/* Initialise Python, isolated from the machine it runs on unless the image says otherwise: no
   environment variable, no site directory, no .pth file is read. On failure the returned status
   tells. An interpreter that is given the executable itself as a script is to run the target:
   invocation->interpreter becomes false. It becomes true where the application takes python's
   command line and that says what to run. */
PyStatus config_initialise(const struct image *image, struct invocation *invocation);

#endif
