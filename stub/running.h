/* Who asks an interpreter whether it runs its main module is told so. */
#ifndef OXIDIZE_RUNNING_H
#define OXIDIZE_RUNNING_H

/* Around the target, as Py_RunMain has it: concurrent.interpreters' is_running() and
   sys.remote_exec ask. */
void running_begin(void);
void running_end(void);

#endif
