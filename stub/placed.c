#include "placed.h"

#include <limits.h> /* PATH_MAX */
#include <stdio.h>  /* snprintf */
#include <stdlib.h> /* realpath */
#include <unistd.h> /* access */

#include "extract.h"

static char beside[PATH_MAX];
static char extracted[PATH_MAX];

/* Whether there is a file `name` in the directory of `executable`, which becomes `beside`. */
static bool
is_beside(const char *executable, struct text name)
{
    char path[PATH_MAX];
    const char *slash = strrchr(executable, '/');
    int directory = slash != NULL ? (int)(slash - executable) : 0;
    int size =
        snprintf(path, sizeof path, "%.*s/%.*s", directory, executable, (int)name.size, name.data);
    snprintf(beside, sizeof beside, "%.*s", directory, executable);
    return size < (int)sizeof path && access(path, F_OK) == 0;
}

/* The executable may be a link: then its tree is where the file is. */
static void
find_install_tree(const char *executable, struct text name)
{
    char real[PATH_MAX], message[PATH_MAX + 256];
    if (is_beside(executable, name) ||
        (realpath(executable, real) != NULL && is_beside(real, name))) {
        return;
    }
    const char *slash = memchr(name.data, '/', name.size);
    int directory = slash != NULL ? (int)(slash - name.data) : (int)name.size;
    snprintf(message, sizeof message,
             "its directory %.*s is not in %s/, or belongs to another build: the two have to be "
             "moved, and replaced, together",
             directory, name.data, beside);
    status_end(STATUS_INCOMPLETE, message);
}

static struct status
apply(void *context, const struct image_option *option, struct text text)
{
    if (option->key == IMAGE_OPTION_INSTALL_TREE) {
        find_install_tree(context, text);
    } else if (option->key == IMAGE_OPTION_EXTRACTION) {
        extract(text, extracted, sizeof extracted);
    }
    return status_ok();
}

void
placed_setup(const struct image *image, const char *executable)
{
    status_die_if_failed(image_for_each_option(image, apply, (void *)executable));
}

const char *
placed_root(uint32_t key)
{
    return key == IMAGE_OPTION_SEARCH_BESIDE ? beside : extracted;
}
