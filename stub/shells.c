/* The functions of libc that give a command to a shell. It may name sys.executable. */
#define _GNU_SOURCE
#include <stdio.h>  /* popen */
#include <stdlib.h> /* system */
#include <string.h> /* strdup */

#include "interpose.h"
#include "respelling.h"

/* Return the command with sys.executable respelled, to be freed, or null without memory. */
static char *
respell_command(const char *command)
{
    char *const arguments[] = {(char *)command, NULL};
    void *memory = malloc(respelled_size(arguments));
    if (memory == NULL) {
        return NULL;
    }
    char *respelled = strdup(respell(arguments, memory)[0]);
    free(memory);
    return respelled;
}

EXPORT int
INTERPOSED(system)(const char *command)
{
    typedef int function(const char *);
    NEXT(function, system)
    if (!respelling_applies((char *const[]){(char *)command, NULL})) {
        return next(command);
    }
    char *respelled = respell_command(command);
    int result = respelled ? next(respelled) : -1;
    free(respelled);
    return result;
}

EXPORT FILE *
INTERPOSED(popen)(const char *command, const char *mode)
{
    typedef FILE *function(const char *, const char *);
    NEXT(function, popen)
    if (!respelling_applies((char *const[]){(char *)command, NULL})) {
        return next(command, mode);
    }
    char *respelled = respell_command(command);
    FILE *result = respelled ? next(respelled, mode) : NULL;
    free(respelled);
    return result;
}
