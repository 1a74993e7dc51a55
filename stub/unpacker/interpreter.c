#define _GNU_SOURCE
#include "interpreter.h"

#include <elf.h>
#include <fcntl.h>    /* O_RDONLY */
#include <sys/mman.h> /* MAP_PRIVATE */

#include "system.h"

#ifdef __x86_64__
#define MACHINE EM_X86_64
#else
#define MACHINE EM_AARCH64
#endif

enum { MOST_HEADERS = 32, HERE = AT_FDCWD };

struct file {
    int descriptor;
    size_t page;
    Elf64_Ehdr header;
    Elf64_Phdr segments[MOST_HEADERS];
    uintptr_t first, end; /* addresses of all its segments, whole pages */
};

static bool
read_at(const struct file *file, void *target, size_t size, uint64_t offset)
{
    return system_call(SYS_pread64, file->descriptor, (long)target, (long)size, (long)offset, 0,
                       0) == (long)size;
}

static bool
read_headers(struct file *file)
{
    const Elf64_Ehdr *header = &file->header;
    if (!read_at(file, &file->header, sizeof file->header, 0) ||
        __builtin_memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_type != ET_DYN ||
        header->e_machine != MACHINE || header->e_phentsize != sizeof *file->segments ||
        header->e_phnum > MOST_HEADERS ||
        !read_at(file, file->segments, header->e_phnum * sizeof *file->segments, header->e_phoff)) {
        return false;
    }
    file->first = UINTPTR_MAX;
    file->end = 0;
    for (unsigned i = 0; i < header->e_phnum; i++) {
        const Elf64_Phdr *segment = &file->segments[i];
        if (segment->p_type == PT_LOAD) {
            uintptr_t first = segment->p_vaddr & -file->page;
            uintptr_t end = (segment->p_vaddr + segment->p_memsz + file->page - 1) & -file->page;
            file->first = first < file->first ? first : file->first;
            file->end = end > file->end ? end : file->end;
        }
    }
    return file->first < file->end;
}

static int
protection(uint32_t flags)
{
    return (flags & PF_R ? PROT_READ : 0) | (flags & PF_W ? PROT_WRITE : 0) |
           (flags & PF_X ? PROT_EXEC : 0);
}

/* What a segment has beyond its part of the file is zero. */
static bool
clear_rest(const struct file *file, const Elf64_Phdr *segment, uintptr_t base)
{
    uintptr_t end_of_file = base + segment->p_vaddr + segment->p_filesz;
    uintptr_t end = base + segment->p_vaddr + segment->p_memsz;
    uintptr_t first_page = (end_of_file + file->page - 1) & -file->page;
    if (segment->p_memsz <= segment->p_filesz) {
        return true;
    }
    if (segment->p_flags & PF_W) {
        __builtin_memset((void *)end_of_file, 0, first_page - end_of_file);
    }
    return end <= first_page ||
           !system_failed(system_map(first_page, end - first_page, protection(segment->p_flags),
                                     MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 0));
}

static bool
map_segment(const struct file *file, const Elf64_Phdr *segment, uintptr_t base)
{
    uintptr_t before = segment->p_vaddr & (file->page - 1);
    if (segment->p_filesz > 0 &&
        system_failed(system_map(base + segment->p_vaddr - before, segment->p_filesz + before,
                                 protection(segment->p_flags), MAP_PRIVATE | MAP_FIXED,
                                 file->descriptor, segment->p_offset - before))) {
        return false;
    }
    return clear_rest(file, segment, base);
}

static struct interpreter
map_file(const struct file *file)
{
    const struct interpreter none = {0, 0};
    /* First a place for all of it, chosen by the kernel at random. */
    long place =
        system_map(0, file->end - file->first, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (system_failed(place)) {
        return none;
    }
    uintptr_t base = (uintptr_t)place - file->first;
    for (unsigned i = 0; i < file->header.e_phnum; i++) {
        if (file->segments[i].p_type == PT_LOAD && !map_segment(file, &file->segments[i], base)) {
            return none;
        }
    }
    return (struct interpreter){base, base + file->header.e_entry};
}

struct interpreter
interpreter_load(const char *path, size_t page)
{
    struct interpreter loaded = {0, 0};
    struct file file = {.page = page};
    file.descriptor = (int)system_call(SYS_openat, HERE, (long)path, O_RDONLY | O_CLOEXEC, 0, 0, 0);
    if (system_failed(file.descriptor)) {
        return loaded;
    }
    if (read_headers(&file)) {
        loaded = map_file(&file);
    }
    system_call(SYS_close, file.descriptor, 0, 0, 0, 0, 0);
    return loaded;
}
