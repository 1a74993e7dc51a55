/* Starting programs whose path leads into the executable's tree. */
#ifndef OXIDIZE_PROGRAMS_H
#define OXIDIZE_PROGRAMS_H

#include <stdbool.h>
#include <stddef.h>

#include "image_format.h"

/* sys.executable, from the root of the tree. Whoever starts it gets this executable as a plain
   Python interpreter with the packed modules; the file in the tree is for those who look first. */
#define PROGRAMS_INTERPRETER IMAGE_INTERPRETER_PATH

/* What the kernel is given in its place: the executable's own path, spelled in a way in which
   nobody else spells it. A program that is started by this spelling is to be the interpreter. */
#define PROGRAMS_MARK IMAGE_INTERPRETER_MARK

/* If `invoked` has the mark, take it out and return true. The result, in `path`, may be the same
   text. False with *path unchanged where it has none. */
bool programs_take_mark(const char *invoked, char *path, size_t capacity);

/* Write the executable's own path with the mark, and return it. */
const char *programs_marked_path(char *path, size_t capacity);

#endif
