/* The end of the process, and the shortened one that a setting asks for. */
#ifndef OXIDIZE_ENDING_H
#define OXIDIZE_ENDING_H

#include <stdbool.h>

/* If the exception that is set is SystemExit: clear it, print what is to be printed, and give the
   exit status as python would. */
bool ending_take_system_exit(int *exit_status);

/* As Py_FinalizeEx, but that objects are left to the kernel where nobody can tell. */
int ending_finalise(void);

/* Do what Py_FinalizeEx does as long as programs take part in it, and flush files that are open.
   Returns -1 if buffered output was lost. Python stays as it is, and its lock held: the process is
   to end. */
int ending_shorten(void);

#endif
