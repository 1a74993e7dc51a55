#define _GNU_SOURCE
#include "check.h"

char folder[PATH_MAX / 4];
int faults;

void
report(const char *file, int line, const char *text, long result, int error)
{
    __atomic_add_fetch(&faults, 1, __ATOMIC_RELAXED);
    fprintf(stderr, "%s:%d: %s: %ld, errno %d (%s)\n", file, line, text, result, error,
            strerror(error));
}

const char *
at(const char *path)
{
    static _Thread_local char buffers[8][PATH_MAX];
    static _Thread_local unsigned turn;
    char *buffer = buffers[turn++ % 8];
    snprintf(buffer, PATH_MAX, "%s/%s", folder, path);
    return buffer;
}

bool
reads(int descriptor, const char *expected)
{
    char buffer[64];
    ssize_t size = descriptor < 0 ? -1 : read(descriptor, buffer, sizeof buffer);
    if (descriptor >= 0) {
        close(descriptor);
    }
    return size == (ssize_t)strlen(expected) && memcmp(buffer, expected, (size_t)size) == 0;
}

bool
stream_reads(FILE *stream, const char *expected)
{
    char buffer[64] = "";
    bool same = stream != NULL && fgets(buffer, sizeof buffer, stream) && !strcmp(buffer, expected);
    if (stream != NULL) {
        fclose(stream);
    }
    return same;
}

int
closed(int descriptor)
{
    return descriptor < 0 ? -1 : close(descriptor);
}

int
count_entries(DIR *stream)
{
    int count = 0;
    while (stream != NULL && readdir(stream) != NULL) {
        count++;
    }
    return stream != NULL ? count : -1;
}

bool
lists_data(DIR *stream)
{
    static const char *const names[] = {".",         "..",  "big.bin", "empty.bin",
                                        "hello.txt", "sub", NULL};
    bool same = stream != NULL;
    for (int i = 0; same && names[i] != NULL; i++) {
        const struct dirent *entry = readdir(stream);
        same = entry != NULL && !strcmp(entry->d_name, names[i]) &&
               entry->d_type == (strchr(names[i] + 1, '.') && names[i][1] != '.' ? DT_REG : DT_DIR);
    }
    return same && readdir(stream) == NULL;
}

void
free_list(struct dirent **entries, int count)
{
    for (int i = 0; i < count; i++) {
        free(entries[i]);
    }
    free(entries);
}
