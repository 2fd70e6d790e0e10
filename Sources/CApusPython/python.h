/* CPython's headers, and inline shims for the macros that Swift cannot see.
   No logic. */
#ifndef CAPUS_PYTHON_H
#define CAPUS_PYTHON_H

/* Included before Python.h, which requests more declarations from the C library than Swift's own module of it has: all
   modules of a program must see the same definition of types such as fd_set. */
#include <sys/select.h>

/* As CPython defines it for extensions: its macros then contain no assertions. */
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
