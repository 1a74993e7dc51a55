#include "allocators.h"

#include <Python.h>

#define DOMAINS 3

/* CPython's own: it sets the allocators of all domains. Headers do not declare it, since it is not
   for extension modules; nothing public gives two kinds of allocator in one process. */
extern int _PyMem_SetupAllocators(PyMemAllocatorName name);

static const char *const domain_names[DOMAINS] = {"raw", "mem", "object"}; /* by number */

static void
get_all(PyMemAllocatorEx allocators[DOMAINS])
{
    for (int domain = 0; domain < DOMAINS; domain++) {
        PyMem_GetAllocator((PyMemAllocatorDomain)domain, &allocators[domain]);
    }
}

static void
set_all(PyMemAllocatorEx allocators[DOMAINS])
{
    for (int domain = 0; domain < DOMAINS; domain++) {
        PyMem_SetAllocator((PyMemAllocatorDomain)domain, &allocators[domain]);
    }
}

/* What the domain has where the allocator `name` is that of all domains. */
static bool
find_allocator(int name, int domain, PyMemAllocatorEx *found)
{
    PyMemAllocatorEx kept[DOMAINS];
    get_all(kept);
    bool known = _PyMem_SetupAllocators((PyMemAllocatorName)name) == 0;
#ifdef WITH_MIMALLOC
    if (name == PYMEM_ALLOCATOR_MIMALLOC && domain == PYMEM_DOMAIN_RAW) {
        domain = PYMEM_DOMAIN_MEM; /* before 3.15 CPython leaves that domain to malloc */
    }
#endif
    PyMem_GetAllocator((PyMemAllocatorDomain)domain, found);
    set_all(kept);
    return known;
}

static struct status
apply(void *context, const struct image_option *option, struct text text)
{
    bool *changed = context;
    if (option->key != IMAGE_OPTION_ALLOCATOR || text.size == 0) {
        return status_ok();
    }
    for (int domain = 0; domain < DOMAINS; domain++) {
        const char *name = domain_names[domain];
        PyMemAllocatorEx allocator;
        if (strlen(name) == text.size && memcmp(name, text.data, text.size) == 0 &&
            find_allocator((int)option->number, domain, &allocator)) {
            PyMem_SetAllocator((PyMemAllocatorDomain)domain, &allocator);
            *changed = true;
            return status_ok();
        }
    }
    return status_fault("it asks for an allocator that its Python does not have");
}

struct status
allocators_setup(const struct image *image)
{
    PyMemAllocatorEx raw;
    PyMem_GetAllocator(PYMEM_DOMAIN_RAW, &raw);
    bool debug = raw.ctx != NULL; /* CPython's debug hooks have a context, its allocators none */
    bool changed = false;
    struct status status = image_for_each_option(image, apply, &changed);
    if (debug && changed) {
        PyMem_SetupDebugHooks();
    }
    return status;
}
