/* The list of all modules that are loaded at the end, for who asks for it. */
#ifndef OXIDIZE_MODULE_LIST_H
#define OXIDIZE_MODULE_LIST_H

#include "image.h"

/* If there is an environment variable of that name and it holds a directory, arrange that the names
   in sys.modules are written to a file of their own there when the interpreter ends. No name is
   empty. To be called when Python is initialised. Nothing that goes wrong prevents the program. */
void module_list_setup(struct text variable);

#endif
