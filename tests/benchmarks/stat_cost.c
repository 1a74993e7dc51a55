/* What the file layer adds to the stat of a path outside the executable: libc's own stat and ours,
   in turns, in one process. Prints for each path the median nanoseconds per call of both, and of
   the difference between neighbouring rounds.

       stat_cost EXECUTABLE IMAGE PATH ... */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "fallbacks.h"
#include "os.h"
#include "tree.h"

#define ROUNDS 501
#define CALLS 1000

/* os_linux.c calls it to load libraries. */
void *
os_dlopen(const char *path, int flags)
{
    (void)path, (void)flags;
    return NULL;
}

typedef int stat_function(const char *, struct stat *);

static double
nanoseconds_per_call(stat_function *function, const char *path)
{
    struct timespec start, end;
    struct stat status;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (int i = 0; i < CALLS; i++) {
        function(path, &status);
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    return ((double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec)) /
           CALLS;
}

static int
ascending(const void *a, const void *b)
{
    double difference = *(const double *)a - *(const double *)b;
    return (difference > 0) - (difference < 0);
}

static double
median(double *values)
{
    qsort(values, ROUNDS, sizeof *values, ascending);
    return values[ROUNDS / 2];
}

static void
compare(stat_function *system, const char *path)
{
    static double theirs[ROUNDS], ours[ROUNDS], added[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        if (i % 2 != 0) {
            ours[i] = nanoseconds_per_call(stat, path);
        }
        theirs[i] = nanoseconds_per_call(system, path);
        if (i % 2 == 0) {
            ours[i] = nanoseconds_per_call(stat, path);
        }
        added[i] = ours[i] - theirs[i];
    }
    double difference = median(added);
    printf("%.1f %.1f %.1f %s\n", median(theirs), median(ours), difference, path);
}

static struct image
open_image(const char *path)
{
    struct image image;
    struct stat status;
    int file = open(path, O_RDONLY);
    if (file < 0 || fstat(file, &status) != 0) {
        perror(path);
        exit(2);
    }
    size_t size = (size_t)status.st_size;
    const struct cursor whole = {mmap(NULL, size, PROT_READ, MAP_PRIVATE, file, 0), size};
    struct status opened = image_open(whole, &image);
    if (status_failed(opened)) {
        status_die(opened);
    }
    return image;
}

int
main(int argc, char **argv)
{
    stat_function *system;
    *(void **)&system = dlsym(RTLD_NEXT, "stat");
    if (argc < 4 || system == NULL) {
        fputs("usage: stat_cost EXECUTABLE IMAGE PATH ...\n", stderr);
        return 2;
    }
    struct image image = open_image(argv[2]);
    tree_setup(&image, argv[1]);
    struct status status = fallbacks_setup(&image);
    if (status_failed(status)) {
        status_die(status);
    }
    for (int i = 3; i < argc; i++) {
        compare(system, argv[i]);
    }
    return 0;
}
