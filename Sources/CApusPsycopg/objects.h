/* The C layouts of the extension's objects: the fields that Python sees, and for an object with a Swift part a retained
   pointer to it (`core`). */
#ifndef CAPUS_OBJECTS_H
#define CAPUS_OBJECTS_H

#include "../CApusPython/python.h"

/* psycopg2.Error and its subclasses. */
typedef struct {
    PyBaseExceptionObject base;
    PyObject *pgerror;
    PyObject *pgcode;
    PyObject *cursor;
    PyObject *fields; /* a tuple of the server's fields, in the order of Diagnostics' attributes */
} apus_error;

static inline int apus_error_traverse(PyObject *self, visitproc visit, void *arg) {
    Py_VISIT(Py_TYPE(self));
    int failed = apus_visit_fields(&((apus_error *)self)->pgerror, 4, visit, arg);
    return failed ? failed : ((PyTypeObject *)PyExc_Exception)->tp_traverse(self, visit, arg);
}
static inline int apus_error_clear(PyObject *self) {
    apus_clear_fields(&((apus_error *)self)->pgerror, 4);
    return ((PyTypeObject *)PyExc_Exception)->tp_clear(self);
}
/* BaseException's dealloc calls tp_free, but does not release a heap type. */
static inline void apus_error_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    apus_clear_fields(&((apus_error *)self)->pgerror, 4);
    PyObject_GC_Track(self);
    ((PyTypeObject *)PyExc_Exception)->tp_dealloc(self);
    Py_DECREF(type);
}

/* psycopg2.extensions.Diagnostics */
typedef struct { PyObject_HEAD PyObject *error; } apus_diagnostics;
APUS_OWNED(apus_diagnostics, apus_diagnostics, error, 1)

/* An adapter: the adapted object, the connection that it was prepared for, and for dates the form. */
typedef struct {
    PyObject_HEAD
    PyObject *adapted;
    PyObject *buffer;     /* the quoted bytes after getquoted(), if the adapter shows them */
    PyObject *connection; /* or NULL */
    PyObject *encoding;   /* QuotedString only: an encoding given by the program, or NULL */
    int kind;
} apus_adapter;
APUS_OWNED(apus_adapter, apus_adapter, adapted, 4)

/* The registry of adapters: a dict that counts its changes. */
typedef struct {
    PyDictObject dict;
    unsigned long generation; /* counts calls that may have changed it */
    unsigned long checked;    /* the generation that `direct` is valid for */
    unsigned long direct;     /* a bit for each built-in type that has its built-in adapter */
} apus_adapter_registry;

/* psycopg2._psycopg.type */
typedef struct {
    PyObject_HEAD
    PyObject *name;
    PyObject *values; /* a tuple of OIDs */
    PyObject *cast;   /* a Python callable, or NULL if `decoder` is a built-in one */
    PyObject *base;   /* of an array: the type of its elements, or NULL */
    int decoder;
} apus_typecaster;
APUS_OWNED(apus_typecaster, apus_typecaster, name, 4)

/* The bytes of a decoded bytea, which a memoryview shows. */
typedef struct {
    PyObject_VAR_HEAD
    char bytes[];
} apus_chunk;
static inline void *apus_chunk_bytes(PyObject *self) { return ((apus_chunk *)self)->bytes; }
static const Py_ssize_t apus_chunk_size = sizeof(apus_chunk);

/* As in psycopg2, items are bytes of length one: format "c". */
static inline int apus_chunk_getbuffer(PyObject *self, Py_buffer *view, int flags) {
    if (PyBuffer_FillInfo(view, self, ((apus_chunk *)self)->bytes, Py_SIZE(self), 1, flags) < 0) return -1;
    if (view->format) view->format = (char *)"c";
    return 0;
}

/* The memory layout of decimal.Decimal of CPython's module _decimal. It is no API: DecimalLayout.swift verifies it
   before it is used. */
typedef struct {
    PyObject_HEAD
    Py_hash_t hash; /* -1: not computed yet */
    struct {
        uint8_t flags;
        int64_t exponent, digits, count, room; /* `digits` of the coefficient; `count` words of it, of `room` */
        uint64_t *words;                       /* 19 digits each, lowest first */
    } number;
    uint64_t words[4];
} apus_decimal;
static inline uint64_t *_Nonnull apus_decimal_words(apus_decimal *self) { return self->words; }
static const Py_ssize_t apus_decimal_size = sizeof(apus_decimal);
/* libmpdec's MPD_NEG, and MPD_STATIC | MPD_STATIC_DATA: the number and its words are part of the object. */
static const uint8_t apus_decimal_negative = 1;
static const uint8_t apus_decimal_inside = 16 | 32;

/* Makes a Decimal whose words the caller must write. As in _decimal, its memory is not cleared, unless the type is
   tracked by the collector (since CPython 3.12). */
static inline apus_decimal *apus_new_decimal(PyObject *of, int is_negative, int64_t exponent, int digits, int count) {
    PyTypeObject *type = (PyTypeObject *)of;
    apus_decimal *self =
        PyType_IS_GC(type) ? (apus_decimal *)type->tp_alloc(type, 0) : PyObject_New(apus_decimal, type);
    if (self == NULL) return NULL;
    self->hash = -1;
    self->number.flags = (uint8_t)(apus_decimal_inside | (is_negative ? apus_decimal_negative : 0));
    self->number.exponent = exponent;
    self->number.digits = digits;
    self->number.count = count;
    self->number.room = 4;
    self->number.words = self->words;
    return self;
}

/* psycopg2.extensions.Column */
typedef struct {
    PyObject_HEAD
    PyObject *name, *type_code, *display_size, *internal_size, *precision, *scale, *null_ok, *table_oid,
        *table_column;
} apus_column;
APUS_OWNED(apus_column, apus_column, name, 9)

/* psycopg2.extensions.Notify */
typedef struct { PyObject_HEAD PyObject *pid, *channel, *payload; } apus_notify;
APUS_OWNED(apus_notify, apus_notify, pid, 3)

/* psycopg2.extensions.ConnectionInfo */
typedef struct { PyObject_HEAD PyObject *connection; } apus_connection_info;
APUS_OWNED(apus_connection_info, apus_connection_info, connection, 1)

/* psycopg2.extensions.connection */
typedef struct {
    PyObject_HEAD
    PyObject *dsn;
    PyObject *cursor_factory;
    PyObject *notices;
    PyObject *notifies;
    PyObject *string_types;
    PyObject *binary_types;
    PyObject *async_cursor; /* a weak reference to the cursor whose query runs, or NULL */
    PyObject *weak_references;
    void *core;
} apus_connection;
APUS_OWNED(apus_connection_fields, apus_connection, dsn, 7)

/* psycopg2.extensions.cursor */
typedef struct {
    PyObject_HEAD
    PyObject *connection;
    PyObject *name;
    PyObject *query;
    PyObject *row_factory;
    PyObject *tzinfo_factory;
    PyObject *string_types;
    PyObject *binary_types;
    PyObject *typecaster;
    PyObject *description;
    PyObject *casts; /* a tuple: the typecaster of every column of the result */
    PyObject *copy_file;
    PyObject *last_status; /* of a closed cursor */
    PyObject *former;      /* a list of the connections before another __init__, as calls may still use them; or NULL */
    PyObject *weak_references;
    void *result; /* the PGresult, owned, or NULL; without its rows if `large` has them */
    void *large;  /* the rows of a large result, owned, or NULL */
    void *columns; /* the same typecasters as in `casts`, as an array for RowMaker, owned, or NULL */
    long columns_capacity;
    void *stream; /* the replication stream, retained, or NULL */
    long arraysize;
    long itersize;
    long rowcount;
    long row;      /* the index of the next row to fetch in the current result */
    long readers;  /* the number of running fetches; Python code of a typecaster may run meanwhile */
    long execution; /* counts the statements begun; only the result of the last one becomes the cursor's */
    unsigned lastoid;
    signed char scrollable; /* -1: not given */
    char withhold;
    char closed;
    char missing; /* the parts of the last result that are not available: see Cursor.Missing */
    char is_acyclic; /* no cell can be part of a reference cycle, so the collector need not track the rows */
    char is_pinned; /* the program has the address of the PGresult, so it must not be changed */
    char has_failed; /* the server returned an error for the last statement */
    char is_declared; /* for a named cursor: the server has executed its DECLARE */
    long transaction; /* for a named cursor: the number of the transaction that declared it */
} apus_cursor;
APUS_OWNED(apus_cursor_fields, apus_cursor, connection, 13)

/* psycopg2.extensions.lobject */
typedef struct {
    PyObject_HEAD
    PyObject *connection;
    PyObject *mode;
    PyObject *weak_references;
    long transaction; /* the number of the transaction that opened it */
    int descriptor;   /* -1: closed */
    unsigned oid;
    char is_text;
} apus_lobject;
APUS_OWNED(apus_lobject_fields, apus_lobject, connection, 2)

/* psycopg2.extras.ReplicationMessage */
typedef struct {
    PyObject_HEAD
    PyObject *cursor, *payload, *data_size, *data_start, *wal_end, *send_time;
} apus_replication_message;
APUS_OWNED(apus_replication_message, apus_replication_message, cursor, 6)

#endif
