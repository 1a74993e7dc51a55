/* The names that site adds to builtins: exit, quit, help, copyright, credits and license. */
#ifndef OXIDIZE_SITE_BUILTINS_H
#define OXIDIZE_SITE_BUILTINS_H

/* Add them; site itself is imported when one of them is used. -1 with an exception set. */
int site_builtins_add(void);

#endif
