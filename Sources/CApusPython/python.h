/* CPython's headers, and inline shims for the macros that Swift cannot see. No logic. */
#ifndef CAPUS_PYTHON_H
#define CAPUS_PYTHON_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#endif
