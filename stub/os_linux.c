#define _GNU_SOURCE
#include "os_linux.h"

#include <dlfcn.h>        /* RTLD_NOW */
#include <errno.h>        /* errno */
#include <fcntl.h>        /* F_DUPFD_CLOEXEC, AT_FDCWD */
#include <pthread.h>      /* pthread_sigmask */
#include <signal.h>       /* sigset_t, SIGSYS */
#include <stdio.h>        /* snprintf */
#include <sys/mman.h>     /* memfd_create */
#include <sys/prctl.h>    /* PR_SET_SYSCALL_USER_DISPATCH */
#include <sys/resource.h> /* setrlimit */
#include <sys/syscall.h>  /* SYS_openat */
#include <unistd.h>       /* write */

#include "os.h"

#ifndef MFD_EXEC
#define MFD_NOEXEC_SEAL 0x0008U
#define MFD_EXEC 0x0010U
#endif
#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_OFF 0
#define PR_SYS_DISPATCH_ON 1
#endif

/* A memory file counts as a file where the size of files is limited; nothing is written by it. */
static bool
lift_size_limit(struct rlimit *previous)
{
    struct rlimit lifted;
    if (getrlimit(RLIMIT_FSIZE, previous) != 0 || previous->rlim_cur == previous->rlim_max) {
        return false;
    }
    lifted = (struct rlimit){previous->rlim_max, previous->rlim_max};
    return setrlimit(RLIMIT_FSIZE, &lifted) == 0;
}

bool
linux_write(int descriptor, struct cursor content)
{
    struct rlimit previous;
    bool lifted = false;
    while (content.size > 0) {
        ssize_t written = write(descriptor, content.data, content.size);
        if (written < 0 && errno == EFBIG && !lifted && lift_size_limit(&previous)) {
            lifted = true;
        } else if (written < 0 && errno != EINTR) {
            break;
        } else if (written > 0) {
            content.data += written;
            content.size -= (size_t)written;
        }
    }
    if (lifted) {
        setrlimit(RLIMIT_FSIZE, &previous);
    }
    return content.size == 0;
}

int
linux_memory_file(const char *name, struct cursor content, bool executable)
{
    const char *slash = strrchr(name, '/');
    const char *last = slash ? slash + 1 : name;
    const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    /* Kernels before 6.3 do not know the third flag; those with vm.memfd_noexec want it. */
    int descriptor = memfd_create(last, flags | (executable ? MFD_EXEC : MFD_NOEXEC_SEAL));
    if (descriptor < 0 && errno == EINVAL) {
        descriptor = memfd_create(last, flags);
    }
    if (descriptor >= 0 &&
        (!linux_write(descriptor, content) || lseek(descriptor, 0, SEEK_SET) != 0)) {
        int error = errno;
        close(descriptor);
        errno = error;
        descriptor = -1;
    }
    return descriptor;
}

/* --- before main --------------------------------------------------------------------------- */

long __real_syscall(long number, long, long, long, long, long, long);
long __wrap_syscall(long number, long, long, long, long, long, long);

/* CPython has mimalloc linked in since 3.13. Although nothing uses it by default, it looks at the
   machine's overcommit policy before main; it takes a failure for the usual policy. The linker
   lets the calls of the stub and of libpython, and no others, come here. */
long
__wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
#ifdef SYS_open
    if (number == SYS_open && strcmp((const char *)a, "/proc/sys/vm/overcommit_memory") == 0) {
        errno = ENOENT;
        return -1;
    }
#endif
    return __real_syscall(number, a, b, c, d, e, f);
}

/* --- dlopen without /proc ------------------------------------------------------------------ */

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
