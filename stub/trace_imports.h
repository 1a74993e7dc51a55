/* The imports of a traced build, of every kind of module: importlib's function through which all of
   them go is wrapped. */
#ifndef OXIDIZE_TRACE_IMPORTS_H
#define OXIDIZE_TRACE_IMPORTS_H

/* For this interpreter. Returns -1 with an exception set. */
int trace_imports_install(void);

#endif
