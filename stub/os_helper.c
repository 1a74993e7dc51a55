/* A thread that a program does not know of: it takes no signals, and is gone before the process
   forks, or asks the system for what it refuses to several threads. */
#define _GNU_SOURCE
#include <pthread.h>     /* pthread_create */
#include <sched.h>       /* sched_getaffinity */
#include <signal.h>      /* sigset_t */
#include <stdatomic.h>   /* atomic_bool */
#include <sys/syscall.h> /* SYS_gettid */
#include <time.h>        /* nanosleep */
#include <unistd.h>      /* syscall */

#include "interpose.h"
#include "os.h"

enum { STACK = 256 << 10, YIELDS = 100, MOST_MILLISECONDS = 200 };

static struct {
    pthread_mutex_t mutex; /* of `exists` */
    pthread_mutex_t begin; /* the thread waits for it at first */
    pthread_t thread;
    pid_t process;
    atomic_long number; /* of the thread, as the kernel counts */
    bool exists;        /* and nobody has waited for it */
    atomic_bool is_to_end;
    void (*run)(void);
} helper = {.mutex = PTHREAD_MUTEX_INITIALIZER, .begin = PTHREAD_MUTEX_INITIALIZER};

/* A thread that has been joined may be there for the kernel for some moments more. */
static void
wait_for_kernel(void)
{
    const struct timespec millisecond = {.tv_nsec = 1000000};
    for (int i = 0; i < YIELDS + MOST_MILLISECONDS; i++) {
        if (syscall(SYS_tgkill, helper.process, atomic_load(&helper.number), 0) != 0) {
            return;
        }
        if (i < YIELDS) {
            sched_yield();
        } else {
            nanosleep(&millisecond, NULL);
        }
    }
}

/* In a child that was made without the handlers of pthread_atfork the thread does not exist. */
static void
lock_and_end_helper(void)
{
    pthread_mutex_lock(&helper.mutex);
    if (helper.exists && helper.process == getpid()) {
        int saved = errno;
        atomic_store(&helper.is_to_end, true);
        pthread_join(helper.thread, NULL);
        wait_for_kernel();
        errno = saved;
    }
    helper.exists = false;
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
    atomic_store(&helper.number, syscall(SYS_gettid));
    pthread_mutex_lock(&helper.begin);
    pthread_mutex_unlock(&helper.begin);
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
    helper.process = getpid();
    pthread_mutex_lock(
        &helper.begin); /* of a thread that has ended, the number stands for this one */
    helper.exists = create();
    if (helper.exists) {
        /* Some kernels leave a new thread where this one is, waiting for it to wait. */
        pthread_setaffinity_np(helper.thread, sizeof others, &others);
    }
    pthread_mutex_unlock(&helper.begin);
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
