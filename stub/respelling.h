/* sys.executable in the arguments of programs outside of the tree: nobody but this process knows
   its path, so the marked spelling, which the kernel understands, is put in its place. */
#ifndef OXIDIZE_RESPELLING_H
#define OXIDIZE_RESPELLING_H

#include <stdbool.h>
#include <stddef.h>

/* Whether any argument of the list, which ends with null or is null, names something in the tree.
 */
bool respelling_applies(char *const *arguments);

/* How many bytes respell needs for these arguments. */
size_t respelled_size(char *const *arguments);

/* Copy the arguments into `memory`, which is aligned for pointers, with sys.executable respelled.
 */
char **respell(char *const *arguments, void *memory);

#endif
