/* What Swift cannot call in the C library: a queue of descriptors, memory pages, the number of forks, and a gate that
   closes while the process forks and when it ends. ApusWaiting has Swift types for all of it. */
#ifndef CAPUS_SYSTEM_H
#define CAPUS_SYSTEM_H

#include "forks.h"
#include "gate.h"
#include "pages.h"
#include "waiting.h"

#endif
