/* Modules that a profile has left out. They are absent to whoever looks for them; who imports one
   is told why. */
#ifndef OXIDIZE_PRUNED_H
#define OXIDIZE_PRUNED_H

/* For this interpreter. Returns -1 with an exception set. */
int pruned_install(void);

#endif
