/* pymalloc takes memory from the system in arenas of a mebibyte, whose pages the kernel then gives
   one by one, when each is first written to: a start that imports much spends a tenth of its time
   on that. Two arenas are one huge page, which the kernel gives at once, if it does so for those
   who ask. The first arenas are ordinary memory: programs that import little fill no huge page. */
#include "arenas.h"

#include <Python.h>

#include <stdatomic.h>
#include <stdbool.h>

#include "os.h"

enum { HUGE_PAGE = 2 << 20, ORDINARY = 2 };

static PyObjectArenaAllocator before;

/* The second half of the latest huge page, until it is taken. Interpreters with locks of their own
   may come for it at the same time. */
static _Atomic(char *) spare;

static atomic_int taken; /* arenas */

static void *
take_half(void)
{
    char *half = atomic_exchange(&spare, NULL);
    if (half != NULL) {
        return half;
    }
    char *page = os_map_huge(HUGE_PAGE);
    char *none = NULL;
    if (page != NULL && !atomic_compare_exchange_strong(&spare, &none, page + HUGE_PAGE / 2)) {
        os_unmap(page + HUGE_PAGE / 2, HUGE_PAGE / 2);
    }
    return page;
}

static void *
allocate(void *context, size_t size)
{
    (void)context;
    bool is_arena = size == HUGE_PAGE / 2;
    void *half = is_arena && atomic_fetch_add(&taken, 1) >= ORDINARY ? take_half() : NULL;
    return half != NULL ? half : before.alloc(before.ctx, size);
}

static void
release(void *context, void *memory, size_t size)
{
    (void)context;
    before.free(before.ctx, memory, size); /* to the system, as what it takes itself */
}

static struct status
apply(void *context, const struct image_option *option, struct text text)
{
    bool *wanted = context;
    (void)text;
    if (option->key == IMAGE_OPTION_SMALL_PAGES) {
        *wanted = false;
    }
    return status_ok();
}

struct status
arenas_setup(const struct image *image)
{
    bool wanted = true;
    struct status status = image_for_each_option(image, apply, &wanted);
    if (!status_failed(status) && wanted) {
        PyObject_GetArenaAllocator(&before);
        PyObjectArenaAllocator huge = {.alloc = allocate, .free = release};
        PyObject_SetArenaAllocator(&huge);
    }
    return status;
}
