#ifndef OXIDIZE_UNPACKER_ENDING_H
#define OXIDIZE_UNPACKER_ENDING_H

enum {
    STATUS_DAMAGED = 70,      /* as in ../status.h */
    STATUS_NOT_POSSIBLE = 71, /* EX_OSERR of sysexits.h: the system does not allow what is needed */
    STATUS_NO_INTERPRETER = 127
};

/* Write one line to the standard error output, and end the process. */
_Noreturn void end(const char *program, int status, const char *message, const char *detail);

#endif
