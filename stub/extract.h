#ifndef OXIDIZE_EXTRACT_H
#define OXIDIZE_EXTRACT_H

#include "image.h"

/* Unpack the tree's directory IMAGE_EXTRACTED_DIRECTORY into the cache of the user, unless it is
   there already, and write the path of the copy to `root`. `name` is NAME/KEY: the directory below
   the cache, and the entry in that. Ends the process when there is no place for it.

   An entry is complete or absent: it is made under another name, and renamed. It is compared with
   the image, byte by byte, before it is used; a damaged one is replaced. One process makes it while
   others wait: a lock, which the system releases when its holder dies, sees to that. */
void extract(struct text name, char *root, size_t capacity);

#endif
