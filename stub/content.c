#include "content.h"

#include <stdatomic.h> /* _Atomic */
#include <sys/mman.h>  /* mmap */

#include "zstd.h"

/* Contents up to this size are unpacked into memory that is kept: of most modules. The kernel gives
   it pages as they are written to. */
#define KEPT_ROOM (1u << 20)

/* There is one for each kind of file; more are not expected. */
#define MOST_DICTIONARIES 8

/* Memory for unpacking: of the decoder, then of the content. */
struct workspace {
    size_t size;
    struct zstd_context *context;
    unsigned char *room;
    size_t room_size;
};

/* One that nobody uses. Whoever needs one takes it out; several threads have one each. */
static _Atomic(struct workspace *) spare;

/* What has been prepared of a dictionary, by its number less 1. */
struct dictionary {
    struct cursor content;
    const struct zstd_dictionary *prepared;
};

static _Atomic(struct dictionary *) dictionaries[MOST_DICTIONARIES];

static size_t
aligned(size_t size)
{
    return (size + 63) & ~(size_t)63;
}

static void *
map(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static struct status
out_of_memory(void)
{
    return status_fault("there is not enough memory to unpack a packed file");
}

static struct status
damaged(void)
{
    return status_fault("a packed file is damaged");
}

/* --- workspaces ----------------------------------------------------------------------------- */

static struct workspace *
make_workspace(size_t room_size)
{
    size_t own = aligned(sizeof(struct workspace)), context = aligned(zstd_context_size());
    size_t size = own + context + room_size;
    if (size < room_size) {
        return NULL;
    }
    unsigned char *memory = map(size);
    if (memory == NULL) {
        return NULL;
    }
    struct workspace *made = (struct workspace *)memory;
    *made = (struct workspace){.size = size,
                               .context = zstd_context(memory + own, context),
                               .room = memory + own + context,
                               .room_size = room_size};
    return made;
}

static struct workspace *
take_workspace(size_t room_size)
{
    if (room_size > KEPT_ROOM) {
        return make_workspace(room_size);
    }
    struct workspace *taken = atomic_exchange(&spare, NULL);
    return taken ? taken : make_workspace(KEPT_ROOM);
}

static void
give_back(struct workspace *workspace)
{
    struct workspace *none = NULL;
    if (workspace->room_size != KEPT_ROOM ||
        !atomic_compare_exchange_strong(&spare, &none, workspace)) {
        munmap(workspace, workspace->size);
    }
}

/* --- dictionaries --------------------------------------------------------------------------- */

static struct status
make_dictionary(const struct image *image, uint32_t number, struct dictionary **made)
{
    struct cursor content;
    struct status status = image_dictionary(image, number - 1, &content);
    if (status_failed(status)) {
        return status;
    }
    size_t own = aligned(sizeof **made), size = zstd_dictionary_size();
    unsigned char *memory = map(own + size);
    if (memory == NULL) {
        return out_of_memory();
    }
    *made = (struct dictionary *)memory;
    **made = (struct dictionary){content, zstd_dictionary(memory + own, size, content)};
    if ((*made)->prepared == NULL) {
        munmap(memory, own + size);
        return status_fault("what its files were compressed with is damaged");
    }
    return status_ok();
}

/* Give dictionary `number` of the image, or null for 0. It is prepared once, and stays. */
static struct status
find_dictionary(const struct image *image, uint32_t number,
                const struct zstd_dictionary **dictionary)
{
    *dictionary = NULL;
    if (number == 0) {
        return status_ok();
    }
    if (number > MOST_DICTIONARIES) {
        return damaged();
    }
    _Atomic(struct dictionary *) *place = &dictionaries[number - 1];
    struct dictionary *found = atomic_load(place), *none = NULL;
    if (found == NULL) {
        struct dictionary *made;
        struct status status = make_dictionary(image, number, &made);
        if (status_failed(status)) {
            return status;
        }
        /* Of two threads that were as quick the other's is as good, and this one a small loss. */
        found = atomic_compare_exchange_strong(place, &none, made) ? made : none;
    }
    *dictionary = found->prepared;
    return status_ok();
}

/* --- contents ------------------------------------------------------------------------------- */

static struct status
unpack(const struct stored *stored, struct workspace *workspace, void *memory)
{
    const struct zstd_dictionary *dictionary;
    struct status status =
        find_dictionary(stored->image, zstd_dictionary_number(stored->bytes), &dictionary);
    if (!status_failed(status) &&
        !zstd_unpack(workspace->context, dictionary, stored->bytes, memory, stored->size)) {
        status = damaged();
    }
    return status;
}

struct status
content_copy(const struct stored *stored, void *memory)
{
    if (!stored->compressed) {
        memcpy(memory, stored->bytes.data, stored->size);
        return status_ok();
    }
    struct workspace *workspace = take_workspace(0);
    if (workspace == NULL) {
        return out_of_memory();
    }
    struct status status = unpack(stored, workspace, memory);
    give_back(workspace);
    return status;
}

struct status
content_open(const struct stored *stored, struct content *content)
{
    *content = (struct content){.bytes = stored->bytes};
    if (!stored->compressed) {
        return status_ok();
    }
    struct workspace *workspace = take_workspace(stored->size);
    if (workspace == NULL) {
        return out_of_memory();
    }
    struct status status = unpack(stored, workspace, workspace->room);
    if (status_failed(status)) {
        give_back(workspace);
        return status;
    }
    *content = (struct content){{workspace->room, stored->size}, workspace};
    return status;
}

void
content_close(struct content *content)
{
    if (content->workspace != NULL) {
        give_back(content->workspace);
    }
    *content = (struct content){0};
}
