/* Where the main thread's stack is, with glibc. */
#define _GNU_SOURCE
#include <pthread.h>      /* pthread_getattr_np */
#include <stdbool.h>      /* bool */
#include <stdint.h>       /* uintptr_t */
#include <string.h>       /* strlen */
#include <sys/auxv.h>     /* getauxval */
#include <sys/resource.h> /* getrlimit */
#include <sys/syscall.h>  /* SYS_gettid */
#include <unistd.h>       /* getpid */

/* The linker's --wrap: libpython's call of it comes here. link.py finds the name by this. */
#define WRAPPED(name) __wrap_##name

/* The kernel leaves that much for the stack, where its limit is not higher. */
#define SURE_STACK ((rlim_t)128 << 20)

int __real_pthread_getattr_np(pthread_t thread, pthread_attr_t *attributes);
int __wrap_pthread_getattr_np(pthread_t thread, pthread_attr_t *attributes);

/* From 3.14 on Python asks for the bounds of the stack when it starts, and libc reads
   /proc/self/maps for those of the main thread. But the kernel puts the program's name at the
   stack's end, and the limit says how far it may grow. */
int
WRAPPED(pthread_getattr_np)(pthread_t thread, pthread_attr_t *attributes)
{
    struct rlimit limit;
    const char *name = (const char *)getauxval(AT_EXECFN);
    bool is_main = getpid() == (pid_t)syscall(SYS_gettid) && pthread_equal(thread, pthread_self());
    if (!is_main || name == NULL || getrlimit(RLIMIT_STACK, &limit) != 0 ||
        limit.rlim_cur > SURE_STACK) {
        return __real_pthread_getattr_np(thread, attributes);
    }
    const uintptr_t page = 4096;
    uintptr_t end = ((uintptr_t)name + strlen(name) + page) & -page;
    size_t size = limit.rlim_cur & -page;
    int error = pthread_attr_init(attributes);
    if (error == 0) {
        pthread_attr_setguardsize(attributes, 0);
        error = pthread_attr_setstack(attributes, (void *)(end - size), size);
    }
    return error;
}
