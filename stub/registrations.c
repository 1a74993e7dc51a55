#define _GNU_SOURCE
#include "registrations.h"

#include <pthread.h> /* pthread_key_t */
#include <stdlib.h>  /* atexit */
#include <unistd.h>  /* getpid */

#include "memory.h"

#define NO_PROCESS 0x7ffffff0 /* Linux numbers them below 1 << 22 */

#define WRAPPED(name) __wrap_##name

typedef void function(void);
typedef void destructor(void *);

static struct registration known[MOST_REGISTRATIONS];
static size_t known_count; /* beyond MOST_REGISTRATIONS if there was no room */

int __real_pthread_key_create(pthread_key_t *key, destructor *destroy);
int __real_pthread_key_delete(pthread_key_t key);
int __real_atexit(function *called);
pid_t __real_getpid(void);
int __real_pthread_atfork(function *before, function *parent, function *child);

static void
note(struct registration registration)
{
    size_t at = __atomic_fetch_add(&known_count, 1, __ATOMIC_RELAXED);
    if (at < MOST_REGISTRATIONS) {
        known[at] = registration;
    }
}

int
WRAPPED(pthread_key_create)(pthread_key_t *key, destructor *destroy)
{
    int error = __real_pthread_key_create(key, destroy);
    if (error == 0) {
        note((struct registration){REGISTERED_KEY, (uint32_t)*key, {(uintptr_t)destroy, 0, 0}, 0});
    }
    return error;
}

int
WRAPPED(pthread_key_delete)(pthread_key_t key)
{
    for (size_t i = 0; i < known_count && i < MOST_REGISTRATIONS; i++) {
        if (known[i].kind == REGISTERED_KEY && known[i].number == (uint32_t)key) {
            known[i].kind = 0;
        }
    }
    return __real_pthread_key_delete(key);
}

int
WRAPPED(atexit)(function *called)
{
    int error = __real_atexit(called);
    if (error == 0) {
        note((struct registration){REGISTERED_EXIT, 0, {(uintptr_t)called, 0, 0}, 0});
    }
    return error;
}

int
WRAPPED(pthread_atfork)(function *before, function *parent, function *child)
{
    int error = __real_pthread_atfork(before, parent, child);
    if (error == 0) {
        uintptr_t functions[] = {(uintptr_t)before, (uintptr_t)parent, (uintptr_t)child};
        note((struct registration){
            REGISTERED_FORK, 0, {functions[0], functions[1], functions[2]}, 0});
    }
    return error;
}

/* Libraries know by its number whether a process is the one that they did something in. While a
   snapshot is made it has one that no other process has. */
pid_t
WRAPPED(getpid)(void)
{
    return memory_makes_snapshot() ? NO_PROCESS : __real_getpid();
}

size_t
registrations_list(struct registration *list, size_t capacity)
{
    size_t count = 0;
    if (known_count > MOST_REGISTRATIONS) {
        return SIZE_MAX;
    }
    for (size_t i = 0; i < known_count; i++) {
        if (known[i].kind != 0) {
            if (count == capacity) {
                return SIZE_MAX;
            }
            list[count] = known[i];
            if (known[i].kind == REGISTERED_KEY) {
                void *value = pthread_getspecific((pthread_key_t)known[i].number);
                list[count].value = (uintptr_t)value;
            }
            count++;
        }
    }
    return count;
}

static bool
is_known(const struct registration *wanted)
{
    for (size_t i = 0; i < known_count && i < MOST_REGISTRATIONS; i++) {
        if (known[i].kind == wanted->kind && known[i].number == wanted->number &&
            known[i].functions[0] == wanted->functions[0] &&
            known[i].functions[1] == wanted->functions[1] &&
            known[i].functions[2] == wanted->functions[2]) {
            return true;
        }
    }
    return false;
}

/* libc gives keys out in ascending order; those in between that nobody wants are given back. */
static bool
create_key(const struct registration *wanted)
{
    pthread_key_t created[MOST_REGISTRATIONS];
    destructor *destroy = (destructor *)(uintptr_t)wanted->functions[0];
    size_t count = 0;
    bool found = false;
    while (!found && count < MOST_REGISTRATIONS &&
           __real_pthread_key_create(&created[count], destroy) == 0) {
        found = (uint32_t)created[count] == wanted->number;
        count += !found;
        if (!found && (uint32_t)created[count - 1] > wanted->number) {
            break;
        }
    }
    while (count > 0) {
        __real_pthread_key_delete(created[--count]);
    }
    if (found) {
        note(
            (struct registration){REGISTERED_KEY, wanted->number, {wanted->functions[0], 0, 0}, 0});
    }
    return found;
}

static bool
create_keys(const struct registration *list, size_t count)
{
    size_t before = known_count;
    for (size_t i = 0; i < count; i++) {
        if (list[i].kind == REGISTERED_KEY && !is_known(&list[i]) && !create_key(&list[i])) {
            while (known_count > before) {
                __real_pthread_key_delete((pthread_key_t)known[--known_count].number);
            }
            return false;
        }
    }
    return true;
}

bool
registrations_repeat(const struct registration *list, size_t count)
{
    if (!create_keys(list, count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        function *functions[3];
        for (size_t j = 0; j < 3; j++) {
            functions[j] = (function *)(uintptr_t)list[i].functions[j];
        }
        if (list[i].kind == REGISTERED_EXIT && !is_known(&list[i])) {
            WRAPPED(atexit)(functions[0]);
        } else if (list[i].kind == REGISTERED_FORK && !is_known(&list[i])) {
            WRAPPED(pthread_atfork)(functions[0], functions[1], functions[2]);
        }
    }
    return true;
}

void
registrations_set_values(const struct registration *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i].kind == REGISTERED_KEY) {
            pthread_setspecific((pthread_key_t)list[i].number,
                                (const void *)(uintptr_t)list[i].value);
        }
    }
}
