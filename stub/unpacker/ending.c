#include "ending.h"

#include <sys/uio.h> /* struct iovec */

#include "system.h"

static struct iovec
part(const char *text)
{
    size_t size = 0;
    while (text[size] != '\0') {
        size++;
    }
    return (struct iovec){(void *)text, size};
}

_Noreturn void
end(const char *program, int status, const char *message, const char *detail)
{
    const int standard_error = 2;
    struct iovec line[] = {part(program), part(": "), part(message), part(detail), part("\n")};
    system_call(SYS_writev, standard_error, (long)line, sizeof line / sizeof *line, 0, 0, 0);
    system_exit(status);
}
