/* libFuzzer target for the image reader: whatever the bytes are, reading them ends, and stays
   inside them. Built with -DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION, which lets damaged
   checksums pass: the fuzzer then reaches all that stands behind them. */
#include <limits.h>
#include <stdlib.h>

#include "content.c" /* as it is: what it keeps of an image must go with that */

enum { MOST_RECORDS = 256, LARGEST_CONTENT = 1 << 22 };

static void
read_options(const struct image *image)
{
    bool present = true;
    for (uint32_t i = 0; i < MOST_RECORDS && present; i++) {
        struct image_option option;
        struct text text;
        if (status_failed(image_option(image, i, &present, &option, &text))) {
            return;
        }
    }
}

static void
unpack_content(const struct image *image, const struct image_node *node)
{
    struct stored stored;
    struct content content;
    if (!status_failed(image_content(image, node, &stored)) && stored.size <= LARGEST_CONTENT &&
        !status_failed(content_open(&stored, &content))) {
        content_close(&content);
    }
}

static void
forget_dictionaries(void)
{
    for (size_t i = 0; i < MOST_DICTIONARIES; i++) {
        struct dictionary *known = atomic_exchange(&dictionaries[i], NULL);
        if (known != NULL) {
            munmap(known, aligned(sizeof *known) + zstd_dictionary_size());
        }
    }
}

static void
read_tree(const struct image *image)
{
    for (uint32_t i = 0; i < MOST_RECORDS; i++) {
        struct image_node node;
        struct text name;
        char path[PATH_MAX];
        bool present;
        uint32_t found;
        if (status_failed(image_node(image, i, &node, &name))) {
            return;
        }
        unpack_content(image, &node);
        image_find_path(image, name, &present, &found);
        if (!status_failed(image_path(image, i, path, sizeof path))) {
            image_find_path(image, text_of(path), &present, &found);
        }
    }
}

static void
find_modules(const struct image *image)
{
    static const char *const names[] = {"", "a", "os", "flask.app", "__main__"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct image_module module;
        bool present;
        image_find_module(image, text_of(names[i]), &present, &module);
    }
}

static void
read_libraries(const struct image *image)
{
    for (uint32_t i = 0; i < MOST_RECORDS && i < image_library_count(image); i++) {
        struct image_library library;
        uint32_t dependency;
        if (status_failed(image_library(image, i, &library))) {
            return;
        }
        image_dependency(image, &library, 0, &dependency);
        image_dependency(image, &library, library.dependency_count - 1, &dependency);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* A copy of exactly this size, so that the sanitizer sees a byte too many. */
    unsigned char *copy = malloc(size ? size : 1);
    if (copy == NULL) {
        return 0;
    }
    memcpy(copy, data, size);
    struct image image;
    if (!status_failed(image_open((struct cursor){copy, size}, &image))) {
        read_options(&image);
        read_tree(&image);
        find_modules(&image);
        read_libraries(&image);
        forget_dictionaries();
    }
    free(copy);
    return 0;
}
