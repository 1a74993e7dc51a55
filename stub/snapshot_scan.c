#define _GNU_SOURCE
#include "snapshot_scan.h"

#include <Python.h>

#include <fcntl.h>   /* open */
#include <pthread.h> /* pthread_self */
#include <stdio.h>   /* sscanf */
#include <stdlib.h>  /* bsearch */
#include <string.h>
#include <unistd.h> /* read */

#include "memory.h"
#include "snapshot_state.h"

#define MAPS "/proc/self/maps"
#define MOST_MAPPINGS 512
#define MOST_SHOWN 40

struct mapping {
    uintptr_t first, end;
    char name[96];
};

static struct mapping mappings[MOST_MAPPINGS];
static size_t mapping_count;
static char text[256 << 10];

/* The program's own segments are at the same addresses in every process, and so is the image, whose
   parts are in the same places in the executable that has the snapshot. Where a segment ends in
   zeros its mapping has no name. */
static bool
is_fixed(const struct mapping *mapping)
{
    extern const unsigned char oxidize_image[];
    return (mapping->first <= (uintptr_t)oxidize_image && mapping->name[0] != '[') ||
           memory_in_arena(mapping->first, MEMORY_ARENA_LIMIT);
}

static void
read_line(const char *line)
{
    struct mapping *mapping = &mappings[mapping_count];
    int name = 0;
    if (sscanf(line, "%lx-%lx %*s %*s %*s %*s%n", &mapping->first, &mapping->end, &name) < 2) {
        return;
    }
    name += (int)strspn(line + name, " ");
    size_t size = strcspn(line + name, "\n");
    snprintf(mapping->name, sizeof mapping->name, "%.*s", (int)size, line + name);
    if (!is_fixed(mapping)) {
        mapping_count++;
    }
}

bool
snapshot_read_mappings(void)
{
    int descriptor = open(MAPS, O_RDONLY | O_CLOEXEC);
    size_t size = 0;
    ssize_t got;
    while (descriptor >= 0 && size < sizeof text - 1 &&
           (got = read(descriptor, text + size, sizeof text - 1 - size)) > 0) {
        size += (size_t)got;
    }
    if (descriptor < 0 || size == 0 || size == sizeof text - 1) {
        return false;
    }
    close(descriptor);
    for (const char *line = text; *line != '\0' && mapping_count < MOST_MAPPINGS - 1;) {
        read_line(line);
        const char *end = strchr(line, '\n');
        line = end != NULL ? end + 1 : line + strlen(line);
    }
    return mapping_count < MOST_MAPPINGS - 1;
}

static const struct mapping *
find_mapping(uintptr_t value)
{
    size_t low = 0, high = mapping_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (value < mappings[middle].first) {
            high = middle;
        } else if (value >= mappings[middle].end) {
            low = middle + 1;
        } else {
            return &mappings[middle];
        }
    }
    return NULL;
}

/* Whether something at an address can be looked at: the interpreter's own types are variables. */
static bool
is_saved(uintptr_t address)
{
    return memory_in_arena(address, memory_arena_size()) ||
           (address >= (uintptr_t)saved_data_first && address < (uintptr_t)saved_data_last) ||
           (address >= (uintptr_t)saved_bss_first && address < (uintptr_t)saved_bss_last);
}

static bool
is_type(const void *candidate)
{
    uintptr_t address = (uintptr_t)candidate;
    if (address % sizeof(void *) != 0 || !is_saved(address) ||
        !is_saved(address + sizeof(PyTypeObject) - 1)) {
        return false;
    }
    const PyTypeObject *type = Py_TYPE((const PyObject *)candidate);
    return type == &PyType_Type ||
           (is_saved((uintptr_t)type) && (uintptr_t)type % sizeof(void *) == 0 &&
            Py_TYPE((const PyObject *)type) == &PyType_Type &&
            PyType_HasFeature((PyTypeObject *)type, Py_TPFLAGS_TYPE_SUBCLASS));
}

const char *
snapshot_type_name(const void *block, size_t size)
{
    for (size_t before = 0; before <= 4 * sizeof(void *); before += 2 * sizeof(void *)) {
        const PyObject *object = (const PyObject *)((const char *)block + before);
        if (before + sizeof *object <= size && is_type(Py_TYPE(object))) {
            return Py_TYPE(object)->tp_name;
        }
    }
    return NULL;
}

/* The object that a word is in, as far as can be told. */
static const char *
owner(uintptr_t address)
{
    size_t size;
    const void *block = memory_block(address, &size);
    if (block == NULL) {
        return memory_in_arena(address, memory_arena_size()) ? "memory" : "a variable";
    }
    const char *name = snapshot_type_name(block, size);
    return name != NULL ? name : "a block of memory";
}

static int
compare(const void *a, const void *b)
{
    uint64_t first = *(const uint64_t *)a, second = *(const uint64_t *)b;
    return (first > second) - (first < second);
}

static void
report(uintptr_t address, uintptr_t value, const struct mapping *mapping,
       struct snapshot_words *words)
{
    if (words->faults++ < MOST_SHOWN) {
        fprintf(stderr, "address: %s at %#lx refers to %s (%#lx)\n", owner(address), address,
                mapping->name[0] ? mapping->name : "memory outside the arena", value);
    }
}

void
snapshot_scan(struct region region, struct snapshot_words *words)
{
    const uintptr_t self = (uintptr_t)pthread_self();
    const struct region thread = snapshot_thread_area();
    const bool is_shared = region.first != thread.first;
    for (uintptr_t at = (region.first + 7) & ~(uintptr_t)7; at + 8 <= region.end; at += 8) {
        uintptr_t value = *(const uintptr_t *)at;
        uint64_t key = at;
        if (value < SNAPSHOT_PAGE ||
            bsearch(&key, words->kept, words->kept_count, sizeof key, compare) != NULL) {
            continue;
        }
        const struct mapping *mapping = find_mapping(value);
        if (mapping == NULL) {
            continue;
        }
        bool is_own = value == self || (value >= thread.first && value < thread.end);
        if (is_own && is_shared && words->thread_count < MOST_THREADS) {
            words->threads[words->thread_count++] = at;
        } else {
            report(at, value, mapping, words);
        }
    }
}

static bool
search(struct region region, const char *wanted)
{
    const char *at = (const char *)region.first, *end = (const char *)region.end;
    bool found = false;
    while ((at = memmem(at, (size_t)(end - at), wanted, strlen(wanted))) != NULL) {
        const char *first = at;
        while (first > (const char *)region.first && at - first < 40 && first[-1] >= ' ') {
            first--;
        }
        fprintf(stderr, "machine: %s holds %.120s\n", owner((uintptr_t)at), first);
        found = true;
        at += strlen(wanted);
    }
    return found;
}

bool
snapshot_search_text(const struct region regions[SNAPSHOT_REGIONS], const char *wanted)
{
    bool found = search((struct region){MEMORY_ARENA, MEMORY_ARENA + memory_arena_size()}, wanted);
    for (size_t i = 0; i < SNAPSHOT_REGIONS; i++) {
        found |= search(regions[i], wanted);
    }
    return found;
}
