/* System calls, without libc: there is none where this runs. They return what the kernel does, a
   negated errno on failure. */
#ifndef OXIDIZE_UNPACKER_SYSTEM_H
#define OXIDIZE_UNPACKER_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/syscall.h> /* SYS_mmap */

#if defined(__x86_64__)

static inline long
system_call(long number, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

#elif defined(__aarch64__)

static inline long
system_call(long number, long a, long b, long c, long d, long e, long f)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory");
    return x0;
}

#else
#error "no system calls are known for this processor"
#endif

static inline bool
system_failed(long result)
{
    return (unsigned long)result > -4096UL;
}

static inline long
system_map(uintptr_t address, size_t size, int protection, int flags, int descriptor, size_t offset)
{
    return system_call(SYS_mmap, (long)address, (long)size, protection, flags, descriptor,
                       (long)offset);
}

static inline long
system_unmap(uintptr_t address, size_t size)
{
    return system_call(SYS_munmap, (long)address, (long)size, 0, 0, 0, 0);
}

static inline long
system_protect(uintptr_t address, size_t size, int protection)
{
    return system_call(SYS_mprotect, (long)address, (long)size, protection, 0, 0, 0);
}

static inline long
system_advise(uintptr_t address, size_t size, int advice)
{
    return system_call(SYS_madvise, (long)address, (long)size, advice, 0, 0, 0);
}

_Noreturn static inline void
system_exit(int status)
{
    for (;;) {
        system_call(SYS_exit_group, status, 0, 0, 0, 0, 0);
    }
}

#endif
