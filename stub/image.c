#include "image.h"

#include "xxh64.h"

#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
/* A fuzzer cannot guess checksums: without them it reaches the code behind. */
#define CHECKSUMS_AGREE(stored, computed) ((void)(stored), (void)(computed), true)
#else
#define CHECKSUMS_AGREE(stored, computed) ((stored) == (computed))
#endif

/* A block of a zstd frame is at least this long, and what it is unpacked to at most that. */
#define SHORTEST_BLOCK 3
#define LARGEST_BLOCK (128u << 10)

/* Deeper trees are damaged ones: a path is at most PATH_MAX characters long. */
#define DEEPEST 2048

static struct cursor
cursor_of(const void *data, size_t size)
{
    return (struct cursor){data, size};
}

static uint64_t
text_check(struct text text, uint64_t seed)
{
    return xxh64(cursor_of(text.data, text.size), seed);
}

static uint64_t
record_count(const struct image *image, unsigned section, size_t record_size)
{
    return image->sections[section].size / record_size;
}

/* Copy record `index` of a section. */
static bool
read_record(const struct image *image, unsigned section, uint32_t index, void *record, size_t size)
{
    return cursor_read(image->sections[section], (uint64_t)index * size, record, size);
}

/* Compare the checksum that ends a record with that of its content, its text and its position. */
static bool
record_is_whole(const void *record, size_t size, struct text text, uint32_t index)
{
    uint32_t stored;
    size_t covered = size - sizeof stored;
    memcpy(&stored, (const unsigned char *)record + covered, sizeof stored);
    uint64_t computed = xxh64(cursor_of(record, covered), text_check(text, index));
    return CHECKSUMS_AGREE(stored, (uint32_t)computed);
}

static bool
read_text(const struct image *image, uint64_t offset, uint64_t size, struct text *text)
{
    struct cursor bytes;
    if (!cursor_slice(image->sections[IMAGE_SECTION_STRINGS], offset, size, &bytes)) {
        return false;
    }
    *text = (struct text){(const char *)bytes.data, bytes.size};
    return true;
}

static bool
texts_equal(struct text a, struct text b)
{
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

/* --- opening ------------------------------------------------------------------------------- */

static struct status
check_header(struct cursor whole, struct image_header *header)
{
    char magic[IMAGE_MARKER_SIZE];
    if (!cursor_read(whole, 0, magic, sizeof magic) ||
        memcmp(magic, IMAGE_MAGIC, sizeof magic) != 0) {
        return status_fault("it holds no image");
    }
    if (!cursor_read(whole, 0, header, sizeof *header)) {
        return status_fault("the image is cut short");
    }
    if (header->format_version != IMAGE_FORMAT_VERSION) {
        return status_fault("its image has a format that this stub does not know");
    }
    struct cursor table;
    uint64_t table_size = IMAGE_SECTION_COUNT * sizeof(struct image_section);
    if (header->section_count != IMAGE_SECTION_COUNT ||
        !cursor_slice(whole, sizeof *header, table_size, &table)) {
        return status_fault("the section table is damaged");
    }
    size_t covered = sizeof *header - sizeof header->check;
    uint64_t computed = xxh64(table, xxh64(cursor_of(whole.data, covered), 0));
    if (!CHECKSUMS_AGREE(header->check, computed)) {
        return status_fault("the header is damaged");
    }
    return status_ok();
}

static struct status
check_end(struct cursor whole, const struct image_header *header)
{
    struct cursor end;
    if (header->size < IMAGE_MARKER_SIZE ||
        !cursor_slice(whole, header->size - IMAGE_MARKER_SIZE, IMAGE_MARKER_SIZE, &end) ||
        memcmp(end.data, IMAGE_END_MARKER, IMAGE_MARKER_SIZE) != 0) {
        return status_fault("the image is cut short");
    }
    return status_ok();
}

struct status
image_open(struct cursor whole, struct image *image)
{
    struct image_header header;
    struct status status = check_header(whole, &header);
    if (!status_failed(status)) {
        status = check_end(whole, &header);
    }
    if (status_failed(status)) {
        return status;
    }
    *image = (struct image){.python_version = header.python_version, .identity = header.check};
    uint64_t options_check = 0;
    for (unsigned i = 0; i < IMAGE_SECTION_COUNT; i++) {
        struct image_section section;
        if (!cursor_read(whole, sizeof header + i * sizeof section, &section, sizeof section) ||
            !cursor_slice(whole, section.offset, section.size, &image->sections[i])) {
            return status_fault("the section table is damaged");
        }
        if (i == IMAGE_SECTION_OPTIONS) {
            options_check = section.check;
        } else if (i == IMAGE_SECTION_SNAPSHOT) {
            image->snapshot_check = section.check;
        }
    }
    if (!CHECKSUMS_AGREE(options_check, xxh64(image->sections[IMAGE_SECTION_OPTIONS], 0))) {
        return status_fault("the configuration is damaged");
    }
    return status_ok();
}

struct status
image_option(const struct image *image, uint32_t index, bool *present, struct image_option *option,
             struct text *text)
{
    *present = index < record_count(image, IMAGE_SECTION_OPTIONS, sizeof *option);
    if (!*present) {
        return status_ok();
    }
    if (!read_record(image, IMAGE_SECTION_OPTIONS, index, option, sizeof *option) ||
        !read_text(image, option->text_offset, option->text_size, text) ||
        !CHECKSUMS_AGREE(option->text_check, text_check(*text, 0))) {
        return status_fault("the configuration is damaged");
    }
    return status_ok();
}

struct status
image_for_each_option(const struct image *image, image_apply_option *apply, void *context)
{
    struct status status = status_ok();
    bool present = true;
    for (uint32_t i = 0; present && !status_failed(status); i++) {
        struct image_option option;
        struct text text;
        status = image_option(image, i, &present, &option, &text);
        if (present && !status_failed(status)) {
            status = apply(context, &option, text);
        }
    }
    return status;
}

/* --- modules ------------------------------------------------------------------------------- */

struct status
image_module(const struct image *image, uint32_t index, struct image_module *module,
             struct text *name)
{
    if (!read_record(image, IMAGE_SECTION_MODULES, index, module, sizeof *module) ||
        !read_text(image, module->name_offset, module->name_size, name) ||
        !record_is_whole(module, sizeof *module, *name, index)) {
        return status_fault("the index of modules is damaged");
    }
    return status_ok();
}

uint32_t
image_module_count(const struct image *image)
{
    return (uint32_t)record_count(image, IMAGE_SECTION_MODULES, sizeof(struct image_module));
}

struct status
image_find_module(const struct image *image, struct text name, bool *present,
                  struct image_module *module)
{
    *present = false;
    uint64_t slots = record_count(image, IMAGE_SECTION_BUCKETS, sizeof(struct image_bucket));
    if (slots == 0 || slots > UINT32_MAX) {
        return status_fault("the index of modules is damaged");
    }
    uint32_t slot = (uint32_t)(text_check(name, 0) % slots);
    for (uint64_t tried = 0; tried < slots; tried++) {
        struct image_bucket bucket;
        if (!read_record(image, IMAGE_SECTION_BUCKETS, slot, &bucket, sizeof bucket) ||
            !record_is_whole(&bucket, sizeof bucket, text_of(""), slot)) {
            return status_fault("the index of modules is damaged");
        }
        if (bucket.module == IMAGE_NONE) {
            return status_ok();
        }
        struct text found;
        struct status status = image_module(image, bucket.module, module, &found);
        if (status_failed(status)) {
            return status;
        }
        if (texts_equal(found, name)) {
            *present = true;
            return status_ok();
        }
        slot = (uint32_t)((slot + 1) % slots);
    }
    return status_ok();
}

/* --- the tree ------------------------------------------------------------------------------ */

struct status
image_node(const struct image *image, uint32_t index, struct image_node *node, struct text *name)
{
    if (!read_record(image, IMAGE_SECTION_NODES, index, node, sizeof *node) ||
        !read_text(image, node->name_offset, node->name_size, name) ||
        !record_is_whole(node, sizeof *node, *name, index)) {
        return status_fault("the file tree is damaged");
    }
    return status_ok();
}

static int
compare_texts(struct text a, struct text b)
{
    int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

uint32_t
image_node_count(const struct image *image)
{
    return (uint32_t)record_count(image, IMAGE_SECTION_NODES, sizeof(struct image_node));
}

/* Binary search among the children of a directory. */
struct status
image_find_child(const struct image *image, const struct image_node *directory, struct text name,
                 bool *present, uint32_t *index)
{
    *present = false;
    if (directory->kind != IMAGE_NODE_KIND_DIRECTORY) {
        return status_ok();
    }
    uint64_t low = directory->first_child;
    uint64_t high = low + directory->child_count;
    while (low < high) {
        uint64_t middle = (low + high) / 2;
        struct image_node child;
        struct text child_name;
        if (middle > UINT32_MAX) {
            return status_fault("the file tree is damaged");
        }
        struct status status = image_node(image, (uint32_t)middle, &child, &child_name);
        if (status_failed(status)) {
            return status;
        }
        int order = compare_texts(name, child_name);
        if (order == 0) {
            *present = true;
            *index = (uint32_t)middle;
            return status_ok();
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return status_ok();
}

struct status
image_find_path(const struct image *image, struct text path, bool *present, uint32_t *index)
{
    uint32_t at = 0;
    *present = true;
    while (path.size > 0) {
        const char *slash = memchr(path.data, '/', path.size);
        size_t size = slash ? (size_t)(slash - path.data) : path.size;
        struct image_node directory;
        struct text ignored;
        struct status status = image_node(image, at, &directory, &ignored);
        if (!status_failed(status)) {
            struct text name = {path.data, size};
            status = image_find_child(image, &directory, name, present, &at);
        }
        if (status_failed(status) || !*present) {
            return status;
        }
        size_t step = size + (slash != 0);
        path = (struct text){path.data + step, path.size - step};
    }
    *index = at;
    return status_ok();
}

struct status
image_path(const struct image *image, uint32_t index, char *path, size_t capacity)
{
    /* Written from the end backwards, since a node knows its parent only. */
    size_t start = capacity - 1;
    path[start] = '\0';
    for (unsigned depth = 0; index != 0; depth++) {
        struct image_node node;
        struct text name;
        struct status status = image_node(image, index, &node, &name);
        if (status_failed(status)) {
            return status;
        }
        if (depth == DEEPEST || name.size + 1 > start) {
            return status_fault("the file tree is damaged");
        }
        if (depth > 0) {
            path[--start] = '/';
        }
        start -= name.size;
        memcpy(path + start, name.data, name.size);
        index = node.parent;
    }
    memmove(path, path + start, capacity - start);
    return status_ok();
}

/* Nobody makes room for more than what is stored can be unpacked to. */
static bool
size_is_possible(const struct image_node *node)
{
    uint64_t blocks = (uint64_t)node->stored_size / SHORTEST_BLOCK + 1;
    return node->data_size > 0 && node->data_size <= blocks * LARGEST_BLOCK;
}

static struct status
damaged_file(void)
{
    return status_fault("a packed file is damaged");
}

struct status
image_locate_content(const struct image *image, const struct image_node *node,
                     struct stored *content)
{
    bool compressed = node->flags & IMAGE_NODE_FLAG_COMPRESSED;
    uint64_t size = compressed ? node->stored_size : node->data_size;
    if (node->kind != IMAGE_NODE_KIND_FILE ||
        !cursor_slice(image->sections[IMAGE_SECTION_DATA], node->data_offset, size,
                      &content->bytes) ||
        (compressed && !size_is_possible(node))) {
        return damaged_file();
    }
    content->size = (size_t)node->data_size;
    content->compressed = compressed;
    content->check = node->data_check;
    content->image = image;
    return status_ok();
}

struct status
image_check_content(const struct stored *content)
{
    bool whole =
        content->image == NULL || CHECKSUMS_AGREE(content->check, xxh64(content->bytes, 0));
    return whole ? status_ok() : damaged_file();
}

struct status
image_content(const struct image *image, const struct image_node *node, struct stored *content)
{
    struct status status = image_locate_content(image, node, content);
    return status_failed(status) ? status : image_check_content(content);
}

struct status
image_dictionary(const struct image *image, uint32_t index, struct cursor *content)
{
    struct image_dictionary record;
    if (!read_record(image, IMAGE_SECTION_DICTIONARIES, index, &record, sizeof record) ||
        !record_is_whole(&record, sizeof record, text_of(""), index) ||
        !cursor_slice(image->sections[IMAGE_SECTION_DATA], record.data_offset, record.data_size,
                      content) ||
        !CHECKSUMS_AGREE(record.data_check, xxh64(*content, 0))) {
        return status_fault("what its files were compressed with is damaged");
    }
    return status_ok();
}

/* --- shared libraries ---------------------------------------------------------------------- */

uint32_t
image_library_count(const struct image *image)
{
    return (uint32_t)record_count(image, IMAGE_SECTION_LIBRARIES, sizeof(struct image_library));
}

struct status
image_library(const struct image *image, uint32_t index, struct image_library *library)
{
    if (!read_record(image, IMAGE_SECTION_LIBRARIES, index, library, sizeof *library) ||
        !record_is_whole(library, sizeof *library, text_of(""), index)) {
        return status_fault("the table of shared libraries is damaged");
    }
    return status_ok();
}

struct status
image_dependency(const struct image *image, const struct image_library *library, uint32_t position,
                 uint32_t *dependency)
{
    struct image_dependency record;
    uint64_t index = (uint64_t)library->first_dependency + position;
    if (position >= library->dependency_count || index > UINT32_MAX ||
        !read_record(image, IMAGE_SECTION_DEPENDENCIES, (uint32_t)index, &record, sizeof record) ||
        !record_is_whole(&record, sizeof record, text_of(""), (uint32_t)index) ||
        record.library >= image_library_count(image)) {
        return status_fault("the table of shared libraries is damaged");
    }
    *dependency = record.library;
    return status_ok();
}
