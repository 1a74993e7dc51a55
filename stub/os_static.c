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
