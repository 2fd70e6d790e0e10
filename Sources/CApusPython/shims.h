/* CPython's macros as functions. */
#ifndef CAPUS_SHIMS_H
#define CAPUS_SHIMS_H

static inline PyObject *_Nonnull apus_none(void) { return Py_None; }
static inline PyObject *_Nonnull apus_true(void) { return Py_True; }
static inline PyObject *_Nonnull apus_false(void) { return Py_False; }
static inline PyObject *_Nonnull apus_not_implemented(void) { return Py_NotImplemented; }

static inline void apus_incref(PyObject *o) { Py_INCREF(o); }
static inline void apus_decref(PyObject *o) { Py_DECREF(o); }

static inline PyTypeObject *_Nonnull apus_type(PyObject *o) { return Py_TYPE(o); }
static inline PyObject *_Nonnull apus_type_object(PyObject *o) { return (PyObject *)Py_TYPE(o); }
static inline int apus_is_instance(PyObject *o, PyObject *type) {
    return PyObject_TypeCheck(o, (PyTypeObject *)type);
}

/* CPython's exceptions, which Swift cannot read because they are mutable globals. They never change. */
static inline PyObject *_Nonnull apus_exc_type(void) { return PyExc_TypeError; }
static inline PyObject *_Nonnull apus_exc_os(void) { return PyExc_OSError; }
static inline PyObject *_Nonnull apus_exc_blocking(void) { return PyExc_BlockingIOError; }
static inline PyObject *_Nonnull apus_exc_value(void) { return PyExc_ValueError; }
static inline PyObject *_Nonnull apus_exc_exception(void) { return PyExc_Exception; }
static inline PyObject *_Nonnull apus_exc_attribute(void) { return PyExc_AttributeError; }
static inline PyObject *_Nonnull apus_exc_runtime(void) { return PyExc_RuntimeError; }
static inline PyObject *_Nonnull apus_exc_overflow(void) { return PyExc_OverflowError; }
static inline PyObject *_Nonnull apus_exc_unicode_encode(void) { return PyExc_UnicodeEncodeError; }

/* The concrete types, as objects. */
static inline PyObject *_Nonnull apus_type_str(void) { return (PyObject *)&PyUnicode_Type; }
static inline PyObject *_Nonnull apus_type_bytes(void) { return (PyObject *)&PyBytes_Type; }
static inline PyObject *_Nonnull apus_type_bytearray(void) { return (PyObject *)&PyByteArray_Type; }
static inline PyObject *_Nonnull apus_type_memoryview(void) { return (PyObject *)&PyMemoryView_Type; }
static inline PyObject *_Nonnull apus_type_int(void) { return (PyObject *)&PyLong_Type; }
static inline PyObject *_Nonnull apus_type_bool(void) { return (PyObject *)&PyBool_Type; }
static inline PyObject *_Nonnull apus_type_float(void) { return (PyObject *)&PyFloat_Type; }
static inline PyObject *_Nonnull apus_type_list(void) { return (PyObject *)&PyList_Type; }
static inline PyObject *_Nonnull apus_type_tuple(void) { return (PyObject *)&PyTuple_Type; }
static inline PyObject *_Nonnull apus_type_dict(void) { return (PyObject *)&PyDict_Type; }
static inline PyObject *_Nonnull apus_type_none(void) { return (PyObject *)Py_TYPE(Py_None); }

static inline int apus_is_str(PyObject *o) { return PyUnicode_Check(o); }
static inline int apus_is_bytes(PyObject *o) { return PyBytes_Check(o); }
static inline int apus_is_int(PyObject *o) { return PyLong_Check(o); }
static inline int apus_is_bool(PyObject *o) { return PyBool_Check(o); }
static inline int apus_is_list(PyObject *o) { return PyList_Check(o); }
static inline int apus_is_tuple(PyObject *o) { return PyTuple_Check(o); }
static inline int apus_is_exact_list(PyObject *o) { return PyList_CheckExact(o); }
static inline int apus_is_exact_tuple(PyObject *o) { return PyTuple_CheckExact(o); }
static inline int apus_is_exact_str(PyObject *o) { return PyUnicode_CheckExact(o); }
static inline int apus_is_dict(PyObject *o) { return PyDict_Check(o); }
static inline int apus_is_class(PyObject *o) { return PyType_Check(o); }

static inline PyObject *_Nonnull apus_tuple_get(PyObject *o, Py_ssize_t i) { return PyTuple_GET_ITEM(o, i); }
static inline void apus_tuple_set(PyObject *o, Py_ssize_t i, PyObject *v) { PyTuple_SET_ITEM(o, i, v); }
static inline Py_ssize_t apus_tuple_size(PyObject *o) { return PyTuple_GET_SIZE(o); }

/* Makes a tuple whose items must be set, each once. If many are made, before CPython 3.14, they are allocated without
   CPython's list of freed tuples, and the collector does not track a tuple before it is finished. */
static inline PyObject *apus_new_tuple(Py_ssize_t count, int many) {
#if PY_VERSION_HEX < 0x030E0000
    if (many && count > 0) return (PyObject *)PyObject_GC_NewVar(PyTupleObject, &PyTuple_Type, count);
#endif
    (void)many;
    return PyTuple_New(count);
}
static inline void apus_finish_tuple(PyObject *tuple, int many, int is_acyclic) {
#if PY_VERSION_HEX >= 0x030E0000
    many = 0;
#endif
    if (PyTuple_GET_SIZE(tuple) == 0) return;
    if (!many && is_acyclic) PyObject_GC_UnTrack(tuple);
    if (many && !is_acyclic) PyObject_GC_Track(tuple);
}
/* Releases a tuple of which only the first `set` items are set. */
static inline void apus_drop_tuple(PyObject *tuple, Py_ssize_t set) {
    for (Py_ssize_t i = set; i < PyTuple_GET_SIZE(tuple); i++) PyTuple_SET_ITEM(tuple, i, NULL);
    Py_DECREF(tuple);
}
static inline PyObject *apus_tuple2(PyObject *a, PyObject *b) { return PyTuple_Pack(2, a, b); }
static inline PyObject *apus_tuple3(PyObject *a, PyObject *b, PyObject *c) { return PyTuple_Pack(3, a, b, c); }
static inline PyObject *_Nonnull apus_list_get(PyObject *o, Py_ssize_t i) { return PyList_GET_ITEM(o, i); }
static inline void apus_list_set(PyObject *o, Py_ssize_t i, PyObject *v) { PyList_SET_ITEM(o, i, v); }
static inline Py_ssize_t apus_list_size(PyObject *o) { return PyList_GET_SIZE(o); }

/* CPython makes an int of a long faster than of a long long. */
static inline PyObject *apus_int(int64_t value) {
    return sizeof(long) >= sizeof(value) ? PyLong_FromLong((long)value) : PyLong_FromLongLong(value);
}

static inline char *_Nonnull apus_bytes_data(PyObject *o) { return PyBytes_AS_STRING(o); }
static inline Py_ssize_t apus_bytes_size(PyObject *o) { return PyBytes_GET_SIZE(o); }
static inline double apus_float_value(PyObject *o) { return PyFloat_AS_DOUBLE(o); }

static inline int apus_str_is_ascii(PyObject *o) { return PyUnicode_IS_ASCII(o); }
static inline void *_Nonnull apus_str_data(PyObject *o) { return PyUnicode_DATA(o); }
static inline Py_ssize_t apus_str_length(PyObject *o) { return PyUnicode_GET_LENGTH(o); }

/* Allocates by type->tp_alloc, which subclasses may replace. */
static inline PyObject *apus_allocate(PyTypeObject *type) { return type->tp_alloc(type, 0); }
static inline PyObject *apus_new_variable(PyObject *type, Py_ssize_t count) {
    return (PyObject *)PyObject_NewVar(PyVarObject, (PyTypeObject *)type, count);
}
static inline int apus_derives_from_object_alone(PyTypeObject *type) { return type->tp_base == &PyBaseObject_Type; }
static inline Py_ssize_t apus_type_size(PyTypeObject *type) { return type->tp_basicsize; }
static inline Py_ssize_t apus_type_item_size(PyTypeObject *type) { return type->tp_itemsize; }
static inline const char *_Nonnull apus_type_name(PyTypeObject *type) { return type->tp_name; }
static inline PyObject *apus_method_resolution_order(PyObject *type) { return ((PyTypeObject *)type)->tp_mro; }
static inline Py_ssize_t apus_dict_size(PyObject *o) { return PyDict_GET_SIZE(o); }
/* Returns an item of a dict, or of an instance of a subclass, as a new reference; NULL if there is none, or with an
   exception pending. */
static inline PyObject *apus_dict_find(PyObject *o, PyObject *key) {
    PyObject *found = PyDict_GetItemWithError(o, key);
    Py_XINCREF(found);
    return found;
}
static inline int apus_dict_assign(PyObject *o, PyObject *key, PyObject *value) {
    return PyDict_Type.tp_as_mapping->mp_ass_subscript(o, key, value);
}
static inline int apus_dict_initialize(PyObject *o, PyObject *args, PyObject *kwargs) {
    return PyDict_Type.tp_init(o, args, kwargs);
}

/* Calls. */
static inline PyObject *apus_call0(PyObject *f) { return PyObject_CallObject(f, NULL); }
static inline PyObject *apus_call1(PyObject *f, PyObject *a) {
    PyObject *args[2] = { NULL, a };
    return PyObject_Vectorcall(f, args + 1, 1 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
}
/* Returns an attribute that a heap type has in its own dictionary, not in one of its bases, as a new reference; NULL if
   there is none. */
static inline PyObject *apus_own_attribute(PyObject *o, PyObject *name) {
    if (!PyType_Check(o) || !PyType_HasFeature((PyTypeObject *)o, Py_TPFLAGS_HEAPTYPE)) return NULL;
    PyObject *dict = ((PyTypeObject *)o)->tp_dict;
    PyObject *found = dict ? PyDict_GetItem(dict, name) : NULL;
    Py_XINCREF(found);
    return found;
}
static inline PyObject *apus_call2(PyObject *f, PyObject *a, PyObject *b) {
    PyObject *args[3] = { NULL, a, b };
    return PyObject_Vectorcall(f, args + 1, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
}
static inline PyObject *apus_call3(PyObject *f, PyObject *a, PyObject *b, PyObject *c) {
    PyObject *args[4] = { NULL, a, b, c };
    return PyObject_Vectorcall(f, args + 1, 3 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
}
static inline PyObject *apus_method0(PyObject *o, PyObject *name) {
    PyObject *args[2] = { NULL, o };
    return PyObject_VectorcallMethod(name, args + 1, 1 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
}
static inline PyObject *apus_method1(PyObject *o, PyObject *name, PyObject *a) {
    PyObject *args[3] = { NULL, o, a };
    return PyObject_VectorcallMethod(name, args + 1, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
}

/* Disables the cycle collector; returns 1 if it was enabled. CPython 3.9 has no function for it. */
static inline int apus_pause_collector(void) {
#if PY_VERSION_HEX >= 0x030A0000
    return PyGC_Disable();
#else
    return 0;
#endif
}
static inline void apus_resume_collector(void) {
#if PY_VERSION_HEX >= 0x030A0000
    PyGC_Enable();
#endif
}

/* Removes the pending exception and returns it with its traceback set, or NULL; and makes it pending again. */
static inline PyObject *apus_take_exception(void) {
#if PY_VERSION_HEX >= 0x030C0000
    return PyErr_GetRaisedException();
#else
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    if (!type) return NULL;
    PyErr_NormalizeException(&type, &value, &traceback);
    if (value && traceback) PyException_SetTraceback(value, traceback);
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return value;
#endif
}
static inline void apus_give_exception(PyObject *value) {
#if PY_VERSION_HEX >= 0x030C0000
    PyErr_SetRaisedException(value);
#else
    Py_INCREF(Py_TYPE(value));
    PyErr_Restore((PyObject *)Py_TYPE(value), value, PyException_GetTraceback(value));
#endif
}

/* Returns the object that a weak reference refers to, as a new reference, or NULL. */
static inline PyObject *apus_weakref_get(PyObject *reference) {
#if PY_VERSION_HEX >= 0x030D0000
    PyObject *o = NULL;
    (void)PyWeakref_GetRef(reference, &o);
    return o;
#else
    PyObject *o = PyWeakref_GetObject(reference);
    if (o == NULL || o == Py_None) return NULL;
    Py_INCREF(o);
    return o;
#endif
}

static inline int apus_is_finalizing(void) {
#if PY_VERSION_HEX >= 0x030D0000
    return Py_IsFinalizing();
#else
    return _Py_IsFinalizing();
#endif
}

/* The C API of datetime. */
static inline PyDateTime_CAPI *apus_import_datetime(void) {
    return (PyDateTime_CAPI *)PyCapsule_Import(PyDateTime_CAPSULE_NAME, 0);
}
static inline int apus_datetime_year(PyObject *o) { return PyDateTime_GET_YEAR(o); }
static inline int apus_datetime_month(PyObject *o) { return PyDateTime_GET_MONTH(o); }
static inline int apus_datetime_day(PyObject *o) { return PyDateTime_GET_DAY(o); }
static inline int apus_datetime_hour(PyObject *o) { return PyDateTime_DATE_GET_HOUR(o); }
static inline int apus_datetime_minute(PyObject *o) { return PyDateTime_DATE_GET_MINUTE(o); }
static inline int apus_datetime_second(PyObject *o) { return PyDateTime_DATE_GET_SECOND(o); }
static inline int apus_datetime_microsecond(PyObject *o) { return PyDateTime_DATE_GET_MICROSECOND(o); }
static inline int apus_datetime_has_tzinfo(PyObject *o) { return ((_PyDateTime_BaseTZInfo *)o)->hastzinfo; }
static inline int apus_time_hour(PyObject *o) { return PyDateTime_TIME_GET_HOUR(o); }
static inline int apus_time_minute(PyObject *o) { return PyDateTime_TIME_GET_MINUTE(o); }
static inline int apus_time_second(PyObject *o) { return PyDateTime_TIME_GET_SECOND(o); }
static inline int apus_time_microsecond(PyObject *o) { return PyDateTime_TIME_GET_MICROSECOND(o); }
/* Returns the time zone of a datetime or time, borrowed; NULL if it has none, or for any other object. */
static inline PyObject *apus_tzinfo(PyDateTime_CAPI *api, PyObject *o) {
    int is_datetime = PyObject_TypeCheck(o, api->DateTimeType);
    if (!is_datetime && !PyObject_TypeCheck(o, api->TimeType)) return NULL;
    if (!((_PyDateTime_BaseTZInfo *)o)->hastzinfo) return NULL;
    return is_datetime ? ((PyDateTime_DateTime *)o)->tzinfo : ((PyDateTime_Time *)o)->tzinfo;
}
static inline int apus_delta_days(PyObject *o) { return PyDateTime_DELTA_GET_DAYS(o); }
static inline int apus_delta_seconds(PyObject *o) { return PyDateTime_DELTA_GET_SECONDS(o); }
static inline int apus_delta_microseconds(PyObject *o) { return PyDateTime_DELTA_GET_MICROSECONDS(o); }

/* Make dates and times of fields that are in range. datetime's C API would check all of them again, and the type of the
   time zone; these functions store the fields where the macros of datetime.h read them. */
static inline PyObject *apus_new_date(PyTypeObject *type, int year, int month, int day) {
    PyDateTime_Date *self = (PyDateTime_Date *)type->tp_alloc(type, 0);
    if (self == NULL) return NULL;
    self->hashcode = -1;
    self->hastzinfo = 0;
    self->data[0] = (unsigned char)(year >> 8);
    self->data[1] = (unsigned char)year;
    self->data[2] = (unsigned char)month;
    self->data[3] = (unsigned char)day;
    return (PyObject *)self;
}
/* `zone` is a tzinfo or None. Without a zone, the object has no room for tzinfo, but it has room for `fold`. */
_Static_assert(offsetof(PyDateTime_DateTime, fold) < sizeof(_PyDateTime_BaseDateTime), "a naive datetime has no fold");
static inline PyObject *apus_new_datetime(PyTypeObject *type, int year, int month, int day, int hour, int minute,
                                          int second, int microsecond, PyObject *zone) {
    int has_zone = zone != Py_None;
    PyDateTime_DateTime *self = (PyDateTime_DateTime *)type->tp_alloc(type, has_zone);
    if (self == NULL) return NULL;
    self->hashcode = -1;
    self->hastzinfo = (char)has_zone;
    self->data[0] = (unsigned char)(year >> 8);
    self->data[1] = (unsigned char)year;
    self->data[2] = (unsigned char)month;
    self->data[3] = (unsigned char)day;
    self->data[4] = (unsigned char)hour;
    self->data[5] = (unsigned char)minute;
    self->data[6] = (unsigned char)second;
    self->data[7] = (unsigned char)(microsecond >> 16);
    self->data[8] = (unsigned char)(microsecond >> 8);
    self->data[9] = (unsigned char)microsecond;
    self->fold = 0;
    if (has_zone) {
        Py_INCREF(zone);
        self->tzinfo = zone;
    }
    return (PyObject *)self;
}

/* Functions of other types for PyMethodDef.ml_meth; `ml_flags` tells CPython their real type. */
typedef PyObject *(*apus_fast_function)(PyObject *, PyObject *const *, Py_ssize_t, PyObject *);
static inline PyCFunction _Nonnull apus_fast(apus_fast_function _Nonnull function) {
    return (PyCFunction)(void (*)(void))function;
}
static inline PyCFunction _Nonnull apus_keyword(PyCFunctionWithKeywords _Nonnull function) {
    return (PyCFunction)(void (*)(void))function;
}

/* Macros that Swift cannot import as constants. */
static const int apus_member_object = T_OBJECT;
static const int apus_member_offset = T_PYSSIZET;
static const int apus_member_int = T_INT;
static const int apus_member_long = T_LONG;
static const int apus_member_unsigned = T_UINT;
static const int apus_member_readonly = READONLY;
static const unsigned apus_flag_default = Py_TPFLAGS_DEFAULT;
static const unsigned apus_flag_subclass = Py_TPFLAGS_BASETYPE;
static const unsigned apus_flag_collected = Py_TPFLAGS_HAVE_GC;

static inline PyModuleDef_Base apus_module_head(void) {
    PyModuleDef_Base head = PyModuleDef_HEAD_INIT;
    return head;
}

/* Visit and clear `count` fields of type PyObject *, starting with `first`. */
static inline int apus_visit_fields(PyObject **first, int count, visitproc visit, void *arg) {
    for (int i = 0; i < count; i++) Py_VISIT(first[i]);
    return 0;
}
static inline void apus_clear_fields(PyObject **first, int count) {
    for (int i = 0; i < count; i++) Py_CLEAR(first[i]);
}
/* Frees an instance of a heap type, whose fields must have been cleared. */
static inline void apus_free(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    type->tp_free(self);
    Py_DECREF(type);
}

/* Defines traverse, clear and dealloc of a type. An instance of a heap type owns a reference to its type, which the
   type's traverse must visit since 3.9. CPython's trashcan frees long chains of objects (a typecaster of arrays of
   arrays of …), because each object would otherwise be freed by the dealloc of the one before it, which could
   overflow the C stack. */
#define APUS_OWNED(name, layout, first, count)                                                      \
    static inline int name##_traverse(PyObject *self, visitproc visit, void *arg) {                 \
        Py_VISIT(Py_TYPE(self));                                                                    \
        return apus_visit_fields(&((layout *)self)->first, count, visit, arg);                      \
    }                                                                                               \
    static inline int name##_clear(PyObject *self) {                                                \
        apus_clear_fields(&((layout *)self)->first, count);                                         \
        return 0;                                                                                   \
    }                                                                                               \
    static inline void name##_dealloc(PyObject *self) {                                             \
        PyObject_GC_UnTrack(self);                                                                  \
        Py_TRASHCAN_BEGIN(self, name##_dealloc)                                                     \
        name##_clear(self);                                                                         \
        apus_free(self);                                                                            \
        Py_TRASHCAN_END                                                                             \
    }

/* Makes another memoryview of `count` bytes of the chunk that `view` shows. `view` is changed, because
   PyMemoryView_FromObject copies its buffer, so Python code must not get it. Both share the managed buffer that keeps
   the chunk alive. */
static inline PyObject *apus_view_of(PyObject *view, void *start, Py_ssize_t count) {
    Py_buffer *buffer = PyMemoryView_GET_BUFFER(view);
    buffer->buf = start;
    buffer->len = count;
    buffer->shape[0] = count;
    return PyMemoryView_FromObject(view);
}

#endif
