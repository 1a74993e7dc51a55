/* Objects of a snapshot that are not counted, so that their pages stay shared. */
#ifndef OXIDIZE_SNAPSHOT_IMMORTAL_H
#define OXIDIZE_SNAPSHOT_IMMORTAL_H

#include <Python.h>

#include <stdbool.h>

/* Of a list of `objects`, and what they hold, make those immortal of which that makes no
   difference. False: there is too little memory. */
bool snapshot_immortalise(PyObject *objects);

#endif
