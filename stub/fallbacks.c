/* Libraries have paths of the machine that they were compiled on built in: where TLS roots stand,
   or descriptions of terminals. A rule says what takes the place of such a path if it does not
   exist. It is a text of lines: first the path, which stands for all below it as well; then what
   is tried, in order: paths of the host, and paths of the tree, which have no leading slash. A
   line "!PATH" ends the search if that path exists. */
#define _GNU_SOURCE
#include "fallbacks.h"

#include <errno.h>  /* errno */
#include <fcntl.h>  /* AT_FDCWD */
#include <stdio.h>  /* snprintf */
#include <string.h> /* memchr */

enum { MOST_RULES = 8 };

static struct {
    struct text rules[MOST_RULES];
    unsigned count;
} fallbacks;

static struct status
add_rule(void *context, const struct image_option *option, struct text text)
{
    (void)context;
    if (option->key == IMAGE_OPTION_FALLBACK && fallbacks.count < MOST_RULES) {
        fallbacks.rules[fallbacks.count++] = text;
    }
    return status_ok();
}

struct status
fallbacks_setup(const struct image *image)
{
    return image_for_each_option(image, add_rule, NULL);
}

static struct text
next_line(struct text *rest)
{
    const char *end = memchr(rest->data, '\n', rest->size);
    struct text line = {rest->data, end ? (size_t)(end - rest->data) : rest->size};
    size_t step = line.size + (end != NULL);
    *rest = (struct text){rest->data + step, rest->size - step};
    return line;
}

/* If the rule is about `path`, store what comes after the path that it names. */
static bool
concerns(struct text asked, const char *path, const char **below)
{
    if (asked.size == 0 || strncmp(path, asked.data, asked.size) != 0) {
        return false;
    }
    *below = path + asked.size;
    return **below == '/' || **below == '\0';
}

static bool
exists(const char *path)
{
    struct stat status;
    return tree_system_stat(AT_FDCWD, path, &status, 0) == 0;
}

/* Put `candidate` and what is below together in place->buffer, after `before`. */
static bool
join(struct place *place, const char *before, struct text candidate, const char *below)
{
    int size = snprintf(place->buffer, sizeof place->buffer, "%s%.*s%s", before,
                        (int)candidate.size, candidate.data, below);
    return size >= 0 && (size_t)size < sizeof place->buffer;
}

static bool
try_candidate(struct text candidate, const char *below, struct place *place)
{
    if (candidate.size > 0 && candidate.data[0] == '/') {
        if (!join(place, "", candidate, below) || !exists(place->buffer)) {
            return false;
        }
        place->outside = place->buffer;
        place->error = 0;
        return true;
    }
    char path[PATH_MAX];
    if (!join(place, "/", candidate, below) ||
        (size_t)snprintf(path, sizeof path, "%s%s", tree_root(), place->buffer) >= sizeof path) {
        return false;
    }
    return tree_has_prefix(path, place) && place->error == 0;
}

static bool
apply(struct text rule, const char *below, struct place *place)
{
    while (rule.size > 0) {
        struct text candidate = next_line(&rule);
        if (candidate.size > 0 && candidate.data[0] == '!') {
            struct text unless = {candidate.data + 1, candidate.size - 1};
            if (join(place, "", unless, "") && exists(place->buffer)) {
                return false;
            }
        } else if (try_candidate(candidate, below, place)) {
            return true;
        }
    }
    return false;
}

bool
fallbacks_have(const char *path, struct place *place)
{
    int saved = errno;
    bool found = false;
    for (unsigned i = 0; i < fallbacks.count && path != NULL && !found; i++) {
        struct text rule = fallbacks.rules[i];
        const char *below;
        if (concerns(next_line(&rule), path, &below)) {
            found = apply(rule, below, place);
        }
    }
    errno = saved;
    return found;
}
