#define _GNU_SOURCE
#include "late.h"

#include <dlfcn.h>   /* dlsym */
#include <errno.h>   /* errno */
#include <stdbool.h> /* bool */
#include <string.h>  /* strcmp */

#include "os.h"
#include "status.h"

struct late_function {
    const char *name;
    const char *library;
};

/* Defined by what late.py generates, if there is any such function. */
extern const struct late_function late_functions[] __attribute__((weak));
extern const size_t late_function_count __attribute__((weak));
extern void *late_slots[] __attribute__((weak));

static void *
load(const char *library)
{
    return os_dlopen(library, RTLD_NOW | RTLD_GLOBAL);
}

void
late_load(void)
{
    static bool loaded;
    const char *previous = "";
    size_t count = &late_function_count != NULL && !loaded ? late_function_count : 0;
    loaded = true;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(late_functions[i].library, previous) != 0) {
            previous = late_functions[i].library;
            load(previous);
        }
    }
}

/* Whoever calls a function of mathematics looks at errno afterwards, and has set it before. */
void *
late_resolve(size_t number)
{
    const struct late_function *function = &late_functions[number];
    int error = errno;
    void *library = load(function->library);
    void *found = library != NULL ? dlsym(library, function->name) : NULL;
    if (found == NULL) {
        status_die(status_fault("a function of the system's libraries is not there"));
    }
    late_slots[number] = found;
    errno = error;
    return found;
}
