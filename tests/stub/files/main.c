/* Calls every function that the stub defines in the place of libc's, on the tree of an image and
   on real files, and checks what it answers, errno included. tests/test_files.py makes the image
   and the folder:

       test_files calls IMAGE FOLDER     one after the other
       test_files threads IMAGE FOLDER   many at once

   FOLDER holds `app`, a regular file that the tree is served below; `link`, a symbolic link to it;
   `into`, a symbolic link to app/lib/data; and `plain.txt`. Prints each fault, and exits with 1. */
#define _GNU_SOURCE
#include "check.h"
#include "fallbacks.h"
#include "tests.h"

/* Read the image into memory of exactly its size. */
static struct cursor
read_image(const char *path)
{
    struct stat status;
    int file = open(path, O_RDONLY);
    if (file < 0 || fstat(file, &status) != 0) {
        perror(path);
        exit(2);
    }
    size_t size = (size_t)status.st_size;
    unsigned char *data = malloc(size);
    if (data == NULL || read(file, data, size) != (ssize_t)size) {
        perror(path);
        exit(2);
    }
    close(file);
    return (struct cursor){data, size};
}

int
main(int argc, char **argv)
{
    struct image image;
    char executable[PATH_MAX];
    if (argc != 4) {
        fputs("usage: test_files calls|threads IMAGE FOLDER\n", stderr);
        return 2;
    }
    struct cursor file = read_image(argv[2]);
    struct status status = image_open(file, &image);
    if (status_failed(status)) {
        status_die(status);
    }
    snprintf(folder, sizeof folder, "%s", argv[3]);
    snprintf(executable, sizeof executable, "%s", at("app"));
    tree_setup(&image, executable);
    status = fallbacks_setup(&image);
    if (status_failed(status)) {
        status_die(status);
    }
    if (strcmp(argv[1], "threads") == 0) {
        test_threads();
    } else {
        test_opening();
        test_asking();
        test_changing();
        test_directories();
        test_working_directory();
        test_fallbacks();
    }
    free((void *)file.data);
    return faults != 0;
}
