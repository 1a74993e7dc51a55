/* Reads an image completely through the stub's reader and prints what it holds, one line for each
   record; used by tests that compare it with the Python reader, and that damage images. Exits
   with STATUS_DAMAGED at the first fault, which it names. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "content.h"
#include "xxh64.h"

static void
die_if_failed(struct status status)
{
    if (status_failed(status)) {
        status_die(status);
    }
}

static void
print_tree(const struct image *image, uint32_t index, unsigned depth)
{
    struct image_node node;
    struct text name;
    die_if_failed(image_node(image, index, &node, &name));
    if (node.kind == IMAGE_NODE_KIND_FILE) {
        struct stored stored;
        struct content content;
        char path[PATH_MAX];
        bool present;
        uint32_t found;
        die_if_failed(image_content(image, &node, &stored));
        die_if_failed(content_open(&stored, &content));
        die_if_failed(image_path(image, index, path, sizeof path));
        die_if_failed(image_find_path(image, text_of(path), &present, &found));
        if (!present || found != index || depth > 64) {
            status_die(status_fault("the file tree is damaged"));
        }
        printf("file %s %zu %016llx\n", path, content.bytes.size,
               (unsigned long long)xxh64(content.bytes, 0));
        content_close(&content);
    }
    for (uint32_t i = 0; i < node.child_count; i++) {
        print_tree(image, node.first_child + i, depth + 1);
    }
}

static void
print_modules(const struct image *image, char **names, int count)
{
    for (int i = 0; i < count; i++) {
        struct image_module module;
        bool present;
        die_if_failed(image_find_module(image, text_of(names[i]), &present, &module));
        bool pruned = present && module.kind == IMAGE_MODULE_KIND_PRUNED;
        printf("module %s %s\n", names[i], pruned ? "pruned" : present ? "present" : "absent");
    }
}

static void
print_libraries(const struct image *image)
{
    for (uint32_t i = 0; i < image_library_count(image); i++) {
        struct image_library library;
        die_if_failed(image_library(image, i, &library));
        printf("library %u", (unsigned)library.node);
        for (uint32_t k = 0; k < library.dependency_count; k++) {
            uint32_t dependency;
            die_if_failed(image_dependency(image, &library, k, &dependency));
            printf(" %u", (unsigned)dependency);
        }
        puts("");
    }
}

static void
print_options(const struct image *image)
{
    bool present = true;
    for (uint32_t i = 0; present; i++) {
        struct image_option option;
        struct text text;
        die_if_failed(image_option(image, i, &present, &option, &text));
        if (present) {
            printf("option %u %.*s\n", (unsigned)option.key, (int)text.size, text.data);
        }
    }
}

/* Read a whole file into memory of exactly its size. */
static struct cursor
read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        perror(path);
        exit(2);
    }
    size_t size = (size_t)ftell(file);
    rewind(file);
    unsigned char *data = malloc(size ? size : 1);
    if (data == NULL || fread(data, 1, size, file) != size) {
        perror(path);
        exit(2);
    }
    fclose(file);
    return (struct cursor){data, size};
}

int
main(int argc, char **argv)
{
    if (argc < 2) {
        fputs("usage: read_image IMAGE [MODULE ...]\n", stderr);
        return 2;
    }
    struct cursor file = read_file(argv[1]);
    struct image image;
    status_set_program(argv[1]);
    die_if_failed(image_open(file, &image));
    print_options(&image);
    print_tree(&image, 0, 0);
    print_modules(&image, argv + 2, argc - 2);
    print_libraries(&image);
    free((void *)file.data);
    return 0;
}
