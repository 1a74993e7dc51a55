#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#include "snapshot_make.h"

#include <fcntl.h>    /* open */
#include <pthread.h>  /* pthread_self */
#include <signal.h>   /* signal */
#include <stdio.h>    /* fprintf */
#include <stdlib.h>   /* qsort */
#include <string.h>   /* memcpy */
#include <sys/mman.h> /* mmap */
#include <unistd.h>   /* _exit */

#include "finalisers.h"
#include "image_format.h"
#include "memory.h"
#include "names.h"
#include "registrations.h"
#include "snapshot_account.h"
#include "snapshot_cpython.h"
#include "snapshot_gather.h"
#include "snapshot_immortal.h"
#include "snapshot_paths.h"
#include "snapshot_renew.h"
#include "snapshot_scan.h"
#include "snapshot_state.h"
#include "xxh64.h"

#define MODULE "_oxidize_snapshot"
#define MOST_RANGES 4096
#define MOST_PATHS ((size_t)1 << 18)
#define TABLES_LIMIT ((size_t)64 << 20)
#define ACCOUNT_LIMIT ((size_t)4 << 20)
#define SHORTEST_GAP ((size_t)16 * SNAPSHOT_PAGE)

static struct region regions[SNAPSHOT_REGIONS];
static struct snapshot_words words;

_Noreturn static void
refuse(const char *why)
{
    fprintf(stderr, "snapshot: %s\n", why);
    fflush(NULL);
    _exit(1);
}

static void *
pages(size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                    -1, 0);
    if (at == MAP_FAILED) {
        refuse("there is too little memory");
    }
    return at;
}

void
snapshot_make_begin(void)
{
    static PyObjectArenaAllocator allocator = {NULL, memory_map, memory_unmap};
    if (snapshot_cpython_unsupported() != NULL) {
        refuse(snapshot_cpython_unsupported());
    }
    if (!snapshot_regions(regions)) {
        refuse("the linker has not kept the order of libpython's variables");
    }
    if (!snapshot_keeps_cpu(regions)) {
        refuse("the linker has put OpenSSL's variables among those that are saved");
    }
    if (!memory_begin_arena()) {
        refuse("the address of a snapshot is not free in this process");
    }
    PyObject_SetArenaAllocator(&allocator);
    /* A build may be started with signals ignored (nohup), which Python would keep in mind. */
    for (int number = 1; number < NSIG; number++) {
        signal(number, SIG_DFL);
    }
}

/* --- the file ------------------------------------------------------------------------------ */

struct output {
    unsigned char *tables; /* the header first */
    size_t size;
    struct image_snapshot header;
    struct cursor modules; /* names of those that are imported, each with a zero behind */
};

/* Append a table, aligned; returns its offset. */
static uint64_t
append(struct output *output, const void *table, size_t size)
{
    size_t at = (output->size + 7) / 8 * 8;
    if (size > TABLES_LIMIT - at) {
        refuse("it is too large");
    }
    memcpy(output->tables + at, table, size);
    output->size = at + size;
    return at;
}

static bool
is_zero(uintptr_t page)
{
    static const unsigned char zero[SNAPSHOT_PAGE];
    return memcmp((const void *)page, zero, sizeof zero) == 0;
}

struct ranges {
    struct image_snapshot_range list[MOST_RANGES];
    size_t count;
};

static void
add_range(struct ranges *ranges, uintptr_t first, uintptr_t end)
{
    if (ranges->count == MOST_RANGES) {
        refuse("its memory is in too many pieces");
    }
    ranges->list[ranges->count++] = (struct image_snapshot_range){first, end - first, 0};
}

/* Leave out where the arena is empty, unless that is not worth a mapping of its own. */
static void
add_arena(struct ranges *ranges)
{
    uintptr_t end = MEMORY_ARENA + memory_arena_size(), first = 0, last = 0;
    for (uintptr_t at = MEMORY_ARENA; at < end; at += SNAPSHOT_PAGE) {
        if (is_zero(at)) {
            continue;
        }
        if (first != 0 && at - last > SHORTEST_GAP) {
            add_range(ranges, first, last);
            first = 0;
        }
        first = first != 0 ? first : at;
        last = at + SNAPSHOT_PAGE;
    }
    if (first != 0) {
        add_range(ranges, first, last);
    }
}

static void
add_regions(struct ranges *ranges)
{
    for (size_t i = 0; i < SNAPSHOT_REGIONS; i++) {
        const uintptr_t page = SNAPSHOT_PAGE;
        if (regions[i].first < regions[i].end) {
            add_range(ranges, regions[i].first / page * page,
                      (regions[i].end + page - 1) / page * page);
        }
    }
}

static void
write_all(int descriptor, const void *content, size_t size)
{
    const char *at = content;
    while (size > 0) {
        ssize_t written = write(descriptor, at, size);
        if (written < 0) {
            refuse("its file cannot be written");
        }
        at += written;
        size -= (size_t)written;
    }
}

/* The pages at a region's ends have variables of the stub's own too, which are not saved. */
static void
write_range(int descriptor, const struct image_snapshot_range *range)
{
    static const unsigned char zero[SNAPSHOT_PAGE];
    uintptr_t first = range->address, end = range->address + range->size;
    const struct region *region = snapshot_region_of(regions, range->address, range->size);
    uintptr_t saved_first = region != NULL ? region->first : first;
    uintptr_t saved_end = region != NULL ? region->end : end;
    write_all(descriptor, zero, saved_first - first);
    write_all(descriptor, (const void *)saved_first, saved_end - saved_first);
    write_all(descriptor, zero, end - saved_end);
}

static void
write_file(const char *path, struct output *output, struct ranges *ranges)
{
    uint64_t at = (output->size + SNAPSHOT_PAGE - 1) / SNAPSHOT_PAGE * SNAPSHOT_PAGE;
    for (size_t i = 0; i < ranges->count; i++) {
        ranges->list[i].offset = at;
        at += ranges->list[i].size;
    }
    struct image_snapshot *header = &output->header;
    header->size = at;
    memcpy(output->tables + header->ranges, ranges->list, ranges->count * sizeof *ranges->list);
    struct cursor head = {(unsigned char *)header, offsetof(struct image_snapshot, check)};
    struct cursor tables = {output->tables + sizeof *header, header->tables_end - sizeof *header};
    header->check = xxh64(tables, xxh64(head, 0));
    memcpy(output->tables, header, sizeof *header);

    static const unsigned char zero[SNAPSHOT_PAGE];
    int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    write_all(descriptor, output->tables, output->size);
    write_all(descriptor, zero, (SNAPSHOT_PAGE - output->size % SNAPSHOT_PAGE) % SNAPSHOT_PAGE);
    for (size_t i = 0; i < ranges->count; i++) {
        write_range(descriptor, &ranges->list[i]);
    }
    close(descriptor);
}

/* --- what is saved ------------------------------------------------------------------------- */

static void
fill_tables(struct output *output, const struct snapshot_paths *paths, struct ranges *ranges)
{
    static struct registration registrations[MOST_REGISTRATIONS];
    struct image_snapshot *header = &output->header;
    struct region thread = snapshot_thread_area();
    size_t count = registrations_list(registrations, MOST_REGISTRATIONS);
    if (count == SIZE_MAX) {
        refuse("too much is registered with libc (thread keys, functions at exit)");
    }
    header->registration_count = (uint32_t)count;
    header->registrations = append(output, registrations, count * sizeof *registrations);
    header->thread_area_size = (uint32_t)(thread.end - thread.first);
    header->thread_area = append(output, (const void *)thread.first, thread.end - thread.first);
    header->kept_count = (uint32_t)words.kept_count;
    header->kept = append(output, words.kept, words.kept_count * sizeof *words.kept);
    header->thread_count = (uint32_t)words.thread_count;
    header->threads = append(output, words.threads, words.thread_count * sizeof *words.threads);
    header->path_count = (uint32_t)paths->count;
    header->paths = append(output, paths->list, paths->count * sizeof *paths->list);
    header->range_count = (uint32_t)ranges->count;
    header->ranges = append(output, ranges->list, ranges->count * sizeof *ranges->list);
    header->tables_end = output->size;
}

/* What is for people stands behind the tables: a start does not read it. */
static void
add_account(struct output *output)
{
    struct image_snapshot *header = &output->header;
    char *text = pages(ACCOUNT_LIMIT);
    header->account_size = snapshot_account(text, ACCOUNT_LIMIT);
    header->account = append(output, text, header->account_size);
    header->modules_size = output->modules.size;
    header->modules = append(output, output->modules.data, output->modules.size);
}

/* What is this process's own would make every snapshot different. */
static void
wipe_words(void)
{
    for (size_t i = 0; i < words.kept_count; i++) {
        *(uint64_t *)(uintptr_t)words.kept[i] = 0;
    }
    for (size_t i = 0; i < words.thread_count; i++) {
        *(uint64_t *)(uintptr_t)words.threads[i] -= (uintptr_t)pthread_self();
    }
}

static int
compare_addresses(const void *a, const void *b)
{
    uint64_t first = *(const uint64_t *)a, second = *(const uint64_t *)b;
    return (first > second) - (first < second);
}

static void
scan(void)
{
    words.kept_count = snapshot_relocated(regions, words.kept, MOST_KEPT);
    if (words.kept_count == SIZE_MAX) {
        refuse("the dynamic loader changes what cannot be kept");
    }
    qsort(words.kept, words.kept_count, sizeof *words.kept, compare_addresses);
    if (!snapshot_read_mappings()) {
        refuse("/proc/self/maps cannot be read");
    }
    for (size_t i = 0; i < SNAPSHOT_REGIONS; i++) {
        snapshot_scan(regions[i], &words);
    }
    snapshot_scan(snapshot_thread_area(), &words);
    snapshot_scan((struct region){MEMORY_ARENA, MEMORY_ARENA + memory_arena_size()}, &words);
}

/* Of all that is saved. */
static uint64_t
digest(void)
{
    struct cursor all = {(const unsigned char *)MEMORY_ARENA, memory_arena_size()};
    uint64_t found = xxh64(all, 0);
    for (size_t i = 0; i < SNAPSHOT_REGIONS; i++) {
        const unsigned char *first = (const unsigned char *)regions[i].first;
        found = xxh64((struct cursor){first, regions[i].end - regions[i].first}, found);
    }
    return found;
}

static void
find_paths(struct snapshot_paths *paths, PyObject *containers)
{
    paths->list = pages(MOST_PATHS * sizeof *paths->list);
    paths->capacity = MOST_PATHS;
    paths->containers = containers;
    snapshot_find_paths(regions, paths);
    snapshot_find_containers(paths);
}

static void
rehearse(PyObject *renewed, PyObject *main_code, struct image_snapshot *header)
{
    char *arguments[] = {SNAPSHOT_ROOT, NULL};
    struct invocation invocation = {.argc = 1, .argv = arguments, .invoked = SNAPSHOT_ROOT};
    if (!snapshot_rehearse(renewed, main_code, &invocation)) {
        PyErr_Print();
        refuse("what each process has of its own cannot be made");
    }
    PyObject *names = names_all(); /* it stays */
    if (names == NULL) {
        refuse("there is too little memory");
    }
    PyObject_GC_UnTrack(names);
    header->names = (uintptr_t)names;
}

/* Let Python do its part: the result has what snapshot_renew takes, a list in it, one of all
   objects, and the names of variables and modules. */
static PyObject *
prepare(char **argv, struct output *output, PyObject **containers, PyObject **objects)
{
    PyObject *module = PyImport_ImportModule(MODULE), *renewed = NULL;
    PyObject *result = module ? PyObject_CallMethod(module, "make", "s", argv[2]) : NULL;
    const char *variables, *modules;
    Py_ssize_t size, modules_size;
    if (result == NULL ||
        !PyArg_ParseTuple(result, "OO!O!y#y#", &renewed, &PyList_Type, containers, &PyList_Type,
                          objects, &variables, &size, &modules, &modules_size)) {
        PyErr_Print();
        refuse("the program could not be prepared");
    }
    output->header.variables_size = (uint64_t)size;
    output->header.variables = append(output, variables, (size_t)size);
    output->modules = (struct cursor){(const unsigned char *)modules, (size_t)modules_size};
    return renewed; /* `result` keeps it */
}

static void
unfreeze(PyObject *object)
{
    PyObject_GC_UnTrack(object);
    PyObject_GC_Track(object);
}

/* At the end of a process the main module is garbage, if the collector knows it. The others would
   never be, since functions are immortal that refer to what they hold: if they are there, it is
   cleared. */
static void
prepare_modules(void)
{
    PyObject *main = PyImport_AddModule("__main__"), *modules = PyImport_GetModuleDict();
    PyObject *name, *module;
    Py_ssize_t at = 0;
    while (PyDict_Next(modules, &at, &name, &module)) {
        if (module != main) {
            snapshot_cpython_set_immortal(module);
        }
    }
    unfreeze(main);
    unfreeze(PyModule_GetDict(main));
}

static void
gather(struct snapshot_paths *paths, struct image_snapshot *header)
{
    struct region place;
    if (!snapshot_gather_paths(regions, paths, &place)) {
        refuse("there is too little memory");
    }
    header->written = place.first;
    header->written_size = place.end - place.first;
}

/* What the file argv[3] names, a line each, is of this machine and may not be in a snapshot. */
static void
search_foreign(const char *path)
{
    static char text[64 << 10];
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = read(descriptor, text, sizeof text - 1);
    bool found = size < 0;
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        found |= snapshot_search_text(regions, line);
    }
    close(descriptor);
    if (found) {
        refuse("something of the machine that builds is in it");
    }
}

_Noreturn void
snapshot_make(char **argv, PyObject *main_code)
{
    static struct ranges ranges;
    static struct snapshot_paths paths;
    struct output output = {.tables = pages(TABLES_LIMIT), .size = sizeof output.header};
    struct image_snapshot *header = &output.header;
    PyObject *containers = NULL, *objects = NULL;
    memcpy(header->magic, IMAGE_SNAPSHOT_MAGIC, sizeof header->magic);
    header->python_version = PY_VERSION_HEX;
    header->main_code = (uintptr_t)main_code;
    header->renewed = (uintptr_t)prepare(argv, &output, &containers, &objects);
    rehearse((PyObject *)(uintptr_t)header->renewed, main_code, header);
    header->survey = (uintptr_t)finalisers_of_snapshot(objects); /* it stays */
    prepare_modules();
    header->thread_state = snapshot_cpython_thread_state();
    if (!snapshot_build_id(header->build_id)) {
        refuse("the program has no build ID");
    }
    snapshot_cpu(header->cpu);
    find_paths(&paths, containers);
    snapshot_cpython_wipe();
    gather(&paths, header);
    snapshot_account_prepare();
    if (!snapshot_immortalise(objects) || PyList_SetSlice(objects, 0, PY_SSIZE_T_MAX, NULL) < 0) {
        refuse("there are too many objects");
    }
    memory_end_arena();
    header->arena_size = memory_arena_size();
    search_foreign(argv[3]);
    scan();
    if (words.faults > 0 || paths.faults > 0) {
        refuse("there is something in it that does not belong there");
    }
    uint64_t scanned = digest();
    add_regions(&ranges);
    add_arena(&ranges);
    fill_tables(&output, &paths, &ranges);
    add_account(&output);
    if (digest() != scanned) {
        refuse("it has changed after it was looked at");
    }
    wipe_words();
    write_file(argv[1], &output, &ranges);
    _exit(0);
}
