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

static void
tell(const char *introduction, const char *message)
{
    char line[5120];
    snprintf(line, sizeof line, "%s: %s%s\n", program, introduction, message);
    if (write(STDERR_FILENO, line, strlen(line)) < 0) {
        /* Nobody can be told; the exit status still says it. */
    }
}

void
status_die(struct status status)
{
    tell("damaged executable: ", status.fault);
    _exit(STATUS_DAMAGED);
}

void
status_end(int exit_status, const char *message)
{
    tell("", message);
    _exit(exit_status);
}
