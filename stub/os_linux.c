#define _GNU_SOURCE
#include "os_linux.h"

#include <errno.h>        /* errno */
#include <string.h>       /* strrchr */
#include <sys/mman.h>     /* MFD_CLOEXEC */
#include <sys/resource.h> /* setrlimit */
#include <sys/syscall.h>  /* SYS_memfd_create */
#include <unistd.h>       /* syscall, write */

#include "content.h"

#ifndef MFD_EXEC
#define MFD_NOEXEC_SEAL 0x0008U
#define MFD_EXEC 0x0010U
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

static bool
write_all(int descriptor, struct cursor content)
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

static bool
set_size(int descriptor, size_t size)
{
    struct rlimit previous;
    long result = syscall(SYS_ftruncate, descriptor, size);
    if (result != 0 && errno == EFBIG && lift_size_limit(&previous)) {
        result = syscall(SYS_ftruncate, descriptor, size);
        setrlimit(RLIMIT_FSIZE, &previous);
    }
    return result == 0;
}

/* Pages that the kernel does not have are an error here, and would be a signal when they are
   written to. File systems that cannot say so beforehand are taken as they are. */
static bool
reserve(int descriptor, size_t size)
{
    return syscall(SYS_fallocate, descriptor, 0, 0L, size) == 0 || errno == EOPNOTSUPP ||
           errno == ENOSYS;
}

/* Unpack it into the file's own pages. */
static bool
unpack(int descriptor, const struct stored *content)
{
    if (!set_size(descriptor, content->size) || !reserve(descriptor, content->size)) {
        return false;
    }
    void *memory = mmap(NULL, content->size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (memory == MAP_FAILED) {
        return false;
    }
    struct status status = content_copy(content, memory);
    munmap(memory, content->size); /* it could not be sealed else */
    status_die_if_failed(status);
    return true;
}

bool
linux_fill(int descriptor, const struct stored *content)
{
    return content->compressed ? unpack(descriptor, content)
                               : write_all(descriptor, content->bytes);
}

int
linux_memory_file(const char *name, const struct stored *content, bool executable)
{
    const char *slash = strrchr(name, '/');
    const char *last = slash ? slash + 1 : name;
    const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    /* Kernels before 6.3 do not know the third flag; those with vm.memfd_noexec want it. */
    const unsigned kind = executable ? MFD_EXEC : MFD_NOEXEC_SEAL;
    int descriptor =
        (int)syscall(SYS_memfd_create, last, flags | kind); /* glibc has it since 2.27 */
    if (descriptor < 0 && errno == EINVAL) {
        descriptor = (int)syscall(SYS_memfd_create, last, flags);
    }
    if (descriptor >= 0 &&
        (!linux_fill(descriptor, content) || lseek(descriptor, 0, SEEK_SET) != 0)) {
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
