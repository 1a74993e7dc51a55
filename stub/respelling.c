#define _GNU_SOURCE
#include "respelling.h"

#include <limits.h> /* PATH_MAX */
#include <stdio.h>  /* snprintf */
#include <string.h> /* strstr, stpcpy */

#include "programs.h"
#include "tree.h"

/* sys.executable and what is put in its place. */
struct spelling {
    char inside[PATH_MAX + sizeof PROGRAMS_INTERPRETER];
    char marked[PATH_MAX + sizeof PROGRAMS_MARK];
};

static void
spell(struct spelling *spelling)
{
    snprintf(spelling->inside, sizeof spelling->inside, "%s/%s", tree_root(), PROGRAMS_INTERPRETER);
    programs_marked_path(spelling->marked, sizeof spelling->marked);
}

bool
respelling_applies(char *const *arguments)
{
    if (tree_image() == NULL) {
        return false;
    }
    for (; arguments != NULL && *arguments != NULL; arguments++) {
        if (strstr(*arguments, tree_root()) != NULL) {
            return true;
        }
    }
    return false;
}

size_t
respelled_size(char *const *arguments)
{
    size_t size = sizeof *arguments;
    for (; *arguments != NULL; arguments++) {
        /* The marked spelling is shorter than sys.executable, so no argument grows. */
        size += sizeof *arguments + strlen(*arguments) + 1;
    }
    return size;
}

_Static_assert(sizeof PROGRAMS_MARK <= sizeof "/" PROGRAMS_INTERPRETER, "arguments must not grow");

/* Whether a path may end before this text; else it goes on to name another file. */
static bool
is_end_of_path(const char *text)
{
    return *text == '\0' || strchr(" \t\r\n\"'`\\;&|<>(){}[]:=,", *text) != NULL;
}

char **
respell(char *const *arguments, void *memory)
{
    struct spelling spelling;
    spell(&spelling);
    size_t count = 0;
    while (arguments[count] != NULL) {
        count++;
    }
    char **copies = memory;
    char *text = (char *)(copies + count + 1);
    for (size_t i = 0; i < count; i++) {
        const char *from = arguments[i];
        const char *found;
        copies[i] = text;
        while ((found = strstr(from, spelling.inside)) != NULL) {
            text = mempcpy(text, from, (size_t)(found - from));
            from = found + strlen(spelling.inside);
            text = stpcpy(text, is_end_of_path(from) ? spelling.marked : spelling.inside);
        }
        text = stpcpy(text, from) + 1;
    }
    copies[count] = NULL;
    return copies;
}
