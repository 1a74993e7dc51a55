/* pymalloc takes memory from the system in arenas of a mebibyte, whose pages the kernel then gives
   one by one, when each is first written to: a start that imports much spends a tenth of its time
   on that. Two arenas are one huge page, which the kernel gives at once, if it does so for those
   who ask.

   A program that does little fills no huge page. From its first arena on it has huge pages where
   the runtime has put the code of the start together, which spares more memory than they take. */
#include "arenas.h"

#include <Python.h>

#include <stdatomic.h>
#include <stdbool.h>

#include "os.h"

enum { HUGE_PAGE = 2 << 20, ORDINARY = 2, GATHERED = 256 << 10 };

/* The code of the start, as the linker has put it together: little, if nobody knows which it is. */
extern const char oxidize_startup[], oxidize_startup_end[];

static PyObjectArenaAllocator before;

static atomic_int ordinary_left; /* arenas */

/* The second half of the latest huge page, until it is taken. Interpreters with locks of their own
   may come for it at the same time. */
static _Atomic(char *) spare;

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
    bool may_be_huge = size == HUGE_PAGE / 2 && atomic_fetch_sub(&ordinary_left, 1) <= 0;
    void *half = may_be_huge ? take_half() : NULL;
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
        bool gathered = (uintptr_t)oxidize_startup_end - (uintptr_t)oxidize_startup >= GATHERED;
        atomic_init(&ordinary_left, gathered ? 0 : ORDINARY);
        PyObject_GetArenaAllocator(&before);
        PyObjectArenaAllocator huge = {.alloc = allocate, .free = release};
        PyObject_SetArenaAllocator(&huge);
    }
    return status;
}
