#define _GNU_SOURCE
#include "os.h"

#include <errno.h>       /* errno */
#include <fcntl.h>       /* open */
#include <limits.h>      /* PATH_MAX */
#include <link.h>        /* dl_iterate_phdr */
#include <signal.h>      /* signal, kill */
#include <stdatomic.h>   /* _Atomic */
#include <stdio.h>       /* snprintf */
#include <string.h>      /* memcmp */
#include <sys/auxv.h>    /* getauxval */
#include <sys/mman.h>    /* mmap, madvise */
#include <sys/stat.h>    /* stat */
#include <sys/syscall.h> /* SYS_rt_sigprocmask */
#include <unistd.h>      /* getcwd, readlink, access */

extern const unsigned char oxidize_image[];

#define OWN_FILE "/proc/self/exe"

/* --- the executable ------------------------------------------------------------------------ */

static bool
same_file(const char *a, const char *b)
{
    struct stat of_a, of_b;
    return stat(a, &of_a) == 0 && stat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
           of_a.st_ino == of_b.st_ino;
}

static bool
is_elf(const char *path)
{
    char magic[SELFMAG];
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    bool result = descriptor >= 0 && read(descriptor, magic, sizeof magic) == sizeof magic &&
                  memcmp(magic, ELFMAG, sizeof magic) == 0;
    if (descriptor >= 0) {
        close(descriptor);
    }
    return result;
}

/* Whether the path that the kernel was given is that of the executable. It may be a script with
   the executable in its first line; and a program with more rights than its user believes nothing
   that the user can choose. */
static bool
is_executable_path(const char *path)
{
    if (getauxval(AT_SECURE) || path[0] != '/') {
        return false;
    }
    return access(OWN_FILE, F_OK) == 0 ? same_file(path, OWN_FILE) : is_elf(path);
}

/* Put the current directory before a relative path. */
static bool
make_absolute(char *path, size_t capacity, const char *relative)
{
    char directory[PATH_MAX];
    if (relative[0] == '/' || getcwd(directory, sizeof directory) == NULL) {
        return (size_t)snprintf(path, capacity, "%s", relative) < capacity;
    }
    while (relative[0] == '.' && relative[1] == '/') {
        relative += 2;
    }
    return (size_t)snprintf(path, capacity, "%s/%s", strcmp(directory, "/") ? directory : "",
                            relative) < capacity;
}

bool
os_executable_path(char *path, size_t capacity, const char **invoked)
{
    const char *given = (const char *)getauxval(AT_EXECFN);
    *invoked = given != NULL ? given : "";
    if (is_executable_path(*invoked)) {
        return (size_t)snprintf(path, capacity, "%s", *invoked) < capacity;
    }
    ssize_t length = readlink(OWN_FILE, path, capacity - 1);
    if (length <= 0) {
        return make_absolute(path, capacity, *invoked);
    }
    if ((size_t)length == capacity - 1) {
        return false;
    }
    path[length] = '\0';
    if (!same_file(*invoked, OWN_FILE)) {
        *invoked = path; /* started by a script or a descriptor */
    }
    return true;
}

bool
os_has_more_rights(void)
{
    return getauxval(AT_SECURE);
}

/* Whether the kernel can read a byte at `at`. Memory mapped from beyond the end of a file raises
   SIGBUS in a program but gives EFAULT to a system call. This one has no effect, since its
   first argument is not valid; it looks at that after it has read the second. */
static bool
is_readable(const unsigned char *at)
{
    const int invalid = -1;
    long result = syscall(SYS_rt_sigprocmask, invalid, at, NULL, 8);
    return !(result == -1 && errno == EFAULT);
}

static uint64_t image_offset;

static int
find_reserved_segment(struct dl_phdr_info *info, size_t size, void *data)
{
    (void)size;
    struct cursor *image = data;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type == PT_LOAD &&
            info->dlpi_addr + header->p_vaddr == (uintptr_t)oxidize_image) {
            *image = (struct cursor){oxidize_image, header->p_filesz};
            image_offset = header->p_offset;
        }
    }
    return 1; /* The first object is the executable: no need to see the others. */
}

bool
os_find_image(struct cursor *image)
{
    *image = (struct cursor){0};
    dl_iterate_phdr(find_reserved_segment, image);
    const size_t word = 8; /* what is_readable reads */
    return image->size >= word && is_readable(image->data) &&
           is_readable(image->data + image->size - word);
}

uint64_t
os_image_offset(void)
{
    return image_offset;
}

void
os_release_contents(const struct image *image)
{
    const struct cursor data = image->sections[IMAGE_SECTION_DATA];
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t begin = ((uintptr_t)data.data + page - 1) / page * page;
    uintptr_t end = ((uintptr_t)data.data + data.size) / page * page;
    int saved = errno;
    if (begin < end) {
        madvise((void *)begin, end - begin, MADV_DONTNEED); /* pages of a file, never written to */
    }
    errno = saved;
}

/* So much of what has been read may be mapped, and so much is mapped around it: a guess. */
#define MOST_MAPPED (256u << 10)
#define MAPPED_AROUND (32u << 10)

void
os_release_content(const struct stored *content)
{
    static _Atomic(size_t) mapped;
    size_t more = content->bytes.size + MAPPED_AROUND;
    if (atomic_fetch_add(&mapped, more) + more >= MOST_MAPPED) {
        atomic_store(&mapped, 0);
        os_release_contents(content->image);
    }
}

/* --- the end ------------------------------------------------------------------------------- */

int
os_die_of_interrupt(void)
{
    signal(SIGINT, SIG_DFL);
    kill(getpid(), SIGINT);
    return 128 + SIGINT; /* SIGINT is blocked */
}

/* --- memory -------------------------------------------------------------------------------- */

void
os_unmap(void *memory, size_t size)
{
    munmap(memory, size);
}

/* A huge page begins at a multiple of its size. */
void *
os_map_huge(size_t size)
{
    char *memory = mmap(NULL, 2 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return NULL;
    }
    size_t before = -(uintptr_t)memory & (size - 1);
    if (before > 0) {
        munmap(memory, before);
    }
    munmap(memory + before + size, size - before);
#ifdef MADV_HUGEPAGE
    madvise(memory + before, size, MADV_HUGEPAGE);
#endif
    return memory + before;
}
