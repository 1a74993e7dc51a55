/* Immortal objects are what they would be if they were counted, but that they are never freed,
   neither one by one nor when the interpreter ends. So they need no allocation of their own, and
   none of the work at the end. The interpreter takes them for such as are part of the program. */
#include "constants.h"

#include "internals.h"

#ifdef OXIDIZE_KNOWS_INTERNALS

#define Py_BUILD_CORE
#include <internal/pycore_gc.h>            /* PyGC_Head */
#include <internal/pycore_object.h>        /* _PyObject_HEAD_INIT, _PyObject_GC_UNTRACK */
#include <internal/pycore_pystate.h>       /* _PyInterpreterState_Main */
#include <internal/pycore_unicodeobject.h> /* _PyUnicode_InternImmortal */

/* --- memory ------------------------------------------------------------------------------ */

enum { CHUNK = 1 << 18, GRAIN = 16 };

/* What is left of the latest chunk; all of it is zero. */
static char *next_free, *end_of_chunk;

static void *
take(size_t size)
{
    size = (size + GRAIN - 1) & ~(size_t)(GRAIN - 1);
    if (size > (size_t)(end_of_chunk - next_free)) {
        size_t chunk = size > CHUNK ? size : CHUNK;
        char *fresh = PyMem_RawCalloc(1, chunk);
        if (fresh == NULL) {
            return NULL;
        }
        next_free = fresh;
        end_of_chunk = fresh + chunk;
    }
    void *taken = next_free;
    next_free += size;
    return taken;
}

/* Give back what was taken last. */
static void
give_back(void *taken)
{
    memset(taken, 0, (size_t)(next_free - (char *)taken));
    next_free = taken;
}

/* --- strings and bytes ------------------------------------------------------------------- */

PyObject *
constants_ascii(struct cursor text)
{
    static const PyObject head = _PyObject_HEAD_INIT(&PyUnicode_Type);
    if (text.size <= 1) { /* of these there is one each */
        return PyUnicode_FromKindAndData(PyUnicode_1BYTE_KIND, text.data, (Py_ssize_t)text.size);
    }
    PyASCIIObject *string = take(sizeof *string + text.size + 1);
    if (string == NULL) {
        return NULL;
    }
    string->ob_base = head;
    string->length = (Py_ssize_t)text.size;
    string->hash = -1; /* not known yet */
    string->state.kind = PyUnicode_1BYTE_KIND;
    string->state.compact = 1;
    string->state.ascii = 1;
    /* Or it would be freed at the end, if the program interns it. */
    string->state.statically_allocated = 1;
    memcpy(string + 1, text.data, text.size);
    return (PyObject *)string;
}

void
constants_intern(PyObject **string)
{
    _PyUnicode_InternImmortal(_PyInterpreterState_Main(), string);
}

bool
constants_is_name(PyObject *object)
{
    return PyUnicode_CheckExact(object) &&
           PyUnicode_CHECK_INTERNED(object) >= SSTATE_INTERNED_IMMORTAL;
}

/* --- names ---------------------------------------------------------------------------------- */

/* Names that were asked for lately, by what their texts begin and end with. */
enum { CACHE_BITS = 13 };
static PyObject *name_cache[1 << CACHE_BITS];
static bool has_cached_names;

/* The first and the last eight bytes of a text: all of it if it has no more than sixteen. */
struct ends {
    uint64_t first;
    uint64_t last;
};

static inline struct ends
ends_of(struct cursor text)
{
    struct ends ends = {0, 0};
    if (text.size >= 8) {
        memcpy(&ends.first, text.data, 8);
        memcpy(&ends.last, text.data + text.size - 8, 8);
    } else if (text.size >= 4) {
        memcpy(&ends.first, text.data, 4);
        memcpy(&ends.last, text.data + text.size - 4, 4);
    } else if (text.size > 0) {
        ends.first = (uint64_t)text.data[0] | (uint64_t)text.data[text.size / 2] << 8;
        ends.last = text.data[text.size - 1];
    }
    return ends;
}

static inline size_t
slot_of(struct ends ends, size_t size)
{
    uint64_t mixed = (ends.first ^ (ends.last << 23 | ends.last >> 41)) + size;
    mixed *= 0x9E3779B97F4A7C15u;
    return (mixed ^ mixed << 29) >> (64 - CACHE_BITS);
}

static inline bool
has_text(PyObject *string, struct cursor text, struct ends ends)
{
    if (string == NULL || (size_t)PyUnicode_GET_LENGTH(string) != text.size) {
        return false;
    }
    struct cursor own = {(const unsigned char *)((PyASCIIObject *)string + 1), text.size};
    struct ends own_ends = ends_of(own);
    return own_ends.first == ends.first && own_ends.last == ends.last &&
           (text.size <= 16 || memcmp(own.data + 8, text.data + 8, text.size - 16) == 0);
}

static PyObject *
make_name(struct cursor text)
{
    PyObject *string = constants_ascii(text), *name = string;
    if (name == NULL || text.size <= 1) {
        return name;
    }
    _PyUnicode_InternImmortal(_PyInterpreterState_Main(), &name);
    if (name != string) {
        give_back(string);
    } else if (PyUnicode_CHECK_INTERNED(name) == SSTATE_INTERNED_IMMORTAL) {
        ((PyASCIIObject *)name)->state.interned = SSTATE_INTERNED_IMMORTAL_STATIC;
    }
    return name;
}

PyObject *
constants_name(struct cursor text)
{
    struct ends ends = ends_of(text);
    PyObject **slot = &name_cache[slot_of(ends, text.size)];
    if (has_text(*slot, text, ends)) {
        return *slot; /* immortal */
    }
    PyObject *name = make_name(text);
    if (name != NULL && constants_is_name(name)) {
        *slot = name;
        has_cached_names = true;
    }
    return name;
}

void
constants_setup(void)
{
    if (has_cached_names) {
        memset(name_cache, 0, sizeof name_cache); /* they were an interpreter's that has ended */
    }
}

_Py_COMP_DIAG_PUSH _Py_COMP_DIAG_IGNORE_DEPR_DECLS /* the hash */

    PyObject *
    constants_bytes(struct cursor bytes)
{
    static const PyVarObject head = {.ob_base = _PyObject_HEAD_INIT(&PyBytes_Type)};
    if (bytes.size == 0) {
        return PyBytes_FromStringAndSize(NULL, 0);
    }
    PyBytesObject *object =
        take(sizeof *object + bytes.size); /* which has room for the final zero */
    if (object == NULL) {
        return NULL;
    }
    object->ob_base = head;
    object->ob_base.ob_size = (Py_ssize_t)bytes.size;
    object->ob_shash = -1; /* not known yet */
    memcpy(object->ob_sval, bytes.data, bytes.size);
    return (PyObject *)object;
}

_Py_COMP_DIAG_POP

    /* --- numbers ---------------------------------------------------------------------------- */

    PyObject *
    constants_int(int value)
{
    static const PyObject head = _PyObject_HEAD_INIT(&PyLong_Type);
    _Static_assert(sizeof(PyLongObject) >=
                       offsetof(PyLongObject, long_value.ob_digit) + 2 * sizeof(digit),
                   "no int of C has more than two digits");
    PyObject *counted = PyLong_FromLong(value);
    if (counted == NULL || _Py_IsImmortal(counted)) {
        return counted; /* a small one, of which there is one */
    }
    PyLongObject *number = take(sizeof *number);
    if (number != NULL) {
        memcpy(number, counted, sizeof *number);
        number->ob_base = head;
    }
    Py_DECREF(counted);
    return (PyObject *)number;
}

/* --- tuples ------------------------------------------------------------------------------ */

PyTupleObject *
constants_begin_tuple(size_t size)
{
    /* A head of zeros says that the collector does not track the object. */
    char *space =
        take(sizeof(PyGC_Head) + offsetof(PyTupleObject, ob_item) + size * sizeof(PyObject *));
    return space ? (PyTupleObject *)(space + sizeof(PyGC_Head)) : NULL;
}

static PyObject *
make_counted_tuple(PyObject **items, size_t size)
{
    PyObject *tuple = PyTuple_New((Py_ssize_t)size);
    bool tracked = false;
    for (size_t i = 0; tuple != NULL && i < size; i++) {
        PyTuple_SET_ITEM(tuple, (Py_ssize_t)i, items[i]);
        tracked |= PyObject_IS_GC(items[i]) && PyObject_GC_IsTracked(items[i]);
    }
    if (tuple != NULL && !tracked) {
        _PyObject_GC_UNTRACK(tuple); /* as the collector would when it first comes by */
    }
    return tuple;
}

PyObject *
constants_finish_tuple(PyTupleObject *space, size_t size, bool immortal)
{
    static const PyVarObject head = {.ob_base = _PyObject_HEAD_INIT(&PyTuple_Type)};
    if (!immortal) {
        return make_counted_tuple(space->ob_item, size);
    }
    space->ob_base = head;
    space->ob_base.ob_size = (Py_ssize_t)size;
#if PY_VERSION_HEX >= 0x030E0000
    space->ob_hash = -1; /* not known yet */
#endif
    return (PyObject *)space;
}

#else

void
constants_setup(void)
{
}

PyObject *
constants_int(int value)
{
    (void)value;
    return NULL;
}

PyObject *
constants_ascii(struct cursor text)
{
    (void)text;
    return NULL;
}

PyObject *
constants_bytes(struct cursor bytes)
{
    (void)bytes;
    return NULL;
}

PyObject *
constants_name(struct cursor text)
{
    (void)text;
    return NULL;
}

void
constants_intern(PyObject **string)
{
    (void)string;
}

bool
constants_is_name(PyObject *object)
{
    (void)object;
    return false;
}

PyTupleObject *
constants_begin_tuple(size_t size)
{
    (void)size;
    return NULL;
}

PyObject *
constants_finish_tuple(PyTupleObject *space, size_t size, bool immortal)
{
    (void)space, (void)size, (void)immortal;
    return NULL;
}

#endif
