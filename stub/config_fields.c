#include "config_fields.h"

#include <limits.h> /* PATH_MAX */
#include <stdio.h>  /* snprintf */

#include "config_table.h"

#define ORIGIN "$ORIGIN"

static const struct config_field *
find_field(struct text name)
{
    for (size_t i = 0; i < Py_ARRAY_LENGTH(config_table); i++) {
        const char *known = config_table[i].name;
        if (strlen(known) == name.size && memcmp(known, name.data, name.size) == 0) {
            return &config_table[i];
        }
    }
    return NULL;
}

/* Take `name` or `name=value` apart. */
static struct text
split(struct text setting, struct text *value)
{
    const char *equals = memchr(setting.data, '=', setting.size);
    size_t size = equals != NULL ? (size_t)(equals - setting.data) : setting.size;
    size_t skipped = equals != NULL ? size + 1 : size;
    *value = (struct text){setting.data + skipped, setting.size - skipped};
    return (struct text){setting.data, size};
}

static struct status
find_setting(struct text setting, const struct config_field **field, struct text *value)
{
    *field = find_field(split(setting, value));
    return *field != NULL ? status_ok()
                          : status_fault("it sets a field that its Python does not have");
}

static void
set_number(void *structure, size_t offset, enum config_kind kind, uint64_t number)
{
    void *member = (char *)structure + offset;
    if (kind == CONFIG_KIND_LONG) {
        *(unsigned long *)member = (unsigned long)number;
    } else {
        *(int *)member = (int)number;
    }
}

/* --- PyPreConfig --------------------------------------------------------------------------- */

struct preconfiguration {
    PyPreConfig *preconfig;
    bool child;
};

static struct status
apply_before(void *context, const struct image_option *option, struct text text)
{
    struct preconfiguration *p = context;
    if (option->key == IMAGE_OPTION_ALLOCATOR && text.size == 0) {
        p->preconfig->allocator = (int)option->number;
    }
    if (option->key != IMAGE_OPTION_FIELD) {
        return status_ok();
    }
    const struct config_field *field;
    struct text value;
    struct status status = find_setting(text, &field, &value);
    if (!status_failed(status) && field->in_preconfig != CONFIG_ABSENT &&
        (field->child || !p->child)) {
        set_number(p->preconfig, field->in_preconfig, field->kind, option->number);
    }
    return status;
}

struct status
config_fields_before(const struct image *image, bool child, PyPreConfig *preconfig)
{
    struct preconfiguration preconfiguration = {preconfig, child};
    return image_for_each_option(image, apply_before, &preconfiguration);
}

/* --- PyConfig ------------------------------------------------------------------------------ */

struct configuration {
    PyConfig *config;
    const char *executable;
    bool child;
    PyStatus status;
};

/* Write `value`, with $ORIGIN made the executable's directory if it is a path, into `text`. */
static bool
expand(const char *executable, struct text value, bool is_path, char *text, size_t capacity)
{
    size_t skipped = strlen(ORIGIN);
    int directory = 0;
    if (is_path && value.size >= skipped && memcmp(value.data, ORIGIN, skipped) == 0) {
        const char *slash = strrchr(executable, '/');
        directory = slash != NULL ? (int)(slash - executable) : 0;
        value = (struct text){value.data + skipped, value.size - skipped};
    }
    int size =
        snprintf(text, capacity, "%.*s%.*s", directory, executable, (int)value.size, value.data);
    if (size == 0) {
        size = snprintf(text, capacity, "/"); /* the executable is in the root directory */
    }
    return size >= 0 && (size_t)size < capacity;
}

static PyStatus
append(PyConfig *config, PyWideStringList *list, const char *text)
{
    wchar_t *item = NULL;
    PyStatus status = PyConfig_SetBytesString(config, &item, text);
    if (!PyStatus_Exception(status)) {
        status = PyWideStringList_Append(list, item);
    }
    PyMem_RawFree(item);
    return status;
}

static PyStatus
set_text(struct configuration *c, const struct config_field *field, struct text value)
{
    char text[PATH_MAX];
    void *member = (char *)c->config + field->in_config;
    bool is_path = field->kind == CONFIG_KIND_PATH || field->kind == CONFIG_KIND_PATHS;
    if (!expand(c->executable, value, is_path, text, sizeof text)) {
        return PyStatus_Error("a text of the interpreter's configuration is too long");
    }
    if (field->kind == CONFIG_KIND_TEXTS || field->kind == CONFIG_KIND_PATHS) {
        return append(c->config, member, text);
    }
    return PyConfig_SetBytesString(c->config, member, text);
}

static struct status
apply_after(void *context, const struct image_option *option, struct text text)
{
    struct configuration *c = context;
    if (option->key != IMAGE_OPTION_FIELD || PyStatus_Exception(c->status)) {
        return status_ok();
    }
    const struct config_field *field;
    struct text value;
    struct status status = find_setting(text, &field, &value);
    if (status_failed(status) || field->in_config == CONFIG_ABSENT || (c->child && !field->child)) {
        return status;
    }
    if (field->kind <= CONFIG_KIND_LONG) {
        set_number(c->config, field->in_config, field->kind, option->number);
    } else {
        c->status = set_text(c, field, value);
    }
    return status;
}

PyStatus
config_fields_after(const struct image *image, bool child, const char *executable, PyConfig *config)
{
    struct configuration configuration = {config, executable, child, PyStatus_Ok()};
    struct status status = image_for_each_option(image, apply_after, &configuration);
    if (status_failed(status)) {
        status_die(status);
    }
    return configuration.status;
}
