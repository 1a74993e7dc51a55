#include "status.h"

#include <stdio.h>  /* snprintf */
#include <string.h> /* strlen */
#include <unistd.h> /* write, _exit */

static const char *program = "oxidize";

void
status_set_program(const char *path)
{
    program = path;
}

void
status_die(struct status status)
{
    char line[5120];
    snprintf(line, sizeof line, "%s: damaged executable: %s\n", program, status.fault);
    if (write(STDERR_FILENO, line, strlen(line)) < 0) {
        /* Nobody can be told; the exit status still says it. */
    }
    _exit(STATUS_DAMAGED);
}
