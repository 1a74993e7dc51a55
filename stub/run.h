#ifndef OXIDIZE_RUN_H
#define OXIDIZE_RUN_H

/* Run the program in the executable's image and return its exit status. */
int oxidize_run(int argc, char **argv);

#endif
