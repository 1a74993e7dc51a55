/* What became of an operation, returned by value; and the end when it cannot be mended. */
#ifndef OXIDIZE_STATUS_H
#define OXIDIZE_STATUS_H

#include <stdbool.h>

/* sysexits.h's EX_SOFTWARE: the executable itself is damaged. */
#define STATUS_DAMAGED 70

/* `fault` is null when all went well; else a phrase that says what is wrong. */
struct status {
    const char *fault;
};

static inline struct status
status_ok(void)
{
    return (struct status){0};
}

static inline struct status
status_fault(const char *fault)
{
    return (struct status){fault};
}

static inline bool
status_failed(struct status status)
{
    return status.fault != 0;
}

/* The file that messages name; the text is not copied. */
void status_set_program(const char *path);

/* Write one line that names the file and the fault, and end the process with STATUS_DAMAGED.
   Works before Python exists, and whatever state Python is in. */
_Noreturn void status_die(struct status status);

/* sysexits.h's EX_OSFILE and EX_CANTCREAT: a file beside the executable is missing, and no place
   was found for those that it unpacks. */
#define STATUS_INCOMPLETE 72
#define STATUS_NO_PLACE 73

/* The same where the executable itself is sound: a line with the message, and that status. */
_Noreturn void status_end(int exit_status, const char *message);

static inline void
status_die_if_failed(struct status status)
{
    if (status_failed(status)) {
        status_die(status);
    }
}

#endif
