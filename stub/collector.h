/* Start-up without garbage collections: what interpreters and modules are made of is no garbage. */
#ifndef OXIDIZE_COLLECTOR_H
#define OXIDIZE_COLLECTOR_H

#include <Python.h>

#include <stdbool.h>
#include <stdint.h>

/* Before Python is initialised, its allocators being set: no collection happens until
   collector_setup. */
void collector_hold(void);

/* Once there is an interpreter that can import: `most` is how often collector_spare may do
   something. */
void collector_setup(uint32_t most);

/* Count all objects that exist as old ones, which have survived collections, without collecting. */
void collector_spare(void);

/* As gc.freeze() and gc.unfreeze(). False if there are frozen objects already, or no such
 * functions. */
bool collector_freeze(void);
void collector_unfreeze(void);

/* A list of all objects that the collector looks at, and so without frozen ones; null with an
   exception set. */
PyObject *collector_objects(void);

/* Let the collector look at frozen objects again, whoever has frozen them. */
void collector_unfreeze_all(void);

/* No collection happens between these two: no Python code may run. */
bool collector_pause(void);
void collector_resume(bool paused);

#endif
