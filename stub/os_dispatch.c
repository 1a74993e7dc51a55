/* dlopen of a part of a file, and of a file in memory without /proc. */
#define _GNU_SOURCE
#include <dlfcn.h>       /* dlclose */
#include <errno.h>       /* EINVAL */
#include <fcntl.h>       /* F_DUPFD_CLOEXEC */
#include <signal.h>      /* SIGSYS */
#include <string.h>      /* strstr */
#include <stdio.h>       /* SEEK_SET */
#include <sys/mman.h>    /* MAP_ANONYMOUS */
#include <sys/prctl.h>   /* PR_SET_SYSCALL_USER_DISPATCH */
#include <sys/stat.h>    /* struct stat */
#include <sys/syscall.h> /* SYS_openat */
#include <unistd.h>      /* syscall */

#include "os.h"
#include "os_linux.h"

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_OFF 0
#define PR_SYS_DISPATCH_ON 1
#endif

/* SYS_USER_DISPATCH, which the headers of glibc do not know. */
#define USER_DISPATCH 2

#ifdef __x86_64__

/* Syscall user dispatch (Linux 5.11) turns the system calls of one thread into SIGSYS, but for
   those made by code in one range. While the loader looks for its files, the handler answers its
   openat with a duplicate of the descriptor, and what it then asks of that as if the part that it
   is to find were a file of its own. Whatever else it asks for is passed on. Nothing of it is left
   when the last one has been mapped and closed: constructors run as usual. */

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
    struct linux_file *files;
    size_t count;
    size_t remaining; /* how many have not been closed again */
    uint64_t mask;    /* the signals that the thread blocks by itself */
    struct kernel_action previous;
} served;

static long
set_dispatch(long mode)
{
    long begin = mode == PR_SYS_DISPATCH_ON ? (long)oxidize_gate_begin : 0;
    long size = mode == PR_SYS_DISPATCH_ON ? oxidize_gate_end - oxidize_gate_begin : 0;
    return oxidize_gate(SYS_prctl, PR_SET_SYSCALL_USER_DISPATCH, mode, begin, size, 0, 0);
}

/* --- what is answered ----------------------------------------------------------------------- */

/* A system call as a program makes it. */
struct call {
    long number;
    long arguments[6];
};

static long
pass_on(const struct call *call)
{
    const long *a = call->arguments;
    return oxidize_gate(call->number, a[0], a[1], a[2], a[3], a[4], a[5]);
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

/* Until 2.25 glibc used open, and openat since. */
static long
answer_open(const struct call *call)
{
    const char *path = (const char *)call->arguments[call->number == SYS_openat];
    for (size_t i = 0; i < served.count; i++) {
        struct linux_file *file = &served.files[i];
        if (file->opened < 0 && is_same(file->path, path)) {
            long result = oxidize_gate(SYS_fcntl, file->descriptor, F_DUPFD_CLOEXEC, 0, 0, 0, 0);
            file->opened = (int)result;
            file->position = 0;
            return result;
        }
    }
    return pass_on(call);
}

/* Read from the part. The descriptor's own position is that of all who share it. */
static long
read_part(const struct linux_file *file, long buffer, uint64_t size, uint64_t position)
{
    uint64_t left = position < file->size ? file->size - position : 0;
    return oxidize_gate(SYS_pread64, file->opened, buffer, (long)(size < left ? size : left),
                        (long)(file->offset + position), 0, 0);
}

static long
answer_read(struct linux_file *file, const struct call *call)
{
    const long *a = call->arguments;
    if (call->number == SYS_pread64) {
        return read_part(file, a[1], (uint64_t)a[2], (uint64_t)a[3]);
    }
    long result = read_part(file, a[1], (uint64_t)a[2], file->position);
    file->position += result > 0 ? (uint64_t)result : 0;
    return result;
}

static long
answer_seek(struct linux_file *file, const struct call *call)
{
    const long *a = call->arguments;
    if (a[2] != SEEK_SET || a[1] < 0) {
        return -EINVAL; /* the loader has no use for these */
    }
    file->position = (uint64_t)a[1];
    return a[1];
}

/* The loader takes two files of the same device and number for one. Parts have numbers of their
   own, on a device that there is not. */
static long
answer_status(const struct linux_file *file, const struct call *call)
{
    long result = pass_on(call);
    if (result != 0 || file->identity == 0) {
        return result;
    }
    const long *a = call->arguments;
    struct stat *status = (struct stat *)(call->number == SYS_fstat ? a[1] : a[2]);
    status->st_dev = UINT64_MAX;
    status->st_ino = file->identity;
    status->st_size = (off_t)file->size;
    return result;
}

static long
answer_map(struct linux_file *file, const struct call *call)
{
    struct call shifted = *call;
    shifted.arguments[5] += (long)file->offset;
    long result = pass_on(&shifted);
    bool failed = result < 0 && result > -4096;
    file->mapped = file->mapped || !failed;
    file->refused = file->refused || failed;
    return result;
}

static long
answer_close(struct linux_file *file, const struct call *call)
{
    file->opened = -1;
    served.remaining -= file->mapped;
    return pass_on(call);
}

/* The file whose descriptor this is, or null. */
static struct linux_file *
file_of(long descriptor)
{
    for (size_t i = 0; i < served.count; i++) {
        if (served.files[i].opened >= 0 && served.files[i].opened == (int)descriptor) {
            return &served.files[i];
        }
    }
    return NULL;
}

static long
answer(const struct call *call)
{
    const long *a = call->arguments;
    struct linux_file *file = file_of(call->number == SYS_mmap ? a[4] : a[0]);
    switch (call->number) {
    case SYS_open:
    case SYS_openat:
        return answer_open(call);
    case SYS_read:
    case SYS_pread64:
        return file ? answer_read(file, call) : pass_on(call);
    case SYS_lseek:
        return file ? answer_seek(file, call) : pass_on(call);
    case SYS_fstat:
    case SYS_newfstatat:
        return file ? answer_status(file, call) : pass_on(call);
    case SYS_mmap:
        return file && !(a[3] & MAP_ANONYMOUS) ? answer_map(file, call) : pass_on(call);
    case SYS_close:
        return file ? answer_close(file, call) : pass_on(call);
    default:
        return pass_on(call);
    }
}

/* A signal that is none of ours: another thread is not allowed some system call. */
static long
hand_on(int signal_number, siginfo_t *info, void *context)
{
    void (*handler)(int, siginfo_t *, void *) = served.previous.handler;
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    if (handler == NULL || (void *)handler == (void *)SIG_IGN) {
        return -ENOSYS;
    }
    handler(signal_number, info, context);
    return r[REG_RAX];
}

static void
on_system_call(int signal_number, siginfo_t *info, void *context)
{
    ucontext_t *interrupted = context;
    greg_t *r = interrupted->uc_mcontext.gregs;
    if (info->si_code != USER_DISPATCH) {
        r[REG_RAX] = hand_on(signal_number, info, context);
        return;
    }
    const struct call call = {
        info->si_syscall, {r[REG_RDI], r[REG_RSI], r[REG_RDX], r[REG_R10], r[REG_R8], r[REG_R9]}};
    r[REG_RAX] = answer(&call);
    if (served.remaining == 0) {
        set_dispatch(PR_SYS_DISPATCH_OFF);
        interrupted->uc_sigmask.__val[0] = served.mask;
    }
}

/* --- the call ------------------------------------------------------------------------------ */

/* Valgrind makes the program's system calls itself, from code of its own. It answers 1 to this,
   and a processor does nothing. */
static bool
is_in_valgrind(void)
{
    uint64_t request[6] = {0x1001}, result = 0;
    __asm__ volatile("rolq $3, %%rdi; rolq $13, %%rdi; rolq $61, %%rdi; rolq $51, %%rdi;"
                     "xchgq %%rbx, %%rbx"
                     : "=d"(result)
                     : "a"(request), "0"(result)
                     : "cc", "memory");
    return result != 0;
}

/* A debugger stops at each of the signals. */
static bool
is_traced(void)
{
    char status[1024];
    int descriptor = (int)syscall(SYS_openat, AT_FDCWD, "/proc/self/status", O_RDONLY | O_CLOEXEC);
    ssize_t size = descriptor >= 0 ? read(descriptor, status, sizeof status - 1) : 0;
    if (descriptor >= 0) {
        close(descriptor);
    }
    status[size > 0 ? size : 0] = '\0';
    const char *tracer = strstr(status, "TracerPid:\t");
    return tracer != NULL && strncmp(tracer, "TracerPid:\t0\n", 13) != 0;
}

/* What is found out once. A kernel that cannot do it says so at the first attempt. */
static enum { UNKNOWN, USABLE, UNUSABLE } state;

static long
set_mask(uint64_t mask, uint64_t *previous)
{
    return syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, previous, sizeof mask);
}

static void *
dlopen_dispatched(const char *path, int flags, bool *supported)
{
    const struct kernel_action action = {.handler = on_system_call,
                                         .flags = SA_SIGINFO | KERNEL_SA_RESTORER,
                                         .restorer = oxidize_gate_return,
                                         .mask = UINT64_MAX};
    struct kernel_action previous;
    uint64_t mask;
    /* libc's own signals too: their handlers make system calls. */
    set_mask(~(UINT64_C(1) << (SIGSYS - 1)), &mask);
    served.mask = mask;
    syscall(SYS_rt_sigaction, SIGSYS, &action, &previous, sizeof action.mask);
    served.previous = previous; /* copies: a constructor may come here again */
    *supported = set_dispatch(PR_SYS_DISPATCH_ON) == 0;
    void *handle = *supported ? os_dlopen(path, flags) : NULL;
    set_dispatch(PR_SYS_DISPATCH_OFF);
    syscall(SYS_rt_sigaction, SIGSYS, &previous, NULL, sizeof action.mask);
    set_mask(mask, NULL);
    return handle;
}

void *
linux_dlopen_as(struct linux_file *files, size_t count, int flags, bool *reached)
{
    *reached = false;
    if (state == UNKNOWN) {
        state = is_in_valgrind() || is_traced() ? UNUSABLE : USABLE;
    }
    if (state == UNUSABLE) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        files[i].opened = -1;
    }
    served.files = files;
    served.count = count;
    served.remaining = count;
    bool supported;
    void *handle = dlopen_dispatched(files[0].path, flags, &supported);
    state = supported ? USABLE : UNUSABLE;
    *reached = supported;
    for (size_t i = 0; i < count; i++) {
        *reached = *reached && files[i].mapped && !files[i].refused;
    }
    if (handle != NULL && !*reached) {
        /* The loader does not know this file from another one: it asks in an unknown way. */
        dlclose(handle);
        handle = NULL;
        state = UNUSABLE;
    }
    return handle;
}

#else

void *
linux_dlopen_as(struct linux_file *files, size_t count, int flags, bool *reached)
{
    (void)files, (void)count, (void)flags;
    *reached = false;
    return NULL;
}

#endif
