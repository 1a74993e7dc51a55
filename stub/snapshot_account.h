/* What a snapshot holds, for people: by module and by type of object. */
#ifndef OXIDIZE_SNAPSHOT_ACCOUNT_H
#define OXIDIZE_SNAPSHOT_ACCOUNT_H

#include <stddef.h>

/* While there is still memory to be had for it: let names be known in UTF-8, as they are kept. */
void snapshot_account_prepare(void);

/* Write lines into `text`, at most `capacity` bytes: "m SIZE COUNT NAME" of each module, with the
   objects that no other one has, and "t SIZE COUNT NAME" of each type. Returns their size, 0 if
   there is no room. Allocates nothing. */
size_t snapshot_account(char *text, size_t capacity);

#endif
