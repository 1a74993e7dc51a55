/* A static executable does not start from snapshots. */
#include <stdlib.h> /* exit */

#include "snapshot.h"
#include "snapshot_guard.h"
#include "snapshot_make.h"
#include "status.h"

bool
snapshot_restore(const struct image *image, const struct invocation *invocation)
{
    (void)image, (void)invocation;
    return false;
}

PyObject *
snapshot_main_code(void)
{
    return NULL;
}

bool
snapshot_is_in_use(void)
{
    return false;
}

void
snapshot_die_if_damaged(void)
{
}

void
snapshot_make_begin(void)
{
    status_die(status_fault("snapshots are made of dynamic executables only"));
}

_Noreturn void
snapshot_make(char **argv, PyObject *main_code)
{
    (void)argv, (void)main_code;
    abort();
}
