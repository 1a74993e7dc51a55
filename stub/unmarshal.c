/* What marshal does with bytecode files, without what it does for anything else: no calls for
   single bytes, no object for bytecode on its way into the code object, and for a name that was met
   before a comparison in place of a new string that is hashed, looked up and thrown away.

   Only what the compiler makes is read here. Whatever is rare, unexpected or damaged ends it, and
   marshal reads all from the beginning. So what comes out is what marshal makes, in any case. */
#include "unmarshal.h"

#include <marshal.h> /* PyMarshal_ReadObjectFromString */

#include "code_object.h"
#include "constants.h"
#include "marshalled.h"

enum { DEEPEST = 100 }; /* levels of nesting; the compiler has few */
enum { FLAG_REFERENCE = 0x80 };

/* The kinds of objects, as Python/marshal.c of CPython names them by characters. */
enum kind {
    KIND_ASCII = 'a',
    KIND_ASCII_INTERNED = 'A',
    KIND_BYTES = 's',
    KIND_CODE = 'c',
    KIND_COMPLEX = 'y',
    KIND_ELLIPSIS = '.',
    KIND_FALSE = 'F',
    KIND_FLOAT = 'g',
    KIND_FROZENSET = '>',
    KIND_INT = 'i',
    KIND_INTERNED = 't',
    KIND_LONG = 'l',
    KIND_NONE = 'N',
    KIND_REFERENCE = 'r',
    KIND_SHORT_ASCII = 'z',
    KIND_SHORT_ASCII_INTERNED = 'Z',
    KIND_SHORT_TUPLE = ')',
    KIND_SLICE = ':',
    KIND_TRUE = 'T',
    KIND_TUPLE = '(',
    KIND_UNICODE = 'u',
};

enum { FIRST_REFERENCES = 512 };

struct reader {
    struct marshalled bytes;
    /* What later parts refer to by number. All of it belongs to the code that is being made. Null
       for what is not made an object of: bytecode, the name of the file. */
    PyObject **references;
    size_t reference_count;
    size_t reference_capacity;
    int depth;
    PyObject *filename;
    /* The file's packed name, and its number among the references. */
    struct cursor packed_filename;
    size_t filename_reference;
    PyObject *first_references[FIRST_REFERENCES];
};

static PyObject *read_object(struct reader *reader);

/* --- references -------------------------------------------------------------------------- */

static bool
grow_references(struct reader *reader)
{
    size_t size = reader->reference_capacity * sizeof *reader->references;
    PyObject **grown = PyMem_Malloc(2 * size);
    if (grown == NULL) {
        return false;
    }
    memcpy(grown, reader->references, size);
    if (reader->references != reader->first_references) {
        PyMem_Free(reader->references);
    }
    reader->references = grown;
    reader->reference_capacity *= 2;
    return true;
}

/* Number what is about to be read. */
static inline bool
reserve_reference(struct reader *reader, size_t *index)
{
    if (reader->reference_count == reader->reference_capacity && !grow_references(reader)) {
        return false;
    }
    *index = reader->reference_count++;
    reader->references[*index] = NULL;
    return true;
}

static inline PyObject *
read_reference(struct reader *reader)
{
    int index;
    if (!marshalled_int(&reader->bytes, &index) ||
        (size_t)(unsigned int)index >= reader->reference_count) {
        return NULL;
    }
    return Py_XNewRef(reader->references[index]);
}

/* --- strings ----------------------------------------------------------------------------- */

static inline PyObject *
read_name(struct reader *reader, bool is_short)
{
    struct cursor text;
    return marshalled_run(&reader->bytes, is_short, &text) ? constants_name(text) : NULL;
}

static bool
could_be_name(struct cursor text)
{
    size_t i = 0;
    while (i < text.size && (Py_ISALNUM(text.data[i]) || text.data[i] == '_')) {
        i++;
    }
    return i == text.size;
}

/* A string that is not interned. One that could be a name would be interned if it is a constant. */
static inline PyObject *
read_ascii(struct reader *reader, bool is_short)
{
    struct cursor text;
    if (!marshalled_run(&reader->bytes, is_short, &text) ||
        (text.size > 1 && could_be_name(text))) {
        return NULL;
    }
    return constants_ascii(text);
}

static PyObject *
read_unicode(struct reader *reader)
{
    struct cursor text;
    return marshalled_run(&reader->bytes, false, &text)
               ? PyUnicode_DecodeUTF8((const char *)text.data, (Py_ssize_t)text.size,
                                      "surrogatepass")
               : NULL;
}

static PyObject *
read_unicode_name(struct reader *reader)
{
    PyObject *name = read_unicode(reader);
    if (name != NULL) {
        constants_intern(&name);
    }
    return name;
}

static inline PyObject *
read_bytes(struct reader *reader)
{
    struct cursor bytes;
    return marshalled_run(&reader->bytes, false, &bytes) ? constants_bytes(bytes) : NULL;
}

/* --- numbers ----------------------------------------------------------------------------- */

static PyObject *
read_small_int(struct reader *reader)
{
    int value;
    return marshalled_int(&reader->bytes, &value) ? constants_int(value) : NULL;
}

static PyObject *
read_float(struct reader *reader)
{
    const unsigned char *bytes = marshalled_take(&reader->bytes, 8);
    return bytes ? PyFloat_FromDouble(PyFloat_Unpack8((const char *)bytes, 1)) : NULL;
}

/* Let marshal make an object that has `size` bytes after its kind. */
static PyObject *
let_marshal_read(struct reader *reader, enum kind kind, size_t size)
{
    const unsigned char *content = marshalled_take(&reader->bytes, size);
    unsigned char *whole = content ? PyMem_Malloc(1 + size) : NULL;
    if (whole == NULL) {
        return NULL;
    }
    whole[0] = (unsigned char)kind;
    memcpy(whole + 1, content, size);
    PyObject *object = PyMarshal_ReadObjectFromString((const char *)whole, 1 + (Py_ssize_t)size);
    PyMem_Free(whole);
    return object;
}

static PyObject *
read_long(struct reader *reader)
{
    int digits;
    if (!marshalled_int(&reader->bytes, &digits) || digits == INT_MIN) {
        return NULL;
    }
    reader->bytes.next -= 4;
    return let_marshal_read(reader, KIND_LONG, 4 + 2 * (size_t)abs(digits));
}

/* --- containers -------------------------------------------------------------------------- */

/* The same as read_object, quicker for what tuples hold most: names, and what was there before. */
static inline PyObject *
read_item(struct reader *reader)
{
    int kind = marshalled_peek(&reader->bytes);
    if (kind == KIND_REFERENCE) {
        reader->bytes.next++;
        return read_reference(reader);
    }
    if (kind == (KIND_SHORT_ASCII_INTERNED | FLAG_REFERENCE)) {
        size_t index;
        reader->bytes.next++;
        return reserve_reference(reader, &index)
                   ? (reader->references[index] = read_name(reader, true))
                   : NULL;
    }
    return read_object(reader);
}

static PyObject *
read_items(struct reader *reader, size_t size)
{
    PyTupleObject *space = constants_begin_tuple(size);
    PyObject *tuple = NULL, *item = NULL;
    bool immortal = true;
    size_t count = 0;
    while (space != NULL && count < size && (item = read_item(reader)) != NULL) {
        immortal &= constants_is_immortal(item);
        space->ob_item[count++] = item;
    }
    if (count == size && item != NULL) {
        tuple = constants_finish_tuple(space, size, immortal);
    }
    while (tuple == NULL && count > 0) {
        Py_DECREF(space->ob_item[--count]);
    }
    return tuple;
}

static PyObject *
read_tuple(struct reader *reader, bool is_short)
{
    int size = marshalled_size(&reader->bytes, is_short);
    if (size < 0 || size > reader->bytes.end - reader->bytes.next) { /* an item takes a byte */
        return NULL;
    }
    return size == 0 ? PyTuple_New(0) : read_items(reader, (size_t)size);
}

static PyObject *
read_frozenset(struct reader *reader)
{
    int size = marshalled_size(&reader->bytes, false);
    if (size <= 0) {
        return NULL;
    }
    PyObject *set = PyFrozenSet_New(NULL);
    for (Py_ssize_t i = 0; set != NULL && i < size; i++) {
        PyObject *item = read_object(reader);
        /* An item that is there already would be lost, and there may be a reference to it. */
        if (item == NULL || PySet_Add(set, item) < 0 || PySet_GET_SIZE(set) != i + 1) {
            Py_CLEAR(set);
        }
        Py_XDECREF(item);
    }
    return set;
}

static PyObject *
read_slice(struct reader *reader)
{
    PyObject *start = read_object(reader);
    PyObject *stop = start ? read_object(reader) : NULL;
    PyObject *step = stop ? read_object(reader) : NULL;
    PyObject *slice = step ? PySlice_New(start, stop, step) : NULL;
    Py_XDECREF(step);
    Py_XDECREF(stop);
    Py_XDECREF(start);
    return slice;
}

/* --- code -------------------------------------------------------------------------------- */

static bool
read_bytecode(struct reader *reader, struct cursor *out)
{
    int kind = marshalled_byte(&reader->bytes);
    size_t index;
    return kind >= 0 && (kind & ~FLAG_REFERENCE) == KIND_BYTES &&
           (!(kind & FLAG_REFERENCE) || reserve_reference(reader, &index)) &&
           marshalled_run(&reader->bytes, false, out);
}

/* Put the file's real name in the place of the packed one, which is the same for all code in it. */
static bool
read_filename(struct reader *reader)
{
    int kind = marshalled_byte(&reader->bytes), index;
    if (kind == KIND_REFERENCE) {
        return marshalled_int(&reader->bytes, &index) && reader->packed_filename.data != NULL &&
               (size_t)index == reader->filename_reference;
    }
    bool is_short = kind == (KIND_SHORT_ASCII_INTERNED | FLAG_REFERENCE);
    return reader->packed_filename.data == NULL &&
           (is_short || kind == (KIND_ASCII_INTERNED | FLAG_REFERENCE)) &&
           reserve_reference(reader, &reader->filename_reference) &&
           marshalled_run(&reader->bytes, is_short, &reader->packed_filename);
}

static bool
read_parts(struct reader *reader, struct code_parts *parts)
{
    parts->filename = Py_NewRef(reader->filename);
    return marshalled_int(&reader->bytes, &parts->argcount) &&
           marshalled_int(&reader->bytes, &parts->posonlyargcount) &&
           marshalled_int(&reader->bytes, &parts->kwonlyargcount) &&
           marshalled_int(&reader->bytes, &parts->stacksize) &&
           marshalled_int(&reader->bytes, &parts->flags) &&
           read_bytecode(reader, &parts->bytecode) && (parts->consts = read_item(reader)) &&
           (parts->names = read_item(reader)) && (parts->localsplusnames = read_item(reader)) &&
           (parts->localspluskinds = read_item(reader)) && read_filename(reader) &&
           (parts->name = read_item(reader)) && (parts->qualname = read_item(reader)) &&
           marshalled_int(&reader->bytes, &parts->firstlineno) &&
           (parts->linetable = read_item(reader)) && (parts->exceptiontable = read_item(reader));
}

static void
drop_parts(struct code_parts *parts)
{
    Py_XDECREF(parts->consts);
    Py_XDECREF(parts->names);
    Py_XDECREF(parts->localsplusnames);
    Py_XDECREF(parts->localspluskinds);
    Py_XDECREF(parts->filename);
    Py_XDECREF(parts->name);
    Py_XDECREF(parts->qualname);
    Py_XDECREF(parts->linetable);
    Py_XDECREF(parts->exceptiontable);
}

static PyObject *
read_code(struct reader *reader)
{
    struct code_parts parts = {0};
    PyObject *code = read_parts(reader, &parts) ? code_object_make(&parts) : NULL;
    if (code == NULL) {
        drop_parts(&parts);
    }
    return code;
}

/* --- objects ----------------------------------------------------------------------------- */

static inline PyObject *
read_kind(struct reader *reader, enum kind kind)
{
    switch (kind) {
    case KIND_SHORT_ASCII_INTERNED:
    case KIND_ASCII_INTERNED:
        return read_name(reader, kind == KIND_SHORT_ASCII_INTERNED);
    case KIND_SHORT_ASCII:
    case KIND_ASCII:
        return read_ascii(reader, kind == KIND_SHORT_ASCII);
    case KIND_SHORT_TUPLE:
    case KIND_TUPLE:
        return read_tuple(reader, kind == KIND_SHORT_TUPLE);
    case KIND_BYTES:
        return read_bytes(reader);
    case KIND_CODE:
        return read_code(reader);
    case KIND_NONE:
        return Py_NewRef(Py_None);
    case KIND_TRUE:
        return Py_NewRef(Py_True);
    case KIND_FALSE:
        return Py_NewRef(Py_False);
    case KIND_ELLIPSIS:
        return Py_NewRef(Py_Ellipsis);
    case KIND_INT:
        return read_small_int(reader);
    case KIND_LONG:
        return read_long(reader);
    case KIND_FLOAT:
        return read_float(reader);
    case KIND_COMPLEX:
        return let_marshal_read(reader, kind, 16);
    case KIND_UNICODE:
        return read_unicode(reader);
    case KIND_INTERNED:
        return read_unicode_name(reader);
    case KIND_FROZENSET:
        return read_frozenset(reader);
    case KIND_SLICE:
        return read_slice(reader);
    default:
        return NULL;
    }
}

/* Return what comes next, or null, with or without an exception set. */
static PyObject *
read_object(struct reader *reader)
{
    int kind = marshalled_byte(&reader->bytes);
    if (kind == KIND_REFERENCE) {
        return read_reference(reader);
    }
    size_t index = 0;
    bool numbered = kind & FLAG_REFERENCE;
    if (kind < 0 || reader->depth == DEEPEST || (numbered && !reserve_reference(reader, &index))) {
        return NULL;
    }
    reader->depth++;
    PyObject *object = read_kind(reader, kind & ~FLAG_REFERENCE);
    reader->depth--;
    if (numbered) {
        reader->references[index] = object;
    }
    return object;
}

/* Return the code, or null for any reason. */
static PyObject *
read_all(struct cursor marshalled, PyObject *filename)
{
    struct reader reader;
    reader.bytes = (struct marshalled){marshalled.data, marshalled.data + marshalled.size};
    reader.references = reader.first_references;
    reader.reference_count = 0;
    reader.reference_capacity = FIRST_REFERENCES;
    reader.depth = 0;
    reader.filename = filename;
    reader.packed_filename = (struct cursor){0};
    PyObject *code = read_object(&reader);
    if (code != NULL && !PyCode_Check(code)) {
        Py_CLEAR(code);
    }
    if (reader.references != reader.first_references) {
        PyMem_Free(reader.references);
    }
    return code;
}

/* A bit for each file of the image: whether code of it has been made. */
static unsigned char *made;

static bool
is_first_time(uint32_t file)
{
    unsigned char bit = (unsigned char)(1 << file % 8), *bits = made ? &made[file / 8] : NULL;
    bool is_first = bits != NULL && !(*bits & bit);
    if (is_first) {
        *bits |= bit;
    }
    return is_first;
}

PyObject *
unmarshal_code(uint32_t file, struct cursor marshalled, PyObject *filename)
{
    if (!code_object_serves() || !is_first_time(file)) {
        return NULL;
    }
    PyObject *code = read_all(marshalled, filename);
    if (code == NULL) {
        PyErr_Clear();
    }
    return code;
}

void
unmarshal_setup(uint32_t files)
{
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        return;
    }
    constants_setup();
    if (made == NULL && files > 0) {
        made = PyMem_RawCalloc(files / 8 + 1, 1);
        code_object_setup();
    }
}
