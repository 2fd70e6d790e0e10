#include "gate.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* How long a fork and the end of the process wait for the threads inside, in microseconds. These compute for some
   milliseconds. A thread that resolves a name may take longer, but neither a fork nor the end of the process harms
   it. */
#define FORK_LIMIT 1000000
#define EXIT_LIMIT 5000000

struct gate {
    /* The number of threads inside. */
    int inside;
    /* The number of forks that are running. */
    int forks;
    /* Whether the process is ending. */
    int exits;
};

struct visitor {
    /* How many times this thread has entered without leaving. */
    int depth;
    /* How often this thread has closed the gate. If it has, the gate does not stop it. */
    int holds;
};

static struct gate gate;
static __thread struct visitor visitor;

static void sleep_microseconds(long microseconds) {
    struct timespec time = { 0, microseconds * 1000 };
    nanosleep(&time, NULL);
}

/* Waits until the gate may be open. When the process ends, the gate stays closed, and the thread waits for ever. */
static void wait_until_open(void) {
    while (__atomic_load_n(&gate.exits, __ATOMIC_SEQ_CST)) pause();
    if (__atomic_load_n(&gate.forks, __ATOMIC_SEQ_CST)) sleep_microseconds(200);
}

void apus_gate_enter(void) {
    if (visitor.depth++ > 0) return;
    while (1) {
        /* Counted before the gate is read, so that a thread which closes the gate later sees the count. */
        __atomic_add_fetch(&gate.inside, 1, __ATOMIC_SEQ_CST);
        int closed = __atomic_load_n(&gate.forks, __ATOMIC_SEQ_CST) | __atomic_load_n(&gate.exits, __ATOMIC_SEQ_CST);
        if (!closed || visitor.holds) return;
        __atomic_sub_fetch(&gate.inside, 1, __ATOMIC_SEQ_CST);
        wait_until_open();
    }
}

void apus_gate_leave(void) {
    if (--visitor.depth == 0) __atomic_sub_fetch(&gate.inside, 1, __ATOMIC_SEQ_CST);
}

int apus_gate_step_out(void) {
    int depth = visitor.depth;
    if (depth > 0) {
        visitor.depth = 1;
        apus_gate_leave();
    }
    return depth;
}

void apus_gate_return(int depth) {
    if (depth == 0) return;
    apus_gate_enter();
    visitor.depth = depth;
}

/* Waits until no other thread is inside, or the time is over. */
static void wait_until_empty(long limit) {
    int own = visitor.depth > 0;
    for (long waited = 0; waited < limit && __atomic_load_n(&gate.inside, __ATOMIC_SEQ_CST) > own; waited += 200) {
        sleep_microseconds(200);
    }
}

static void before_fork(void) {
    __atomic_add_fetch(&gate.forks, 1, __ATOMIC_SEQ_CST);
    visitor.holds += 1;
    wait_until_empty(FORK_LIMIT);
}

static void after_fork(void) {
    visitor.holds -= 1;
    __atomic_sub_fetch(&gate.forks, 1, __ATOMIC_SEQ_CST);
}

static void in_child(void) {
    /* The child has one thread. */
    gate.inside = visitor.depth > 0;
    gate.forks = 0;
    gate.exits = 0;
    visitor.holds = 0;
}

int apus_gate_watch_forks(void) { return pthread_atfork(before_fork, after_fork, in_child); }

static void at_exit(void) {
    visitor.holds += 1;
    __atomic_store_n(&gate.exits, 1, __ATOMIC_SEQ_CST);
    wait_until_empty(EXIT_LIMIT);
}

void apus_gate_watch_exit(void) { atexit(at_exit); }
