#include "snapshot_paths.h"

#include <limits.h> /* PATH_MAX */
#include <string.h>
#include <wchar.h>

bool
snapshot_path_fits(const char *executable)
{
    const char *slash = strrchr(executable, '/');
    if (executable[0] != '/' || slash[1] == '\0' ||
        (size_t)(slash - executable) > strlen(IMAGE_SNAPSHOT_DIRECTORY) ||
        strlen(slash + 1) > strlen(IMAGE_SNAPSHOT_NAME)) {
        return false;
    }
    for (const char *at = executable; *at != '\0'; at++) {
        if ((unsigned char)*at >= 0x80) {
            return false; /* the texts are ASCII */
        }
    }
    return true;
}

/* How much of a text stands before what may have to be replaced. */
static size_t
plain_size(const char *text, size_t size)
{
    const size_t token_size = sizeof SNAPSHOT_TOKEN - 1;
    const char *end = text + size, *at = text;
    /* Quicker than memmem, which prepares itself for longer texts. */
    while ((at = memchr(at, SNAPSHOT_TOKEN[0], (size_t)(end - at))) != NULL) {
        if ((size_t)(end - at) >= token_size && memcmp(at, SNAPSHOT_TOKEN, token_size) == 0) {
            return (size_t)(at - text) - (at > text && at[-1] == '/');
        }
        at++;
    }
    return size;
}

/* What tells directory and name, which were whole when the snapshot was made. */
#define DIRECTORY_TOKEN "/" SNAPSHOT_TOKEN "d"
#define NAME_TOKEN SNAPSHOT_TOKEN "n"

/* Write into `text` what becomes of it, in place, and return the new length. The directory of an
   executable in the root directory is "", and "/" where nothing follows. */
static size_t
replace(char *text, size_t length, const char *executable)
{
    static const char directory[] = IMAGE_SNAPSHOT_DIRECTORY, name[] = IMAGE_SNAPSHOT_NAME;
    const char *slash = strrchr(executable, '/');
    size_t directory_size = (size_t)(slash - executable), name_size = strlen(slash + 1);
    size_t from = 0, to = 0;
    while (from < length) {
        size_t left = length - from;
        size_t plain = plain_size(text + from, left);
        memmove(text + to, text + from, plain);
        from += plain;
        to += plain;
        left -= plain;
        if (left >= sizeof directory - 1 &&
            memcmp(text + from, directory, sizeof DIRECTORY_TOKEN - 1) == 0) {
            from += sizeof directory - 1;
            memcpy(text + to, executable, directory_size);
            to += directory_size;
            if (directory_size == 0 && (from == length || text[from] != '/')) {
                text[to++] = '/';
            }
        } else if (left >= sizeof name - 1 &&
                   memcmp(text + from, name, sizeof NAME_TOKEN - 1) == 0) {
            from += sizeof name - 1;
            memcpy(text + to, slash + 1, name_size);
            to += name_size;
        } else if (left > 0) {
            text[to++] = text[from++];
        }
    }
    return to;
}

static void
replace_wide(wchar_t *text, const char *executable)
{
    char narrow[PATH_MAX];
    size_t length = wcslen(text);
    if (length >= sizeof narrow) {
        return;
    }
    for (size_t i = 0; i < length; i++) {
        narrow[i] = (char)text[i];
    }
    size_t replaced = replace(narrow, length, executable);
    for (size_t i = 0; i < replaced; i++) {
        text[i] = (unsigned char)narrow[i];
    }
    text[replaced] = L'\0';
}

void
snapshot_replace_path(const struct image_snapshot_path *path, const char *executable)
{
    void *at = (void *)(uintptr_t)path->address;
    if (path->kind == IMAGE_PATH_KIND_STR) {
        PyASCIIObject *object = at;
        char *text = (char *)(object + 1);
        object->length = (Py_ssize_t)replace(text, (size_t)object->length, executable);
        text[object->length] = '\0';
    } else if (path->kind == IMAGE_PATH_KIND_BYTES) {
        char *text = PyBytes_AS_STRING(at);
        size_t length = replace(text, (size_t)Py_SIZE(at), executable);
        Py_SET_SIZE((PyVarObject *)at, (Py_ssize_t)length);
        text[length] = '\0';
    } else if (path->kind == IMAGE_PATH_KIND_TEXT) {
        char *text = at;
        text[replace(text, strlen(text), executable)] = '\0';
    } else {
        replace_wide(at, executable);
    }
}
