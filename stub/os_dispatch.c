/* dlopen of a file in memory without /proc. */
#define _GNU_SOURCE
#include <fcntl.h>       /* F_DUPFD_CLOEXEC */
#include <pthread.h>     /* pthread_sigmask */
#include <signal.h>      /* sigset_t, SIGSYS */
#include <sys/prctl.h>   /* PR_SET_SYSCALL_USER_DISPATCH */
#include <sys/syscall.h> /* SYS_openat */
#include <unistd.h>      /* syscall */

#include "os.h"
#include "os_linux.h"

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_OFF 0
#define PR_SYS_DISPATCH_ON 1
#endif

#ifdef __x86_64__

/* Syscall user dispatch (Linux 5.11) turns the system calls of one thread into SIGSYS, but for
   those made by code in one range. While the loader looks for its files, the handler answers its
   openat with a duplicate of the memory file and passes on whatever else it asks for. Nothing of
   it is left when the last one has been opened. */

__asm__(".pushsection .text.oxidize_gate, \"ax\", @progbits\n"
        "oxidize_gate_begin:\n"
        ".type oxidize_gate, @function\n"
        "oxidize_gate:\n" /* long oxidize_gate(number, six arguments) */
        "    movq %rdi, %rax\n"
        "    movq %rsi, %rdi\n"
        "    movq %rdx, %rsi\n"
        "    movq %rcx, %rdx\n"
        "    movq %r8, %r10\n"
        "    movq %r9, %r8\n"
        "    movq 8(%rsp), %r9\n"
        "    syscall\n"
        "    ret\n"
        "oxidize_gate_return:\n" /* where the signal handler returns to: rt_sigreturn */
        "    movl $15, %eax\n"
        "    syscall\n"
        "    nop\n"
        "oxidize_gate_end:\n"
        ".popsection\n");

__attribute__((visibility("hidden"))) extern const char oxidize_gate_begin[], oxidize_gate_end[];
__attribute__((visibility("hidden"))) extern void oxidize_gate_return(void);
__attribute__((visibility("hidden"))) extern long oxidize_gate(long number, long, long, long, long,
                                                               long, long);

/* The kernel's own structure, which lets us name the code that a handler returns to. */
struct kernel_action {
    void (*handler)(int, siginfo_t *, void *);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

#define KERNEL_SA_RESTORER 0x04000000

static struct {
    const struct linux_file *files;
    size_t count;
    size_t opened; /* how many of them have been */
    sigset_t mask; /* of the thread, as it was */
} served;

static long
set_dispatch(long mode)
{
    long begin = mode == PR_SYS_DISPATCH_ON ? (long)oxidize_gate_begin : 0;
    long size = mode == PR_SYS_DISPATCH_ON ? oxidize_gate_end - oxidize_gate_begin : 0;
    return oxidize_gate(SYS_prctl, PR_SET_SYSCALL_USER_DISPATCH, mode, begin, size, 0, 0);
}

static bool
is_same(const char *wanted, const char *path)
{
    while (*wanted != '\0' && *wanted == *path) {
        wanted++;
        path++;
    }
    return *wanted == *path;
}

/* The descriptor that is to be found at `path`, or -1. */
static int
served_descriptor(const char *path)
{
    for (size_t i = 0; i < served.count; i++) {
        if (is_same(served.files[i].path, path)) {
            return served.files[i].descriptor;
        }
    }
    return -1;
}

static void
on_system_call(int signal_number, siginfo_t *info, void *context)
{
    (void)signal_number;
    ucontext_t *interrupted = context;
    greg_t *r = interrupted->uc_mcontext.gregs;
    long number = info->si_syscall;
    int descriptor = number == SYS_openat ? served_descriptor((const char *)r[REG_RSI]) : -1;
    if (descriptor >= 0) {
        r[REG_RAX] = oxidize_gate(SYS_fcntl, descriptor, F_DUPFD_CLOEXEC, 0, 0, 0, 0);
        if (++served.opened == served.count) {
            set_dispatch(PR_SYS_DISPATCH_OFF);
            interrupted->uc_sigmask = served.mask; /* the libraries' constructors run as usual */
        }
        return;
    }
    r[REG_RAX] =
        oxidize_gate(number, r[REG_RDI], r[REG_RSI], r[REG_RDX], r[REG_R10], r[REG_R8], r[REG_R9]);
}

void *
linux_dlopen_as(const struct linux_file *files, size_t count, int flags, bool *supported)
{
    struct kernel_action action = {.handler = on_system_call,
                                   .flags = SA_SIGINFO | KERNEL_SA_RESTORER,
                                   .restorer = oxidize_gate_return,
                                   .mask = UINT64_MAX};
    struct kernel_action previous;
    sigset_t all_but_sigsys;
    sigfillset(&all_but_sigsys);
    sigdelset(&all_but_sigsys, SIGSYS);
    served.files = files;
    served.count = count;
    served.opened = 0;
    pthread_sigmask(SIG_SETMASK, &all_but_sigsys, &served.mask);
    syscall(SYS_rt_sigaction, SIGSYS, &action, &previous, sizeof action.mask);
    *supported = set_dispatch(PR_SYS_DISPATCH_ON) == 0;
    void *handle = *supported ? os_dlopen(files[0].path, flags) : NULL;
    set_dispatch(PR_SYS_DISPATCH_OFF);
    syscall(SYS_rt_sigaction, SIGSYS, &previous, NULL, sizeof action.mask);
    pthread_sigmask(SIG_SETMASK, &served.mask, NULL);
    return handle;
}

#else

void *
linux_dlopen_as(const struct linux_file *files, size_t count, int flags, bool *supported)
{
    (void)files, (void)count, (void)flags;
    *supported = false;
    return NULL;
}

#endif
