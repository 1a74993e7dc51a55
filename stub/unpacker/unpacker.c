/* What the kernel starts in the place of a packed program. It unpacks the program to where that
   belongs, lets what the kernel told the process (the auxiliary vector) speak of the program, and
   goes to the program's dynamic loader, or to the program itself if it has none. After this nothing
   tells the difference but /proc/self/maps, where the program's pages are not those of a file. */
#define _GNU_SOURCE
#include <elf.h>      /* AT_PHDR */
#include <sys/mman.h> /* MAP_PRIVATE */

#include "../xxh64.h"
#include "decoder.h"
#include "ending.h"
#include "interpreter.h"
#include "packed_program.h"
#include "system.h"
#include "workers.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif

/* Programs end before the first address. Of the segments of the executable, the one at the second,
   but for its place within so many bytes, is the packed program, and the one at the third is the
   image. */
#define UNPACKER_ADDRESS ((uintptr_t)0x0c000000)
#define PACKED_ADDRESS ((uintptr_t)0x0d000000)
#define PACKED_ALIGNMENT ((uintptr_t)0x10000)
#define IMAGE_ADDRESS ((uintptr_t)0x10000000)

enum { MOST_WORKERS = 4 };

struct unpacker {
    const char *path; /* of the executable, for messages */
    size_t page;
    Elf64_auxv_t *auxiliary;
    struct cursor packed;
    const Elf64_Phdr *image;
    struct packed_header header;
    const struct packed_block *blocks;
    uint32_t next; /* block that nobody unpacks yet */
    bool is_damaged;
};

_Noreturn static void
die_damaged(const struct unpacker *unpacker)
{
    end(unpacker->path, STATUS_DAMAGED, "damaged executable: the packed program cannot be unpacked",
        "");
}

_Noreturn static void
die_impossible(const struct unpacker *unpacker, const char *what)
{
    end(unpacker->path, STATUS_NOT_POSSIBLE, "the program cannot be unpacked: ", what);
}

/* --- what there is -----------------------------------------------------------------------------
 */

static Elf64_auxv_t *
find_auxiliary(uintptr_t *stack)
{
    uintptr_t *at = stack + 1 + stack[0] + 1; /* behind the arguments */
    while (*at != 0) {
        at++; /* the environment */
    }
    return (Elf64_auxv_t *)(at + 1);
}

static uint64_t *
auxiliary_value(const struct unpacker *unpacker, uint64_t type)
{
    for (Elf64_auxv_t *entry = unpacker->auxiliary; entry->a_type != AT_NULL; entry++) {
        if (entry->a_type == type) {
            return &entry->a_un.a_val;
        }
    }
    return NULL;
}

static uint64_t
auxiliary_or(const struct unpacker *unpacker, uint64_t type, uint64_t otherwise)
{
    const uint64_t *value = auxiliary_value(unpacker, type);
    return value != NULL ? *value : otherwise;
}

static void
find_segments(struct unpacker *unpacker)
{
    const Elf64_Phdr *segments = (const Elf64_Phdr *)(uintptr_t)auxiliary_or(unpacker, AT_PHDR, 0);
    uint64_t count = auxiliary_or(unpacker, AT_PHNUM, 0);
    for (uint64_t i = 0; segments != NULL && i < count; i++) {
        if (segments[i].p_type != PT_LOAD) {
            continue;
        }
        if ((segments[i].p_vaddr & -PACKED_ALIGNMENT) == PACKED_ADDRESS) {
            const unsigned char *at = (const unsigned char *)(uintptr_t)segments[i].p_vaddr;
            unpacker->packed = (struct cursor){at, segments[i].p_filesz};
        } else if (segments[i].p_vaddr == IMAGE_ADDRESS) {
            unpacker->image = &segments[i];
        }
    }
}

/* As in ../os_posix.c: touching what the file does not have would be a signal, and is an error to a
   system call. */
static bool
is_readable(const unsigned char *at)
{
    const int invalid = -1, fault = -14;
    return system_call(SYS_rt_sigprocmask, invalid, (long)at, 0, 8, 0, 0) != fault;
}

static bool
read_header(struct unpacker *unpacker)
{
    struct packed_header *header = &unpacker->header;
    struct cursor packed = unpacker->packed, head, records;
    const size_t word = 8;
    if (packed.size < sizeof *header || !is_readable(packed.data) ||
        !is_readable(packed.data + packed.size - word) ||
        !cursor_read(packed, 0, header, sizeof *header) ||
        __builtin_memcmp(header->magic, PACKED_PROGRAM_MAGIC, sizeof header->magic) != 0 ||
        header->size != packed.size ||
        !cursor_slice(packed, 0, offsetof(struct packed_header, check), &head) ||
        !cursor_slice(packed, sizeof *header,
                      (uint64_t)header->block_count * sizeof *unpacker->blocks, &records) ||
        header->check != xxh64(records, xxh64(head, 0))) {
        return false;
    }
    unpacker->blocks = (const struct packed_block *)records.data;
    if (header->first >= header->end || header->end > UNPACKER_ADDRESS) {
        return false;
    }
    header->first &= -unpacker->page;
    header->end = (header->end + unpacker->page - 1) & -unpacker->page;
    return true;
}

static bool
is_in_program(const struct unpacker *unpacker, uint64_t address, uint64_t size)
{
    const struct packed_header *header = &unpacker->header;
    return address >= header->first && address <= header->end && size <= header->end - address;
}

/* --- unpacking ---------------------------------------------------------------------------------
 */

static bool
unpack_block(const struct unpacker *unpacker, const struct packed_block *block, void *memory)
{
    struct cursor frame;
    if (!is_in_program(unpacker, block->address, block->size) ||
        !cursor_slice(unpacker->packed, block->offset, block->stored_size, &frame) ||
        xxh64(frame, block->address) != block->check) {
        return false;
    }
    uintptr_t first = block->address & -unpacker->page;
    /* One call for many page faults, where the kernel knows it. */
    system_advise(first, block->address + block->size - first, MADV_POPULATE_WRITE);
    return decoder_unpack(memory, frame.data, frame.size, (void *)(uintptr_t)block->address,
                          block->size);
}

static void
unpack_blocks(void *argument, void *memory)
{
    struct unpacker *unpacker = argument;
    for (;;) {
        uint32_t number = __atomic_fetch_add(&unpacker->next, 1, __ATOMIC_RELAXED);
        if (number >= unpacker->header.block_count) {
            return;
        }
        if (!unpack_block(unpacker, &unpacker->blocks[number], memory)) {
            __atomic_store_n(&unpacker->is_damaged, true, __ATOMIC_RELAXED);
        }
    }
}

static void
unpack(struct unpacker *unpacker)
{
    struct worker workers[MOST_WORKERS];
    uint32_t count = workers_processors();
    count = count < MOST_WORKERS ? count : MOST_WORKERS;
    count = count < unpacker->header.block_count ? count : unpacker->header.block_count;
    count = count > 1 ? count : 1;
    size_t decoder = (decoder_memory() + unpacker->page - 1) & -unpacker->page;
    size_t each = decoder + WORKER_STACK;
    long place =
        system_map(0, count * each, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (system_failed(place)) {
        die_impossible(unpacker, "there is too little memory");
    }
    for (uint32_t i = 1; i < count; i++) {
        char *memory = (char *)place + i * each;
        workers[i] = (struct worker){unpack_blocks, unpacker, memory, 0};
        workers_begin(&workers[i], memory + decoder);
    }
    unpack_blocks(unpacker, (void *)place);
    for (uint32_t i = 1; i < count; i++) {
        workers_wait(&workers[i]);
    }
    system_unmap((uintptr_t)place, count * each);
    if (unpacker->is_damaged) {
        die_damaged(unpacker);
    }
}

/* --- the program -------------------------------------------------------------------------------
 */

static void
reserve(const struct unpacker *unpacker)
{
    uintptr_t first = unpacker->header.first;
    size_t size = unpacker->header.end - first;
    long place = system_map(first, size, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (system_failed(place)) {
        die_impossible(unpacker, "there is too little memory");
    }
    if ((uintptr_t)place != first) { /* kernels before 4.17 do not know the flag */
        die_impossible(unpacker, "its addresses are in use");
    }
    system_advise(first, size, MADV_HUGEPAGE);
}

static int
protection(uint32_t flags)
{
    return (flags & PF_R ? PROT_READ : 0) | (flags & PF_W ? PROT_WRITE : 0) |
           (flags & PF_X ? PROT_EXEC : 0);
}

/* The program finds the image by its own program headers. */
static void
show_image(const struct unpacker *unpacker, Elf64_Phdr *segment)
{
    if (unpacker->image == NULL) {
        die_damaged(unpacker);
    }
    segment->p_flags = unpacker->image->p_flags;
    segment->p_offset = unpacker->image->p_offset;
    segment->p_filesz = unpacker->image->p_filesz;
    segment->p_memsz = unpacker->image->p_memsz;
}

static void
finish_segments(const struct unpacker *unpacker)
{
    const struct packed_header *header = &unpacker->header;
    const size_t size = header->program_header_count * sizeof(Elf64_Phdr), page = unpacker->page;
    if (header->program_headers % _Alignof(Elf64_Phdr) != 0 ||
        !is_in_program(unpacker, header->program_headers, size)) {
        die_damaged(unpacker);
    }
    Elf64_Phdr *segments = (Elf64_Phdr *)(uintptr_t)header->program_headers;
    for (uint32_t i = 0; i < header->program_header_count; i++) {
        if (segments[i].p_type == PT_LOAD && segments[i].p_vaddr == IMAGE_ADDRESS) {
            show_image(unpacker, &segments[i]);
        }
    }
    uintptr_t done = header->first; /* segments stand in the order of their addresses (gABI) */
    for (uint32_t i = 0; i < header->program_header_count; i++) {
        const Elf64_Phdr *segment = &segments[i];
        if (segment->p_type != PT_LOAD || segment->p_vaddr == IMAGE_ADDRESS) {
            continue;
        }
        uintptr_t first = segment->p_vaddr & -page;
        uintptr_t end = (segment->p_vaddr + segment->p_memsz + page - 1) & -page;
        if (!is_in_program(unpacker, first, end - first) || first < done) {
            die_damaged(unpacker);
        }
        if (first > done) {
            system_unmap(done, first - done);
        }
        if (system_failed(system_protect(first, end - first, protection(segment->p_flags)))) {
            die_impossible(unpacker,
                           "this system lets no memory become executable that was written to");
        }
        done = end;
    }
}

static uintptr_t
begin_program(const struct unpacker *unpacker)
{
    const struct packed_header *header = &unpacker->header;
    const char *path = (const char *)(uintptr_t)header->interpreter;
    struct interpreter interpreter = {0, header->entry};
    if (path != NULL) {
        interpreter = interpreter_load(path, unpacker->page);
        if (interpreter.entry == 0) {
            end(unpacker->path, STATUS_NO_INTERPRETER, "cannot load the dynamic loader ", path);
        }
    }
    const struct {
        uint64_t type, value;
    } told[] = {
        {AT_PHDR, header->program_headers},
        {AT_PHNUM, header->program_header_count},
        {AT_ENTRY, header->entry},
        {AT_BASE, interpreter.base},
    };
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        uint64_t *value = auxiliary_value(unpacker, told[i].type);
        if (value != NULL) {
            *value = told[i].value;
        }
    }
    return interpreter.entry;
}

/* Called with the stack as the kernel leaves it; returns where to go on with it. */
uintptr_t unpacker_run(uintptr_t *stack);

uintptr_t
unpacker_run(uintptr_t *stack)
{
    struct unpacker unpacker = {.auxiliary = find_auxiliary(stack)};
    const size_t usual_page = 4096;
    unpacker.path = (const char *)(uintptr_t)auxiliary_or(&unpacker, AT_EXECFN, (uintptr_t)"?");
    unpacker.page = auxiliary_or(&unpacker, AT_PAGESZ, usual_page);
    find_segments(&unpacker);
    if (!read_header(&unpacker)) {
        die_damaged(&unpacker);
    }
    reserve(&unpacker);
    system_advise((uintptr_t)unpacker.packed.data & -unpacker.page,
                  unpacker.packed.size + ((uintptr_t)unpacker.packed.data & (unpacker.page - 1)),
                  MADV_POPULATE_READ);
    unpack(&unpacker);
    finish_segments(&unpacker);
    uintptr_t entry = begin_program(&unpacker);
    uintptr_t first = (uintptr_t)unpacker.packed.data & -unpacker.page;
    system_unmap(first, (uintptr_t)unpacker.packed.data + unpacker.packed.size - first);
    return entry;
}

#if defined(__x86_64__)
__asm__(".text\n"
        ".globl _start\n"
        ".type _start, @function\n"
        "_start:\n"
        "    xor %ebp, %ebp\n"
        "    mov %rsp, %rbx\n"
        "    mov %rsp, %rdi\n"
        "    and $-16, %rsp\n"
        "    call unpacker_run\n"
        "    mov %rbx, %rsp\n"
        "    xor %edx, %edx\n" /* no function to be called at exit */
        "    xor %ebx, %ebx\n"
        "    jmp *%rax\n");
#else
__asm__(".text\n"
        ".globl _start\n"
        ".type _start, %function\n"
        "_start:\n"
        "    mov x29, xzr\n"
        "    mov x30, xzr\n"
        "    mov x19, sp\n"
        "    mov x0, sp\n"
        "    bl unpacker_run\n"
        "    mov sp, x19\n"
        "    mov x16, x0\n"
        "    mov x0, xzr\n" /* no function to be called at exit */
        "    mov x19, xzr\n"
        "    br x16\n");
#endif
