/* What libpython and the libraries linked with it have libc remember: keys of thread-specific
   data, and what is called at exit and at a fork. It is noted as it happens, since libc can't be
   asked for it, and done again in a process that starts from a snapshot. */
#ifndef OXIDIZE_REGISTRATIONS_H
#define OXIDIZE_REGISTRATIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MOST_REGISTRATIONS = 64 };

enum registration_kind {
    REGISTERED_KEY = 1,  /* number: the key; functions[0]: its destructor */
    REGISTERED_EXIT = 2, /* functions[0] */
    REGISTERED_FORK = 3, /* functions: before, in the parent, in the child */
};

struct registration {
    uint32_t kind; /* a registration_kind */
    uint32_t number;
    uint64_t functions[3];
    uint64_t value; /* of a key: what this thread has under it */
};

/* Copy what has been registered; returns how many there are, or SIZE_MAX if it were too many. */
size_t registrations_list(struct registration *list, size_t capacity);

/* Register what is in `list` and has not been registered in this process. False if a key is not
   to be had, or what was registered before main differs; nothing is then left changed. */
bool registrations_repeat(const struct registration *list, size_t count);

/* Give keys their values. */
void registrations_set_values(const struct registration *list, size_t count);

#endif
