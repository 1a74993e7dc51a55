#define _GNU_SOURCE
#include "snapshot.h"

#include <langinfo.h> /* nl_langinfo */
#include <locale.h>   /* setlocale */
#include <pthread.h>  /* pthread_self */
#include <stdio.h>    /* fprintf */
#include <stdlib.h>   /* getenv */
#include <string.h>   /* memcpy */
#include <sys/mman.h> /* mremap */

#include "arenas.h"
#include "collector.h"
#include "finalisers.h"
#include "first_objects.h"
#include "memory.h"
#include "names.h"
#include "os.h"
#include "registrations.h"
#include "snapshot_cpython.h"
#include "snapshot_guard.h"
#include "snapshot_paths.h"
#include "snapshot_renew.h"
#include "snapshot_state.h"
#include "xxh64.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

enum { MOST_KEPT_WORDS = 4096 };

/* Of the snapshot that this process has started from. */
static PyObject *main_code, *renewed;

struct snapshot {
    struct cursor bytes;
    struct image_snapshot header;
    struct region regions[SNAPSHOT_REGIONS];
    const struct image_snapshot_range *ranges;
    const struct image_snapshot_path *paths;
    const struct registration *registrations;
    const uint64_t *kept;
    const uint64_t *threads;
    const unsigned char *thread_area;
    const char *variables;
    struct region own_thread_area;
    bool utf8_mode;
    const char *stream_errors;
};

/* Why the snapshot is not used; null if it can be. */
typedef const char *reason;

/* --- checks ------------------------------------------------------------------------------------
 */

static const void *
table(const struct snapshot *snapshot, uint64_t offset, uint64_t count, size_t size)
{
    struct cursor part;
    if (offset % 8 != 0 || offset > snapshot->header.tables_end ||
        count > (snapshot->header.tables_end - offset) / size ||
        !cursor_slice(snapshot->bytes, offset, count * size, &part)) {
        return NULL;
    }
    return part.data;
}

static reason
open_header(const struct image *image, struct snapshot *snapshot)
{
    struct image_snapshot *header = &snapshot->header;
    struct cursor head, tables;
    snapshot->bytes = image->sections[IMAGE_SECTION_SNAPSHOT];
    if (!cursor_read(snapshot->bytes, 0, header, sizeof *header) ||
        memcmp(header->magic, IMAGE_SNAPSHOT_MAGIC, sizeof header->magic) != 0 ||
        header->size != snapshot->bytes.size || header->tables_end < sizeof *header ||
        (uintptr_t)snapshot->bytes.data % SNAPSHOT_PAGE != 0 ||
        !cursor_slice(snapshot->bytes, 0, offsetof(struct image_snapshot, check), &head) ||
        !cursor_slice(snapshot->bytes, sizeof *header, header->tables_end - sizeof *header,
                      &tables) ||
        header->check != xxh64(tables, xxh64(head, 0))) {
        return "it is damaged";
    }
    return NULL;
}

static reason
open_tables(struct snapshot *s)
{
    const struct image_snapshot *header = &s->header;
    s->ranges = table(s, header->ranges, header->range_count, sizeof *s->ranges);
    s->paths = table(s, header->paths, header->path_count, sizeof *s->paths);
    s->registrations =
        table(s, header->registrations, header->registration_count, sizeof *s->registrations);
    s->kept = table(s, header->kept, header->kept_count, sizeof *s->kept);
    s->threads = table(s, header->threads, header->thread_count, sizeof *s->threads);
    s->thread_area = table(s, header->thread_area, header->thread_area_size, 1);
    s->variables = table(s, header->variables, header->variables_size, 1);
    s->own_thread_area = snapshot_thread_area();
    if (s->ranges == NULL || s->paths == NULL || s->registrations == NULL || s->kept == NULL ||
        s->threads == NULL || s->thread_area == NULL || s->variables == NULL ||
        (header->variables_size > 0 && s->variables[header->variables_size - 1] != '\0') ||
        header->kept_count > MOST_KEPT_WORDS || header->arena_size > MEMORY_ARENA_LIMIT ||
        header->thread_area_size != s->own_thread_area.end - s->own_thread_area.first) {
        return "it is damaged";
    }
    return NULL;
}

/* The size of the arena's pages. */
static size_t
arena_pages(const struct snapshot *snapshot)
{
    return (snapshot->header.arena_size + SNAPSHOT_PAGE - 1) & -(size_t)SNAPSHOT_PAGE;
}

static reason
check_ranges(const struct snapshot *snapshot)
{
    uint64_t arena_size = arena_pages(snapshot);
    for (uint32_t i = 0; i < snapshot->header.range_count; i++) {
        const struct image_snapshot_range *range = &snapshot->ranges[i];
        struct cursor pages;
        uint64_t begin = range->address - MEMORY_ARENA;
        bool in_arena = range->address >= MEMORY_ARENA && begin <= arena_size &&
                        range->size <= arena_size - begin;
        if ((range->address | range->size | range->offset) % SNAPSHOT_PAGE != 0 ||
            !cursor_slice(snapshot->bytes, range->offset, range->size, &pages) ||
            !(in_arena ||
              snapshot_region_of(snapshot->regions, range->address, range->size) != NULL)) {
            return "it is damaged";
        }
    }
    return NULL;
}

static reason
check_program(struct snapshot *snapshot)
{
    unsigned char id[SNAPSHOT_IDENTITY_SIZE], cpu[SNAPSHOT_IDENTITY_SIZE];
    const struct image_snapshot *header = &snapshot->header;
    if (snapshot_cpython_unsupported() != NULL || header->python_version != PY_VERSION_HEX ||
        !snapshot_build_id(id) || memcmp(id, header->build_id, sizeof id) != 0 ||
        !snapshot_regions(snapshot->regions)) {
        return "it was made with another program";
    }
    snapshot_cpu(cpu);
    for (size_t i = 0; i < sizeof cpu; i++) {
        if ((cpu[i] & header->cpu[i]) != header->cpu[i]) {
            return "it was made on a processor that can do more than this one";
        }
    }
    return NULL;
}

/* Modules have asked for variables when they were imported, and found that they are not set. */
static reason
check_environment(const struct snapshot *snapshot)
{
    const char *end = snapshot->variables + snapshot->header.variables_size;
    for (const char *name = snapshot->variables; name < end; name += strlen(name) + 1) {
        if (getenv(name) != NULL) {
            return "an environment variable is set that was not when modules looked at it";
        }
    }
    return NULL;
}

/* What Python finds out of the locale: whether its UTF-8 mode is on, and how streams take what
   cannot be decoded. */
static reason
check_locale(struct snapshot *snapshot)
{
    const char *name = setlocale(LC_CTYPE, "");
    if (name == NULL) {
        name = setlocale(LC_CTYPE, NULL);
    }
    bool posix = strcmp(name, "C") == 0 || strcmp(name, "POSIX") == 0;
    bool coerced =
        strcmp(name, "C.UTF-8") == 0 || strcmp(name, "C.utf8") == 0 || strcmp(name, "UTF-8") == 0;
    snapshot->utf8_mode = posix;
    snapshot->stream_errors = posix || coerced ? "surrogateescape" : "strict";
    if (!posix && strcmp(nl_langinfo(CODESET), "UTF-8") != 0) {
        setlocale(LC_CTYPE, "C");
        return "the locale's encoding is not UTF-8";
    }
    return NULL;
}

static reason
check(const struct image *image, const struct invocation *invocation, struct snapshot *snapshot)
{
    reason why = open_header(image, snapshot);
    if (why == NULL) {
        why = check_program(snapshot);
    }
    if (why == NULL) {
        why = open_tables(snapshot);
    }
    if (why == NULL) {
        why = check_ranges(snapshot);
    }
    if (why == NULL) {
        why = check_environment(snapshot);
    }
    if (why == NULL && !snapshot_path_fits(invocation->executable)) {
        why = "the executable's path is too long for it, or not ASCII";
    }
    return why == NULL ? check_locale(snapshot) : why;
}

/* --- becoming what was saved -------------------------------------------------------------------
 */

/* Take the address space of the arena: the whole, since it may have parts that are all zero. */
static bool
reserve(size_t size)
{
    void *at = (void *)MEMORY_ARENA;
    void *got = mmap(at, size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (got != MAP_FAILED && got != at) {
        munmap(got, size); /* a kernel before 4.17 */
    }
    return got == at;
}

/* Pages of the image become private ones at another address. Nothing is read or copied. */
static void
move_pages(const unsigned char *from, uintptr_t to, size_t size)
{
    if (size > 0 && (mremap((void *)from, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)to) ==
                         MAP_FAILED ||
                     mprotect((void *)to, size, PROT_READ | PROT_WRITE) != 0)) {
        status_die(status_fault("its snapshot cannot be mapped"));
    }
}

/* A region may share its first and last page with what is not saved: these parts are copied. */
static void
map_region(const struct region *region, const unsigned char *pages)
{
    const uintptr_t page = SNAPSHOT_PAGE;
    uintptr_t base = region->first / page * page;
    uintptr_t first = (region->first + page - 1) / page * page, end = region->end / page * page;
    if (first >= end) {
        memcpy((void *)region->first, pages + (region->first - base), region->end - region->first);
        return;
    }
    memcpy((void *)region->first, pages + (region->first - base), first - region->first);
    memcpy((void *)end, pages + (end - base), region->end - end);
    move_pages(pages + (first - base), first, end - first);
}

static void
map_ranges(const struct snapshot *snapshot)
{
    for (uint32_t i = 0; i < snapshot->header.range_count; i++) {
        const struct image_snapshot_range *range = &snapshot->ranges[i];
        const unsigned char *pages = snapshot->bytes.data + range->offset;
        const struct region *region =
            snapshot_region_of(snapshot->regions, range->address, range->size);
        if (region != NULL) {
            map_region(region, pages);
        } else {
            move_pages(pages, range->address, range->size);
        }
    }
}

static void
become(const struct snapshot *snapshot)
{
    static uint64_t kept[MOST_KEPT_WORDS];
    const struct image_snapshot *header = &snapshot->header;
    for (uint32_t i = 0; i < header->kept_count; i++) {
        kept[i] = *(const uint64_t *)(uintptr_t)snapshot->kept[i];
    }
    map_ranges(snapshot);
    for (uint32_t i = 0; i < header->kept_count; i++) {
        *(uint64_t *)(uintptr_t)snapshot->kept[i] = kept[i];
    }
    memcpy((void *)snapshot->own_thread_area.first, snapshot->thread_area,
           header->thread_area_size);
    for (uint32_t i = 0; i < header->thread_count; i++) {
        *(uint64_t *)(uintptr_t)snapshot->threads[i] += (uintptr_t)pthread_self();
    }
    registrations_set_values(snapshot->registrations, header->registration_count);
    memory_adopt_arena(arena_pages(snapshot));
}

/* --- starting ----------------------------------------------------------------------------------
 */

static void
replace_paths(const struct snapshot *snapshot, const char *executable)
{
    /* One call instead of a page fault for each; older kernels do not know it, and need not. */
    madvise((void *)(uintptr_t)snapshot->header.written, snapshot->header.written_size,
            MADV_POPULATE_WRITE);
    for (uint32_t i = 0; i < snapshot->header.path_count; i++) {
        snapshot_replace_path(&snapshot->paths[i], executable);
    }
}

/* What is saved of the arenas' allocator refers to variables of ours, which are not. */
static void
set_arenas(const struct image *image)
{
    static PyObjectArenaAllocator pages = {NULL, memory_map, memory_unmap};
    PyObject_SetArenaAllocator(&pages);
    status_die_if_failed(arenas_setup(image));
}

static bool
is_wanted(bool *explained, bool *checked)
{
    const char *value = os_has_more_rights() ? NULL : getenv(IMAGE_SNAPSHOT_SWITCH);
    *checked = value != NULL && strcmp(value, "verify") == 0;
    *explained = *checked || (value != NULL && strcmp(value, "explain") == 0);
    return value == NULL || strcmp(value, "off") != 0;
}

bool
snapshot_is_in_use(void)
{
    return memory_arena_size() > 0;
}

void
snapshot_thaw(void)
{
    finalisers_expect(NULL);
    Py_CLEAR(renewed); /* standard streams write what they have when nothing refers to them */
    collector_unfreeze_all();
}

PyObject *
snapshot_main_code(void)
{
    return main_code;
}

bool
snapshot_restore(const struct image *image, const struct invocation *invocation)
{
    static struct snapshot snapshot;
    bool explained, checked;
    if (image->sections[IMAGE_SECTION_SNAPSHOT].size == 0 || os_has_more_rights() ||
        !is_wanted(&explained, &checked)) {
        return false;
    }
    reason why = checked && !snapshot_is_whole(image) ? "it is damaged"
                                                      : check(image, invocation, &snapshot);
    size_t arena_size = arena_pages(&snapshot) + MEMORY_FIRST_SIZE;
    if (why == NULL && !reserve(arena_size)) {
        why = "its address is taken, or there is too little memory";
    }
    if (why == NULL &&
        !registrations_repeat(snapshot.registrations, snapshot.header.registration_count)) {
        munmap((void *)MEMORY_ARENA, arena_size);
        why = "a thread-specific key that it needs is taken";
    }
    if (why != NULL) {
        if (explained) {
            fprintf(stderr, "%s: the snapshot is not used: %s\n", invocation->executable, why);
        }
        return false;
    }
    os_run_constructors(true);
    snapshot_guard(image);
    become(&snapshot);
    if (!snapshot_cpython_restore(snapshot.utf8_mode)) {
        status_die(status_fault("its snapshot cannot be used"));
    }
    names_use((PyObject *)(uintptr_t)snapshot.header.names);
    set_arenas(image);
    first_objects_setup((void *)(MEMORY_ARENA + arena_pages(&snapshot)));
    replace_paths(&snapshot, invocation->executable);
    renewed = (PyObject *)(uintptr_t)snapshot.header.renewed;
    if (!snapshot_renew(renewed, invocation, snapshot.stream_errors)) {
        PyErr_Print();
        status_die(status_fault("its snapshot cannot be used"));
    }
    finalisers_expect((PyObject *)(uintptr_t)snapshot.header.survey);
    main_code = (PyObject *)(uintptr_t)snapshot.header.main_code;
    return true;
}
