/* Functions that no header declares. */
#ifndef OLD_NAMES_H
#define OLD_NAMES_H

#include <dirent.h>
#include <sys/stat.h>

/* Names that headers had once. */
int __xstat(int version, const char *path, struct stat *status);
int __lxstat(int version, const char *path, struct stat *status);
int __fxstat(int version, int descriptor, struct stat *status);
int __fxstatat(int version, int directory, const char *path, struct stat *status, int flags);
int __xstat64(int version, const char *path, struct stat64 *status);
int __xmknod(int version, const char *path, mode_t mode, dev_t *device);
int __xmknodat(int version, int directory, const char *path, mode_t mode, dev_t *device);
int __open_2(const char *path, int flags);
int __openat_2(int directory, const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat64_2(int directory, const char *path, int flags);
int __open(const char *path, int flags, ...);
ssize_t __readlink_chk(const char *path, char *buffer, size_t size, size_t capacity);
ssize_t __readlinkat_chk(int directory, const char *path, char *buffer, size_t size, size_t room);
char *__realpath_chk(const char *path, char *resolved, size_t capacity);
char *__getcwd_chk(char *buffer, size_t capacity, size_t available);
char *__getwd_chk(char *buffer, size_t available);

#ifdef OXIDIZE_STATIC
/* What musl has no prototypes of, and names that only programs compiled for glibc have. */
char *canonicalize_file_name(const char *path);
int renameat2(int from_directory, const char *from, int to_directory, const char *to, unsigned);
int scandirat(int directory, const char *path, struct dirent ***result,
              int (*select)(const struct dirent *),
              int (*compare)(const struct dirent **, const struct dirent **));
#define __open open
#define __open64_2 __open_2
#define __openat64_2 __openat_2
#define __xstat64 __xstat
#endif

#endif
