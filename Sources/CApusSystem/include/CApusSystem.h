/* What Swift cannot reach in the C library: one queue of descriptors, memory pages, the number of forks, and a gate that
   forks and the end of the process close. ApusWaiting puts all of it behind Swift types. */
#ifndef CAPUS_SYSTEM_H
#define CAPUS_SYSTEM_H

#include "forks.h"
#include "gate.h"
#include "pages.h"
#include "waiting.h"

#endif
