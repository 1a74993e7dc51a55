/* The whole contract with the operating system. One implementation for each system. */
#ifndef OXIDIZE_OS_H
#define OXIDIZE_OS_H

#include <stdbool.h>
#include <stddef.h>

#include "image.h"

/* Store the path of the running executable, absolute where that can be found out, in `path`,
   whose capacity is `capacity` bytes. `invoked` is the path it was started by, as the system
   passed it on; it lives as long as the process. Works without /proc. False: path too long. */
bool os_executable_path(char *path, size_t capacity, const char **invoked);

/* Whether the program has more rights than the user who started it (set-user-ID and the like). */
bool os_has_more_rights(void);

/* Find the image that is mapped with the executable. Its pages are known to be readable: a file
   that was cut short gives false here, and no SIGBUS later. */
bool os_find_image(struct cursor *image);

/* Where the image that os_find_image has found begins in the executable's file. */
uint64_t os_image_offset(void);

/* Unmap the pages of all contents that have been read, which count as the process's memory. Whoever
   looks at them again has them again. */
void os_release_contents(const struct image *image);

/* This content has been read, and is hardly needed again: once there are many, unmap them. */
void os_release_content(const struct stored *content);

/* Serialise the loading of libraries; the same thread may enter several times. */
void os_lock_libraries(void);
void os_unlock_libraries(void);

/* The system's own dlopen, which this executable replaces by that of library.c. */
void *os_dlopen(const char *path, int flags);
char *os_dlerror(void);

/* Load a shared library of the image, whose content has not been checked: from the executable's own
   file where that can be done, else from a copy in memory, after checking it. `path` is where it
   stands in the tree and `serial` is a number that no other library has. Null on failure; *reason
   then says what prevented it, or is null where os_dlerror tells. */
void *os_load_library(const struct stored *content, const char *path, unsigned serial, int flags,
                      const char **reason);

/* A shared library in memory: what os_load_library takes. */
struct os_library {
    struct stored content;
    const char *path;
    unsigned serial;
    void *handle; /* as os_load_circle leaves it: null if it was not loaded */
};

/* Load libraries that need each other in a circle, and fill in their handles. `serial` is one more
   number of that kind. *reason is as above. */
void os_load_circle(struct os_library *members, size_t count, unsigned serial, int flags,
                    const char **reason);

/* The path of the shared library whose code this is; null if it is the executable's. */
const char *os_library_of(void (*code)(void));

/* Memory of whole huge pages, if the kernel has some for those who ask, else of as many small ones.
   `size` is a power of two. Null if there is none. */
void *os_map_huge(size_t size);
void os_unmap(void *memory, size_t size);

/* What C has run before main, libpython and the libraries not excepted, may be left undone by then:
   do it before they are used. Where a snapshot has their variables, only do what is not of them. */
void os_run_constructors(bool variables_are_saved);

/* Call `run` in a thread, the only one of the stub's own, on another processor than this one. False
   if there is no other one, or there can be no thread. Before the process forks, or does what it
   may not do with more than one thread, the thread has ended: it is to look often whether it
   should. */
bool os_begin_helper(void (*run)(void));
bool os_helper_is_to_end(void);

/* End the process the way an interrupt (Ctrl-C) that nobody handled ends it. */
int os_die_of_interrupt(void);

#endif
