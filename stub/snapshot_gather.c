/* Texts with the path of the executable are written to by every start, and each lies in a page that
   would be copied for it alone. So they are moved to one place, before they are saved.

   A text is moved only if all references to it are known: if at least as many words have its
   address as it has references, and none has it with a mark, as Python has on its stack. There may
   be more: attributes that have moved into a dict leave words behind. Of texts that are the same
   one is enough. */
#define _GNU_SOURCE
#include "snapshot_gather.h"

#include <stdlib.h>   /* bsearch, aligned_alloc, free */
#include <string.h>   /* memcpy */
#include <sys/mman.h> /* mmap */
#include <wchar.h>    /* wcslen */

#include "memory.h"
#include "snapshot_cpython.h"
#include "xxh64.h"

#define GRAIN 16
#define MARKS 3

/* A text, in order of address. */
struct found {
    uintptr_t address;
    size_t words;  /* that have its address */
    size_t marked; /* that have it with a mark in the lowest bits */
    char *moved;   /* where it is to be; null if it stays */
    uint64_t digest;
    bool movable;
    bool repeated; /* one before it is the same */
};

struct gathering {
    const struct region *regions;
    struct snapshot_paths *paths;
    struct found *found;
};

/* Its characters, but for what they end with. */
static struct cursor
text_of(const struct image_snapshot_path *path)
{
    const void *at = (const void *)(uintptr_t)path->address;
    if (path->kind == IMAGE_PATH_KIND_STR) {
        const PyASCIIObject *object = at;
        return (struct cursor){(const unsigned char *)(object + 1), (size_t)object->length};
    }
    return (struct cursor){at, wcslen(at) * sizeof(wchar_t)};
}

static size_t
size_of(const struct image_snapshot_path *path)
{
    bool is_object = path->kind == IMAGE_PATH_KIND_STR;
    size_t size = text_of(path).size + (is_object ? sizeof(PyASCIIObject) + 1 : sizeof(wchar_t));
    return (size + GRAIN - 1) / GRAIN * GRAIN;
}

static int
compare(const void *key, const void *element)
{
    uintptr_t first = *(const uintptr_t *)key, second = ((const struct found *)element)->address;
    return (first > second) - (first < second);
}

/* --- words --------------------------------------------------------------------------------- */

typedef void visit_word(struct found *found, uintptr_t *word);

static void
visit_words(struct gathering *gathering, uintptr_t first, uintptr_t end, visit_word *visit)
{
    const struct snapshot_paths *paths = gathering->paths;
    uintptr_t lowest = paths->list[0].address, highest = paths->list[paths->count - 1].address;
    for (uintptr_t at = (first + 7) / 8 * 8; at + 8 <= end; at += 8) {
        uintptr_t *word = (uintptr_t *)at;
        uintptr_t address = *word & ~(uintptr_t)MARKS;
        if (address >= lowest && address <= highest && address % GRAIN == 0) {
            struct found *found =
                bsearch(&address, gathering->found, paths->count, sizeof *found, compare);
            if (found != NULL) {
                visit(found, word);
            }
        }
    }
}

/* All that is saved. */
static void
visit_all_words(struct gathering *gathering, visit_word *visit)
{
    for (size_t i = 0; i < SNAPSHOT_REGIONS; i++) {
        visit_words(gathering, gathering->regions[i].first, gathering->regions[i].end, visit);
    }
    struct region thread = snapshot_thread_area();
    visit_words(gathering, thread.first, thread.end, visit);
    visit_words(gathering, MEMORY_ARENA, MEMORY_ARENA + memory_arena_size(), visit);
}

static void
count(struct found *found, uintptr_t *word)
{
    if (*word == found->address) {
        found->words++;
    } else {
        found->marked++;
    }
}

static void
redirect(struct found *found, uintptr_t *word)
{
    if (found->moved != NULL && *word == found->address) {
        *word = (uintptr_t)found->moved;
    }
}

/* --- moving -------------------------------------------------------------------------------- */

static bool
is_movable(const struct image_snapshot_path *path, const struct found *found)
{
    PyObject *object = (PyObject *)(uintptr_t)path->address;
    if (path->kind == IMAGE_PATH_KIND_STR) {
        return found->words > 0 && found->marked == 0 &&
               (snapshot_cpython_is_immortal(object) ||
                (Py_ssize_t)found->words >= Py_REFCNT(object));
    }
    return path->kind == IMAGE_PATH_KIND_WIDE && found->words == 1;
}

static bool
are_same(const struct image_snapshot_path *a, const struct image_snapshot_path *b)
{
    struct cursor first = text_of(a), second = text_of(b);
    return a->kind == b->kind && first.size == second.size &&
           memcmp(first.data, second.data, first.size) == 0;
}

/* One before `index` that can be moved and is the same; null if there is none. */
static struct found *
find_same(const struct gathering *gathering, size_t index)
{
    const struct image_snapshot_path *list = gathering->paths->list;
    for (size_t i = 0; i < index; i++) {
        struct found *found = &gathering->found[i];
        if (found->movable && !found->repeated && found->digest == gathering->found[index].digest &&
            are_same(&list[i], &list[index])) {
            return found;
        }
    }
    return NULL;
}

/* Find out which texts can be moved; returns how much those take that are to be kept. */
static size_t
choose(struct gathering *gathering)
{
    size_t size = 0;
    for (size_t i = 0; i < gathering->paths->count; i++) {
        struct found *found = &gathering->found[i];
        const struct image_snapshot_path *path = &gathering->paths->list[i];
        if (is_movable(path, found)) {
            found->movable = true;
            found->digest = xxh64(text_of(path), path->kind);
            found->repeated = find_same(gathering, i) != NULL;
            size += found->repeated ? 0 : size_of(path);
        }
    }
    return size;
}

/* Give each text that can be moved its place. */
static void
assign(struct gathering *gathering, char *place)
{
    for (size_t i = 0; i < gathering->paths->count; i++) {
        struct found *found = &gathering->found[i];
        if (found->repeated) {
            found->moved = find_same(gathering, i)->moved;
        } else if (found->movable) {
            found->moved = place;
            place += size_of(&gathering->paths->list[i]);
        }
    }
}

static void
move(struct gathering *gathering)
{
    struct snapshot_paths *paths = gathering->paths;
    size_t count = 0;
    for (size_t i = 0; i < paths->count; i++) {
        struct image_snapshot_path path = paths->list[i];
        const struct found *found = &gathering->found[i];
        void *at = (void *)(uintptr_t)path.address;
        if (found->movable && !found->repeated) {
            memcpy(found->moved, at, size_of(&path));
            path.address = (uintptr_t)found->moved;
            if (path.kind == IMAGE_PATH_KIND_STR) {
                /* It has no block of its own, by which it could be resized. */
                snapshot_cpython_set_immortal((PyObject *)found->moved);
            }
        }
        if (found->movable) {
            free(at);
        }
        if (!found->repeated) {
            paths->list[count++] = path;
        }
    }
    paths->count = count;
}

bool
snapshot_gather_paths(const struct region regions[SNAPSHOT_REGIONS], struct snapshot_paths *paths,
                      struct region *place)
{
    *place = (struct region){0, 0};
    if (paths->count == 0) {
        return true;
    }
    struct gathering gathering = {regions, paths,
                                  mmap(NULL, paths->count * sizeof(struct found),
                                       PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)};
    if (gathering.found == MAP_FAILED) {
        return false;
    }
    for (size_t i = 0; i < paths->count; i++) {
        gathering.found[i].address = paths->list[i].address;
    }
    visit_all_words(&gathering, count);
    size_t size = choose(&gathering);
    size = (size + SNAPSHOT_PAGE - 1) / SNAPSHOT_PAGE * SNAPSHOT_PAGE;
    char *gathered = size > 0 ? aligned_alloc(SNAPSHOT_PAGE, size) : NULL;
    if (gathered == NULL) {
        return size == 0;
    }
    assign(&gathering, gathered);
    visit_all_words(&gathering, redirect);
    move(&gathering);
    *place = (struct region){(uintptr_t)gathered, (uintptr_t)gathered + size};
    return true;
}
