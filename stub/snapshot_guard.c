#define _GNU_SOURCE
#include "snapshot_guard.h"

#include <fcntl.h>    /* open */
#include <link.h>     /* ElfW */
#include <signal.h>   /* sigaction */
#include <sys/auxv.h> /* getauxval */
#include <sys/mman.h> /* mmap */
#include <unistd.h>   /* close */

#include "snapshot_state.h"
#include "status.h"
#include "xxh64.h"

#define SELF "/proc/self/exe"
#define STACK_SIZE ((size_t)64 << 10)

/* What is left of Python when its objects are damaged ends in one of these. */
static const int deadly[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};

static struct {
    struct cursor bytes; /* of the snapshot, which others have been mapped in the place of */
    uint64_t check;
} guarded;

bool
snapshot_is_whole(const struct image *image)
{
    return xxh64(image->sections[IMAGE_SECTION_SNAPSHOT], 0) == image->snapshot_check;
}

/* Where in the file an address is that a segment of the executable has; -1 if it is in none. */
static off_t
file_offset(uintptr_t address)
{
    const ElfW(Phdr) *headers = (const ElfW(Phdr) *)getauxval(AT_PHDR);
    size_t count = headers != NULL ? getauxval(AT_PHNUM) : 0;
    for (size_t i = 0; i < count; i++) {
        if (headers[i].p_type == PT_LOAD && address - headers[i].p_vaddr < headers[i].p_filesz) {
            return (off_t)(headers[i].p_offset + (address - headers[i].p_vaddr));
        }
    }
    return -1;
}

/* Whether the file's snapshot is not what was written. False also where the file can't be read. */
static bool
is_damaged(void)
{
    off_t offset = file_offset((uintptr_t)guarded.bytes.data);
    int descriptor = open(SELF, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0 || offset < 0 || offset % SNAPSHOT_PAGE != 0) {
        return false;
    }
    void *pages = mmap(NULL, guarded.bytes.size, PROT_READ, MAP_PRIVATE, descriptor, offset);
    close(descriptor);
    if (pages == MAP_FAILED) {
        return false;
    }
    struct cursor bytes = {pages, guarded.bytes.size};
    bool damaged = xxh64(bytes, 0) != guarded.check;
    munmap(pages, guarded.bytes.size);
    return damaged;
}

void
snapshot_die_if_damaged(void)
{
    if (guarded.bytes.size > 0 && is_damaged()) {
        status_die(status_fault("the pages of its snapshot have changed"));
    }
}

/* The signal's action is the default one again: it comes once more when this returns, unless it was
   sent, not caused. */
static void
crash(int number, siginfo_t *info, void *context)
{
    (void)context;
    snapshot_die_if_damaged();
    if (info->si_code <= 0) {
        raise(number);
    }
}

void
snapshot_guard(const struct image *image)
{
    static unsigned char stack[STACK_SIZE]; /* the other one may have no more room */
    stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_sigaction = crash,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND};
    guarded.bytes = image->sections[IMAGE_SECTION_SNAPSHOT];
    guarded.check = image->snapshot_check;
    sigaltstack(&other, NULL);
    for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++) {
        struct sigaction before;
        sigaction(deadly[i], &action, &before);
        if (before.sa_handler != SIG_DFL) {
            sigaction(deadly[i], &before, NULL);
        }
    }
}
