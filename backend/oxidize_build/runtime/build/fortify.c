/* What glibc's _FORTIFY_SOURCE makes of two functions. Debian compiles clang's profiling runtime
   with it, and musl does not have them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

int __fprintf_chk(FILE *stream, int flag, const char *format, ...);
int __snprintf_chk(char *text, size_t size, int flag, size_t capacity, const char *format, ...);

int
__fprintf_chk(FILE *stream, int flag, const char *format, ...)
{
    va_list arguments;
    (void)flag;
    va_start(arguments, format);
    int written = vfprintf(stream, format, arguments);
    va_end(arguments);
    return written;
}

int
__snprintf_chk(char *text, size_t size, int flag, size_t capacity, const char *format, ...)
{
    va_list arguments;
    (void)flag;
    (void)capacity;
    va_start(arguments, format);
    int written = vsnprintf(text, size, format, arguments);
    va_end(arguments);
    return written;
}
