/* A thread that a program does not know of: it takes no signals, and is gone before anything that
   shows how many threads there are, or needs it to be one. */
#define _GNU_SOURCE
#include <pthread.h>   /* pthread_create */
#include <sched.h>     /* sched_getaffinity */
#include <signal.h>    /* sigset_t */
#include <stdatomic.h> /* atomic_bool */

#include "interpose.h"
#include "os.h"

enum { STACK = 256 << 10 };

static struct {
    pthread_mutex_t mutex; /* of `exists` */
    pthread_t thread;
    bool exists; /* and nobody has waited for it */
    atomic_bool is_to_end;
    void (*run)(void);
} helper = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void
lock_and_end_helper(void)
{
    pthread_mutex_lock(&helper.mutex);
    if (helper.exists) {
        atomic_store(&helper.is_to_end, true);
        pthread_join(helper.thread, NULL);
        helper.exists = false;
    }
}

static void
unlock(void)
{
    pthread_mutex_unlock(&helper.mutex);
}

static void
end_helper(void)
{
    lock_and_end_helper();
    unlock();
}

static void *
run(void *nothing)
{
    (void)nothing;
    helper.run();
    return NULL;
}

/* The processors that a thread of this process may use, but for the one that this thread uses. */
static bool
find_other_processors(cpu_set_t *others)
{
    int processor = sched_getcpu();
    if (processor < 0 || processor >= CPU_SETSIZE ||
        sched_getaffinity(0, sizeof *others, others) != 0) {
        return false;
    }
    CPU_CLR((size_t)processor, others);
    return CPU_COUNT(others) > 0;
}

/* New threads take over which signals are blocked. */
static bool
create(void)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) {
        return false;
    }
    pthread_attr_setstacksize(&attributes, STACK);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    bool created = pthread_create(&helper.thread, &attributes, run, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return created;
}

bool
os_begin_helper(void (*function)(void))
{
    cpu_set_t others;
    helper.run = function;
    if (!find_other_processors(&others) ||
        pthread_atfork(lock_and_end_helper, unlock, unlock) != 0) {
        return false;
    }
    helper.exists = create();
    if (helper.exists) {
        /* Some kernels leave a new thread where this one is, waiting for it to wait. */
        pthread_setaffinity_np(helper.thread, sizeof others, &others);
    }
    return helper.exists;
}

bool
os_helper_is_to_end(void)
{
    return atomic_load(&helper.is_to_end);
}

/* --- what a process with several threads may not do ---------------------------------------- */

EXPORT int INTERPOSED(unshare)(int flags);
EXPORT int INTERPOSED(setns)(int descriptor, int type);

int
INTERPOSED(unshare)(int flags)
{
    typedef int function(int);
    NEXT(function, unshare)
    end_helper();
    return next(flags);
}

int
INTERPOSED(setns)(int descriptor, int type)
{
    typedef int function(int, int);
    NEXT(function, setns)
    end_helper();
    return next(descriptor, type);
}
