#include "carrier.h"

#include <link.h>   /* ElfW */
#include <stdlib.h> /* calloc */
#include <string.h> /* strlen */

#ifdef __x86_64__
#define MACHINE EM_X86_64
#else
#define MACHINE EM_AARCH64
#endif

enum { LOAD, DYNAMIC, STACK, SEGMENTS };

/* What stands before the dynamic section and the strings. */
struct head {
    ElfW(Ehdr) header;
    ElfW(Phdr) segments[SEGMENTS];
    ElfW(Sym) no_symbol;
};

/* Beside DT_NEEDED: those that the loader takes for granted, and DT_NULL. */
enum { OTHER_TAGS = 5 };

static void
fill_head(struct head *head, size_t dynamic_size, size_t size)
{
    const size_t page = 0x1000;
    head->header = (ElfW(Ehdr)){
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_DYN,
        .e_machine = MACHINE,
        .e_version = EV_CURRENT,
        .e_phoff = offsetof(struct head, segments),
        .e_ehsize = sizeof(ElfW(Ehdr)),
        .e_phentsize = sizeof(ElfW(Phdr)),
        .e_phnum = SEGMENTS,
    };
    /* Writable: the loader puts addresses into the dynamic section. */
    head->segments[LOAD] = (ElfW(Phdr)){.p_type = PT_LOAD,
                                        .p_flags = PF_R | PF_W,
                                        .p_filesz = size,
                                        .p_memsz = size,
                                        .p_align = page};
    head->segments[DYNAMIC] = (ElfW(Phdr)){.p_type = PT_DYNAMIC,
                                           .p_flags = PF_R | PF_W,
                                           .p_offset = sizeof *head,
                                           .p_vaddr = sizeof *head,
                                           .p_filesz = dynamic_size,
                                           .p_memsz = dynamic_size,
                                           .p_align = sizeof(ElfW(Addr))};
    /* Without it the loader would make all stacks executable. */
    head->segments[STACK] = (ElfW(Phdr)){.p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W};
}

unsigned char *
carrier_make(const char *const *needed, size_t count, size_t *size)
{
    const size_t dynamic_size = (count + OTHER_TAGS) * sizeof(ElfW(Dyn));
    const size_t strings_start = sizeof(struct head) + dynamic_size;
    size_t strings_size = 1;
    for (size_t i = 0; i < count; i++) {
        strings_size += strlen(needed[i]) + 1;
    }
    *size = strings_start + strings_size;
    unsigned char *file = calloc(1, *size);
    if (file == NULL) {
        return NULL;
    }
    fill_head((struct head *)file, dynamic_size, *size);
    ElfW(Dyn) *entry = (ElfW(Dyn) *)(file + sizeof(struct head));
    char *strings = (char *)file + strings_start;
    size_t used = 1; /* the first string is empty */
    for (size_t i = 0; i < count; i++) {
        *entry++ = (ElfW(Dyn)){.d_tag = DT_NEEDED, .d_un.d_val = used};
        strcpy(strings + used, needed[i]);
        used += strlen(needed[i]) + 1;
    }
    *entry++ = (ElfW(Dyn)){.d_tag = DT_STRTAB, .d_un.d_ptr = strings_start};
    *entry++ = (ElfW(Dyn)){.d_tag = DT_STRSZ, .d_un.d_val = strings_size};
    *entry++ = (ElfW(Dyn)){.d_tag = DT_SYMTAB, .d_un.d_ptr = offsetof(struct head, no_symbol)};
    *entry++ = (ElfW(Dyn)){.d_tag = DT_SYMENT, .d_un.d_val = sizeof(ElfW(Sym))};
    return file;
}
