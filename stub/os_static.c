/* What libc has for shared libraries, in a static executable: it has no dynamic loader, so the
   only thing that can be opened is the program itself. */
#include <dlfcn.h>  /* dlopen */
#include <stddef.h> /* NULL */
#include <stdio.h>  /* snprintf */
#include <stdlib.h> /* bsearch */
#include <string.h> /* strcmp */

#include "os.h"

/* The C API, in order of the names: link.py makes this table of what libpython exports. */
struct symbol {
    const char *name;
    const void *address;
};
extern const struct symbol oxidize_symbols[];
extern const size_t oxidize_symbol_count;

/* What dlopen(NULL) gives: a handle of the program. */
static const char program[] = "the program";

static _Thread_local char failure[512];
static _Thread_local const char *pending; /* what dlerror is to tell */

void *
dlopen(const char *path, int flags)
{
    (void)flags;
    if (path == NULL) {
        return (void *)program;
    }
    snprintf(failure, sizeof failure,
             "%s: this executable is fully static and cannot load shared libraries", path);
    pending = failure;
    return NULL;
}

static int
compare_name(const void *name, const void *symbol)
{
    return strcmp(name, ((const struct symbol *)symbol)->name);
}

void *
dlsym(void *restrict handle, const char *restrict name)
{
    (void)handle;
    const struct symbol *found =
        bsearch(name, oxidize_symbols, oxidize_symbol_count, sizeof *oxidize_symbols, compare_name);
    if (found != NULL) {
        return (void *)found->address;
    }
    snprintf(failure, sizeof failure, "this executable is fully static and does not export %s",
             name);
    pending = failure;
    return NULL;
}

char *
dlerror(void)
{
    char *message = (char *)pending;
    pending = NULL;
    return message;
}

int
dlclose(void *handle)
{
    (void)handle;
    return 0;
}

const char *
os_library_of(void (*code)(void))
{
    (void)code;
    return NULL;
}

/* --- before main --------------------------------------------------------------------------- */

extern void _init(void);
extern void (*const __init_array_start)(void), (*const __init_array_end)(void);

/* musl's own is weak, and runs the constructors. They make libraries look at the machine, in many
   pages. In a process that starts from a snapshot that has been done: so they wait until it is
   known whether this one does. */
void __libc_start_init(void);

void
__libc_start_init(void)
{
}

/* What OpenSSL finds out of the processor, which is not saved, it does in _init. */
void
os_run_constructors(bool variables_are_saved)
{
    static bool done;
    if (done) {
        return;
    }
    done = true;
    _init();
    for (void (*const *at)(void) = &__init_array_start;
         !variables_are_saved && at != &__init_array_end; at++) {
        (*at)();
    }
}
