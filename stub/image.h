/* Find, check and read the image. Nothing is parsed beforehand and nothing is allocated:
   a record is verified when it is read. See image_format.h for the layout. */
#ifndef OXIDIZE_IMAGE_H
#define OXIDIZE_IMAGE_H

#include "cursor.h"
#include "image_format.h"
#include "status.h"

struct image {
    struct cursor sections[IMAGE_SECTION_COUNT];
    uint32_t python_version;
    uint64_t identity;       /* tells it from other images */
    uint64_t snapshot_check; /* XXH64 of the whole snapshot, which nobody has compared */
};

/* Text in the image: UTF-8, not terminated. */
struct text {
    const char *data;
    size_t size;
};

static inline struct text
text_of(const char *terminated)
{
    return (struct text){terminated, strlen(terminated)};
}

/* The content of a file as the image holds it. */
struct stored {
    struct cursor bytes;
    size_t size; /* of the content: as many bytes, unless it is compressed */
    bool compressed;
    uint64_t check;            /* of `bytes` */
    const struct image *image; /* null: bytes that are no file of an image */
};

/* Bytes that are no file of an image. */
static inline struct stored
stored_plainly(struct cursor bytes)
{
    return (struct stored){.bytes = bytes, .size = bytes.size};
}

/* Check header, section table, options and end of the image that fills `whole`. */
struct status image_open(struct cursor whole, struct image *image);

/* Read option number `index`; *present is false behind the last one. */
struct status image_option(const struct image *image, uint32_t index, bool *present,
                           struct image_option *option, struct text *text);

/* Call `apply` with each option in turn, until it fails. */
typedef struct status image_apply_option(void *context, const struct image_option *option,
                                         struct text text);
struct status image_for_each_option(const struct image *image, image_apply_option *apply,
                                    void *context);

uint32_t image_module_count(const struct image *image);

/* Read an entry of the index of modules. */
struct status image_module(const struct image *image, uint32_t index, struct image_module *module,
                           struct text *name);

/* Find a module by its full dotted name; *present says whether there is one. */
struct status image_find_module(const struct image *image, struct text name, bool *present,
                                struct image_module *module);

/* Read an entry of the tree. */
struct status image_node(const struct image *image, uint32_t index, struct image_node *node,
                         struct text *name);

/* How many entries the tree has. */
uint32_t image_node_count(const struct image *image);

/* Find an entry of `directory` by its name. */
struct status image_find_child(const struct image *image, const struct image_node *directory,
                               struct text name, bool *present, uint32_t *index);

/* Find an entry of the tree by its path from the root, without a leading slash.
   "." and ".." and doubled slashes are not understood. */
struct status image_find_path(const struct image *image, struct text path, bool *present,
                              uint32_t *index);

/* Write the path from the root to node `index`, and a terminating zero, into `path`. */
struct status image_path(const struct image *image, uint32_t index, char *path, size_t capacity);

/* Give the content of a file as it is stored, checked: see content.h for what it is unpacked. */
struct status image_content(const struct image *image, const struct image_node *node,
                            struct stored *content);

/* The same without looking at it, which image_check_content does. */
struct status image_locate_content(const struct image *image, const struct image_node *node,
                                   struct stored *content);
struct status image_check_content(const struct stored *content);

/* Give the content of a dictionary, checked. */
struct status image_dictionary(const struct image *image, uint32_t index, struct cursor *content);

/* How many shared libraries there are. */
uint32_t image_library_count(const struct image *image);

/* Read a shared library's entry, and one of the libraries that it needs. */
struct status image_library(const struct image *image, uint32_t index,
                            struct image_library *library);
struct status image_dependency(const struct image *image, const struct image_library *library,
                               uint32_t position, uint32_t *dependency);

#endif
