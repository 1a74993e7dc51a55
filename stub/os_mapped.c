/* Shared libraries that the loader maps from the executable's own file. */
#define _GNU_SOURCE
#include <fcntl.h>       /* O_CLOEXEC */
#include <sys/stat.h>    /* struct stat */
#include <sys/syscall.h> /* SYS_openat */
#include <unistd.h>      /* syscall, close, pread */

#include "os.h"
#include "os_linux.h"
#include "tree.h"

extern const unsigned char oxidize_image[];

/* Whether the file of a descriptor is the one that is running: it has the same image, to its end.
   A digest of that stands in its header. */
static bool
is_own_file(int descriptor)
{
    struct image_header header;
    struct stat status;
    return pread(descriptor, &header, sizeof header, (off_t)os_image_offset()) == sizeof header &&
           memcmp(&header, oxidize_image, sizeof header) == 0 &&
           tree_system_stat(descriptor, "", &status, AT_EMPTY_PATH) == 0 &&
           (uint64_t)status.st_size >= os_image_offset() + header.size;
}

/* Open the executable's file, or return -1. Without /proc it is looked for where it was; a program
   with more rights than its user relies on no such place. */
static int
open_own_file(void)
{
    const char *const places[] = {"/proc/self/exe", os_has_more_rights() ? NULL : tree_root()};
    for (size_t i = 0; i < sizeof places / sizeof *places && places[i] != NULL; i++) {
        int descriptor = (int)syscall(SYS_openat, AT_FDCWD, places[i], O_RDONLY | O_CLOEXEC);
        if (descriptor >= 0 && is_own_file(descriptor)) {
            return descriptor;
        }
        if (descriptor >= 0) {
            close(descriptor);
        }
    }
    return -1;
}

void *
linux_load_mapped(const struct stored *content, const char *path, unsigned serial, int flags,
                  bool *reached)
{
    struct linux_file file = {.path = path,
                              .offset = os_image_offset() +
                                        (uint64_t)(content->bytes.data - oxidize_image),
                              .size = content->size,
                              .identity = serial};
    *reached = false;
    if (content->compressed || file.offset % (uint64_t)sysconf(_SC_PAGESIZE) != 0) {
        return NULL;
    }
    file.descriptor = open_own_file();
    if (file.descriptor < 0) {
        return NULL;
    }
    void *handle = linux_dlopen_as(&file, 1, flags, reached);
    close(file.descriptor);
    return handle;
}
