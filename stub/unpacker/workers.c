#define _GNU_SOURCE
#include "workers.h"

#include <sched.h> /* CLONE_VM */

#include "system.h"

#define FUTEX_WAIT 0
#define LIKE_A_THREAD                                                                              \
    (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |            \
     CLONE_CHILD_CLEARTID)

enum { WORDS = 128, WORD_BITS = 8 * sizeof(unsigned long) }; /* as many as any kernel knows */

/* The processors that this process may use: a bit for each. */
struct processors {
    unsigned long words[WORDS];
    long size; /* in bytes, of what the kernel has told; negative if it has not */
};

static struct processors
allowed_processors(void)
{
    struct processors allowed = {.size = 0};
    allowed.size =
        system_call(SYS_sched_getaffinity, 0, sizeof allowed.words, (long)allowed.words, 0, 0, 0);
    return allowed;
}

static unsigned
count_processors(const struct processors *processors)
{
    unsigned count = 0;
    for (long i = 0; i < processors->size / (long)sizeof *processors->words; i++) {
        for (unsigned long rest = processors->words[i]; rest != 0; rest &= rest - 1) {
            count++;
        }
    }
    return count;
}

unsigned
workers_processors(void)
{
    struct processors allowed = allowed_processors();
    return count_processors(&allowed);
}

/* A new thread may be put to the processor of the one that begins it, though others are idle, and
   wait there for milliseconds: as long as there is work. */
static void
keep_off_this_processor(long thread)
{
    struct processors others = allowed_processors();
    unsigned processor = 0;
    if (system_failed(system_call(SYS_getcpu, (long)&processor, 0, 0, 0, 0, 0)) ||
        processor / WORD_BITS >= WORDS) {
        return;
    }
    others.words[processor / WORD_BITS] &= ~(1UL << processor % WORD_BITS);
    if (count_processors(&others) > 0) {
        system_call(SYS_sched_setaffinity, thread, others.size, (long)others.words, 0, 0, 0);
    }
}

__attribute__((used)) static void
run(struct worker *worker)
{
    worker->run(worker->argument, worker->memory);
}

/* The new thread has a stack with nothing on it but the worker; it never returns from here. */
static long
begin(struct worker *worker, void **top)
{
    long result;
    *--top = worker;
    *--top = worker; /* twice: a stack is aligned to 16 bytes */
#if defined(__x86_64__)
    register uint32_t *cleared __asm__("r10") = &worker->is_alive;
    __asm__ volatile("syscall\n\t"
                     "test %%eax, %%eax\n\t"
                     "jnz 1f\n\t"
                     "xor %%ebp, %%ebp\n\t"
                     "mov (%%rsp), %%rdi\n\t"
                     "call *%[run]\n\t"
                     "xor %%edi, %%edi\n\t"
                     "mov %[exit], %%eax\n\t"
                     "syscall\n"
                     "1:"
                     : "=a"(result)
                     : "0"((long)SYS_clone), "D"((long)LIKE_A_THREAD), "S"(top), "d"(0L),
                       "r"(cleared), [run] "b"(run), [exit] "i"(SYS_exit)
                     : "rcx", "r11", "memory");
#else
    register long x8 __asm__("x8") = SYS_clone;
    register long x0 __asm__("x0") = LIKE_A_THREAD;
    register void *x1 __asm__("x1") = top;
    register long x2 __asm__("x2") = 0;
    register long x3 __asm__("x3") = 0;
    register uint32_t *x4 __asm__("x4") = &worker->is_alive;
    __asm__ volatile("svc 0\n\t"
                     "cbnz x0, 1f\n\t"
                     "mov x29, xzr\n\t"
                     "ldr x0, [sp]\n\t"
                     "blr %[run]\n\t"
                     "mov x0, xzr\n\t"
                     "mov x8, %[exit]\n\t"
                     "svc 0\n"
                     "1:"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3),
                       "r"(x4), [run] "r"(run), [exit] "i"(SYS_exit)
                     : "x30", "memory");
    result = x0;
#endif
    return result;
}

void
workers_begin(struct worker *worker, void *stack)
{
    worker->is_alive = 1;
    long thread = begin(worker, (void **)((char *)stack + WORKER_STACK));
    if (system_failed(thread)) {
        worker->is_alive = 0;
    } else {
        keep_off_this_processor(thread);
    }
}

void
workers_wait(struct worker *worker)
{
    while (__atomic_load_n(&worker->is_alive, __ATOMIC_ACQUIRE) != 0) {
        system_call(SYS_futex, (long)&worker->is_alive, FUTEX_WAIT, 1, 0, 0, 0);
    }
}
