/* The same as _PyCode_New of CPython's Objects/codeobject.c, but for what is known of code that
   the compiler has made and marshal has written: names are interned when they are read, and strings
   among the constants that would be interned are. */
#include "code_object.h"

#include "constants.h"
#include "internals.h"

#ifdef OXIDIZE_KNOWS_INTERNALS

#define Py_BUILD_CORE
#include <internal/pycore_backoff.h>         /* initial_jump_backoff_counter */
#include <internal/pycore_code.h>            /* _PyCode_CODE, CO_FAST_LOCAL */
#include <internal/pycore_initconfig.h>      /* _Py_GetConfig */
#include <internal/pycore_interp.h>          /* PyInterpreterState */
#include <internal/pycore_opcode_metadata.h> /* _PyOpcode_Caches */
#include <internal/pycore_pystate.h>         /* _PyInterpreterState_Main */
#include <opcode_ids.h>                      /* RESUME */
#if PY_VERSION_HEX >= 0x030E0000
#include <internal/pycore_interpframe.h> /* FRAME_SPECIALS_SIZE */
#else
#include <internal/pycore_frame.h>
#endif

/* What stands in the first cache entry behind an instruction before it is specialised. */
static _Py_CODEUNIT first_entries[256];

void
code_object_setup(void)
{
    for (size_t i = 0; i < Py_ARRAY_LENGTH(first_entries); i++) {
        first_entries[i].counter = adaptive_counter_warmup();
    }
    first_entries[JUMP_BACKWARD].counter = initial_jump_backoff_counter();
    static const uint8_t branches[] = {POP_JUMP_IF_FALSE, POP_JUMP_IF_TRUE, POP_JUMP_IF_NONE,
                                       POP_JUMP_IF_NOT_NONE};
    for (size_t i = 0; i < Py_ARRAY_LENGTH(branches); i++) {
        first_entries[branches[i]].cache = 0x5555; /* taken every second time */
    }
}

bool
code_object_serves(void)
{
    PyInterpreterState *interpreter = PyInterpreterState_Get();
    return interpreter == PyInterpreterState_Main() && interpreter->active_code_watchers == 0 &&
           _Py_GetConfig()->code_debug_ranges;
}

static bool
are_names(PyObject *tuple)
{
    if (!PyTuple_CheckExact(tuple)) {
        return false;
    }
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); i++) {
        if (!constants_is_name(PyTuple_GET_ITEM(tuple, i))) {
            return false;
        }
    }
    return true;
}

static bool
are_usable(const struct code_parts *parts)
{
    return parts->argcount >= parts->posonlyargcount && parts->posonlyargcount >= 0 &&
           parts->kwonlyargcount >= 0 && parts->stacksize >= 0 && parts->flags >= 0 &&
           parts->bytecode.size <= INT_MAX && parts->bytecode.size % sizeof(_Py_CODEUNIT) == 0 &&
           PyTuple_CheckExact(parts->consts) && are_names(parts->names) &&
           are_names(parts->localsplusnames) && PyBytes_CheckExact(parts->localspluskinds) &&
           PyBytes_GET_SIZE(parts->localspluskinds) == PyTuple_GET_SIZE(parts->localsplusnames) &&
           constants_is_name(parts->name) && constants_is_name(parts->qualname) &&
           PyBytes_CheckExact(parts->linetable) && PyBytes_CheckExact(parts->exceptiontable);
}

static void
take_parts(PyCodeObject *code, const struct code_parts *parts)
{
    code->co_consts = parts->consts;
    code->co_names = parts->names;
    code->co_exceptiontable = parts->exceptiontable;
    code->co_flags = parts->flags;
    code->co_argcount = parts->argcount;
    code->co_posonlyargcount = parts->posonlyargcount;
    code->co_kwonlyargcount = parts->kwonlyargcount;
    code->co_stacksize = parts->stacksize ? parts->stacksize : 1;
    code->co_firstlineno = parts->firstlineno;
    code->co_localsplusnames = parts->localsplusnames;
    code->co_localspluskinds = parts->localspluskinds;
    code->co_filename = parts->filename;
    code->co_name = parts->name;
    code->co_qualname = parts->qualname;
    code->co_linetable = parts->linetable;
}

static void
count_locals(PyCodeObject *code)
{
    const unsigned char *kinds = (const unsigned char *)PyBytes_AS_STRING(code->co_localspluskinds);
    int count = (int)PyBytes_GET_SIZE(code->co_localspluskinds);
    int locals = 0, cells = 0, others = 0;
    for (int i = 0; i < count; i++) {
        bool is_local = kinds[i] & CO_FAST_LOCAL, is_cell = kinds[i] & CO_FAST_CELL;
        locals += is_local;
        cells += is_cell;
        others += !is_local && !is_cell && (kinds[i] & CO_FAST_FREE);
    }
    code->co_nlocalsplus = count;
    code->co_nlocals = locals;
    code->co_ncellvars = cells;
    code->co_nfreevars = others;
    code->co_framesize = count + code->co_stacksize + FRAME_SPECIALS_SIZE;
}

/* Whether all arguments have names. */
static bool
has_arguments(const PyCodeObject *code)
{
    return code->co_nlocals - code->co_argcount - code->co_kwonlyargcount -
               ((code->co_flags & CO_VARARGS) != 0) - ((code->co_flags & CO_VARKEYWORDS) != 0) >=
           0;
}

static void
copy_bytecode(PyCodeObject *code, struct cursor bytecode)
{
    _Py_CODEUNIT *units = _PyCode_CODE(code);
    memcpy(units, bytecode.data, bytecode.size);
    int entry = 0;
    while (entry < Py_SIZE(code) && units[entry].op.code != RESUME) {
        entry++;
    }
    code->_co_firsttraceable = entry;
}

/* As _PyCode_Quicken: the last unit is no instruction that has a cache. */
static void
fill_caches(PyCodeObject *code)
{
    _Py_CODEUNIT *unit = _PyCode_CODE(code), *last = unit + Py_SIZE(code) - 1;
    while (unit < last) {
        uint8_t opcode = unit->op.code, caches = _PyOpcode_Caches[opcode];
        unit++;
        if (caches != 0) {
            *unit = first_entries[opcode];
            unit += caches;
        }
    }
}

PyObject *
code_object_make(const struct code_parts *parts)
{
    if (!are_usable(parts)) {
        return NULL;
    }
    Py_ssize_t units = (Py_ssize_t)(parts->bytecode.size / sizeof(_Py_CODEUNIT));
    PyCodeObject *code = PyObject_NewVar(PyCodeObject, &PyCode_Type, units);
    if (code == NULL) {
        return NULL;
    }
    take_parts(code, parts);
    count_locals(code);
    if (!has_arguments(code)) {
        PyObject_Free(code);
        return NULL;
    }
    struct _py_func_state *functions = &_PyInterpreterState_Main()->func_state;
    code->co_version = functions->next_version;
    functions->next_version += functions->next_version != 0;
    code->co_weakreflist = NULL;
    code->co_executors = NULL;
    code->_co_cached = NULL;
    code->_co_instrumentation_version = 0;
    code->_co_monitoring = NULL;
    code->co_extra = NULL;
    copy_bytecode(code, parts->bytecode);
    fill_caches(code);
    return (PyObject *)code;
}

#else

void
code_object_setup(void)
{
}

bool
code_object_serves(void)
{
    return false;
}

PyObject *
code_object_make(const struct code_parts *parts)
{
    (void)parts;
    return NULL;
}

#endif
