/* CPython's headers, and inline shims for the macros that Swift cannot see.
   No logic. */
#ifndef CAPUS_PYTHON_H
#define CAPUS_PYTHON_H

/* Before Python.h, which asks the C library for more declarations than Swift's own module of it has: all modules of
   one program must see types such as fd_set alike. */
#include <sys/select.h>

/* As CPython builds extensions itself: its macros check nothing. */
#ifndef NDEBUG
#define NDEBUG 1
#endif
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>
#include <datetime.h>
#include <time.h>

#include "shims.h"

#endif
