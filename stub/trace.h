/* A traced build tells what it imports, and which packed files and libraries it uses, in the order
   in which that happens. Others have all this too, and do nothing of it: the image's option TRACE
   and the directory beside the executable that it speaks of have to be there. */
#ifndef OXIDIZE_TRACE_H
#define OXIDIZE_TRACE_H

#include <stdbool.h>
#include <stdint.h>

/* Tell in the directory that belongs to `executable`, if there is one. What the process tells stays
   there however it ends, and its children tell as well. To be called after tree_setup. */
void trace_setup(const char *executable);

extern bool trace_is_on;

/* Nanoseconds, of a clock that only goes forward. */
uint64_t trace_time(void);

/* Events, by letter. Text that has control characters in it is no name, and not told. */
#define TRACE_BEGIN 'I'  /* an import begins */
#define TRACE_END 'i'    /* the import that began last in this thread ends */
#define TRACE_FAILED 'x' /* likewise, in an exception */
#define TRACE_CODE 'C'   /* the code of a module is asked for */
#define TRACE_EFFECT                                                                               \
    'E' /* the body of the module that is being imported does something to note                    \
         */

/* What happened, if it may cost time: from `from` to `to` tracing itself was at work. */
void trace_event(char letter, uint64_t from, uint64_t to, const char *text);

/* A packed file is used, by its node; shared libraries when they are loaded. Told once each. */
void trace_tell_file(uint32_t node);
void trace_tell_library(uint32_t node);

static inline void
trace_file(uint32_t node)
{
    if (__builtin_expect(trace_is_on, false)) {
        trace_tell_file(node);
    }
}

static inline void
trace_library(uint32_t node)
{
    if (__builtin_expect(trace_is_on, false)) {
        trace_tell_library(node);
    }
}

static inline void
trace_code(const char *name)
{
    if (__builtin_expect(trace_is_on, false)) {
        uint64_t now = trace_time();
        trace_event(TRACE_CODE, now, now, name);
    }
}

#endif
