/* An image whose program has been traced lists modules in the order in which they are imported. If
   they are compressed, a second processor can unpack one while the first one executes those before.

   Neither ever waits for the other: each marks a module before it unpacks it, and what the importer
   wants while the thread is at it the importer unpacks as well. */
#define _GNU_SOURCE
#include "ahead.h"

#include <stdatomic.h> /* atomic_uint */
#include <sys/mman.h>  /* mmap */
#include <unistd.h>    /* sysconf */

#include "content.h"
#include "os.h"

/* Bytes for what is unpacked and not yet imported. A program that does not import what others runs
   of it have imported needs that much for nothing. */
enum { ROOM = 16 << 20 };

enum state { FREE, BEING_UNPACKED, UNPACKED, TAKEN };

struct module {
    unsigned char *content;
    size_t size;
    atomic_uint state; /* an enum state */
};

static struct {
    const struct image *image;
    uint32_t first_count;   /* of the modules that the image lists, those to be unpacked */
    struct module *modules; /* by node of the bytecode */
    uint32_t module_count;  /* 0: there is no thread */
    unsigned char *room;
    size_t used; /* bytes of the room */
    size_t page;
} ahead;

static size_t
whole_pages(size_t size)
{
    return (size + ahead.page - 1) / ahead.page * ahead.page;
}

static void *
map(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

/* --- the thread ---------------------------------------------------------------------------- */

/* Find the bytecode of module number `index`, if it is compressed. What is damaged is left to the
   importer, which says so. */
static bool
find_bytecode(uint32_t index, uint32_t *number, struct stored *stored)
{
    struct image_module module;
    struct image_node node;
    struct text name;
    if (status_failed(image_module(ahead.image, index, &module, &name)) ||
        module.kind != IMAGE_MODULE_KIND_SOURCE || module.bytecode == IMAGE_NONE) {
        return false;
    }
    *number = module.bytecode;
    return !status_failed(image_node(ahead.image, module.bytecode, &node, &name)) &&
           !status_failed(image_locate_content(ahead.image, &node, stored)) && stored->compressed;
}

static void
unpack(struct module *module, const struct stored *stored)
{
    unsigned expected = FREE;
    if (!atomic_compare_exchange_strong(&module->state, &expected, BEING_UNPACKED)) {
        return; /* the importer was first */
    }
    module->content = ahead.room + ahead.used;
    module->size = stored->size;
    bool unpacked = !status_failed(image_check_content(stored)) &&
                    !status_failed(content_copy(stored, module->content));
    expected = BEING_UNPACKED;
    if (atomic_compare_exchange_strong(&module->state, &expected, unpacked ? UNPACKED : TAKEN) &&
        unpacked) {
        ahead.used += whole_pages(stored->size);
    }
}

static void
unpack_all(void)
{
    for (uint32_t index = 0; index < ahead.first_count && !os_helper_is_to_end(); index++) {
        uint32_t number;
        struct stored stored;
        if (find_bytecode(index, &number, &stored)) {
            if (whole_pages(stored.size) > ROOM - ahead.used) {
                break;
            }
            unpack(&ahead.modules[number], &stored);
        }
    }
    os_release_contents(ahead.image);
}

/* --- the importer -------------------------------------------------------------------------- */

static struct status
read_count(void *context, const struct image_option *option, struct text text)
{
    (void)context;
    (void)text;
    if (option->key == IMAGE_OPTION_UNPACK_AHEAD) {
        ahead.first_count = (uint32_t)option->number;
    }
    return status_ok();
}

void
ahead_begin(const struct image *image)
{
    status_die_if_failed(image_for_each_option(image, read_count, NULL));
    if (ahead.first_count > image_module_count(image)) {
        ahead.first_count = image_module_count(image);
    }
    if (ahead.first_count == 0) {
        return;
    }
    ahead.page = (size_t)sysconf(_SC_PAGESIZE);
    size_t table = whole_pages(image_node_count(image) * sizeof *ahead.modules);
    unsigned char *memory = map(table + ROOM);
    if (memory == NULL) {
        return;
    }
    ahead.image = image;
    ahead.modules = (struct module *)memory;
    ahead.room = memory + table;
    ahead.module_count = image_node_count(image);
    if (!os_begin_helper(unpack_all)) {
        ahead.module_count = 0;
        munmap(memory, table + ROOM);
    }
}

bool
ahead_take(uint32_t node, struct cursor *content)
{
    if (node >= ahead.module_count) {
        return false;
    }
    struct module *module = &ahead.modules[node];
    bool unpacked = atomic_exchange(&module->state, TAKEN) == UNPACKED;
    if (unpacked) {
        *content = (struct cursor){module->content, module->size};
    }
    return unpacked;
}

void
ahead_release(struct cursor content)
{
    madvise((void *)(uintptr_t)content.data, whole_pages(content.size), MADV_DONTNEED);
}
