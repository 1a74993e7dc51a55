/* Make a snapshot of this process: at build time, in an executable that does nothing else. */
#ifndef OXIDIZE_SNAPSHOT_MAKE_H
#define OXIDIZE_SNAPSHOT_MAKE_H

#include <Python.h>

/* Before Python is touched: let it allocate what will be saved. Ends the process where no snapshot
   can be made. */
void snapshot_make_begin(void);

/* Let the packed module _oxidize_snapshot do the imports, then write the snapshot into the file
   argv[1]. argv[2] tells the module what to do, and argv[3] what may not be in the snapshot. What
   prevents it is written to stderr, a line each. Does not return. */
_Noreturn void snapshot_make(char **argv, PyObject *main_code);

#endif
