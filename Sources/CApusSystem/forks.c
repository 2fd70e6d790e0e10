#include "forks.h"

#include <pthread.h>

static volatile int forks;

static void count_fork(void) { forks += 1; }

int apus_watch_forks(void) { return pthread_atfork(0, 0, count_fork); }
int apus_forks(void) { return forks; }
