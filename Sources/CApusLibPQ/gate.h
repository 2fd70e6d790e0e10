/* A gate to what libpq shares between connections: OpenSSL, and Kerberos. Their state does not survive what happens to
   the process as a whole while another thread works with it: at its end exit() frees it (OPENSSL_cleanup, and the
   libraries' destructors), and a fork copies their locks as they are, held by threads that the child does not have.
   So the thread that forks or ends the process shuts the gate first, and waits until the others have come out.

   The state is static, so only one Swift file (LibraryGate.swift) may use these functions. */
#ifndef CAPUS_GATE_H
#define CAPUS_GATE_H

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* glibc declares RTLD_DEFAULT for _GNU_SOURCE alone. */
#ifdef RTLD_DEFAULT
#define APUS_DEFAULT_LIBRARIES RTLD_DEFAULT
#else
#define APUS_DEFAULT_LIBRARIES ((void *)0)
#endif

/* How long those inside are waited for, microseconds. They compute for milliseconds, but one may look up a name: it
   comes to no harm in that, nor does a fork or an exit. */
#define APUS_GATE_FORK_LIMIT 1000000
#define APUS_GATE_EXIT_LIMIT 5000000

typedef struct {
    /* How many threads are inside. */
    int inside;
    /* How many forks are being made. */
    int forks;
    /* The process ends. */
    int exits;
} apus_gate;

typedef struct {
    /* How many times this thread went in without coming out. */
    int depth;
    /* This thread shut the gate: it goes in and out as it likes. */
    int holds;
} apus_visitor;

static inline apus_gate *apus_the_gate(void) { static apus_gate gate; return &gate; }
static inline apus_visitor *apus_this_visitor(void) { static __thread apus_visitor visitor; return &visitor; }

static inline void apus_gate_pause(long microseconds) {
    struct timespec time = { 0, microseconds * 1000 };
    nanosleep(&time, NULL);
}

/* Waits until the gate is open. It does not open again when the process ends: the thread ends with it. */
static inline void apus_gate_wait(apus_gate *gate) {
    while (__atomic_load_n(&gate->exits, __ATOMIC_SEQ_CST)) pause();
    if (__atomic_load_n(&gate->forks, __ATOMIC_SEQ_CST)) apus_gate_pause(200);
}

static inline void apus_gate_enter(void) {
    apus_visitor *me = apus_this_visitor();
    if (me->depth++ > 0) return;
    apus_gate *gate = apus_the_gate();
    while (1) {
        /* Counted before the look: a thread that shuts the gate after it sees the count. */
        __atomic_add_fetch(&gate->inside, 1, __ATOMIC_SEQ_CST);
        int shut = __atomic_load_n(&gate->forks, __ATOMIC_SEQ_CST) | __atomic_load_n(&gate->exits, __ATOMIC_SEQ_CST);
        if (!shut || me->holds) return;
        __atomic_sub_fetch(&gate->inside, 1, __ATOMIC_SEQ_CST);
        apus_gate_wait(gate);
    }
}

static inline void apus_gate_leave(void) {
    if (--apus_this_visitor()->depth == 0) __atomic_sub_fetch(&apus_the_gate()->inside, 1, __ATOMIC_SEQ_CST);
}

/* Comes out however often this thread went in, for something that may block. The answer is for apus_gate_return. */
static inline int apus_gate_step_out(void) {
    apus_visitor *me = apus_this_visitor();
    int depth = me->depth;
    if (depth > 0) {
        me->depth = 1;
        apus_gate_leave();
    }
    return depth;
}
static inline void apus_gate_return(int depth) {
    if (depth == 0) return;
    apus_gate_enter();
    apus_this_visitor()->depth = depth;
}

/* Waits until no other thread is inside, or the time is over. */
static inline void apus_gate_clear(long limit) {
    apus_gate *gate = apus_the_gate();
    int own = apus_this_visitor()->depth > 0;
    for (long waited = 0; waited < limit && __atomic_load_n(&gate->inside, __ATOMIC_SEQ_CST) > own; waited += 200) {
        apus_gate_pause(200);
    }
}

static inline void apus_gate_before_fork(void) {
    __atomic_add_fetch(&apus_the_gate()->forks, 1, __ATOMIC_SEQ_CST);
    apus_this_visitor()->holds += 1;
    apus_gate_clear(APUS_GATE_FORK_LIMIT);
}
static inline void apus_gate_after_fork(void) {
    apus_this_visitor()->holds -= 1;
    __atomic_sub_fetch(&apus_the_gate()->forks, 1, __ATOMIC_SEQ_CST);
}
static inline void apus_gate_in_child(void) {
    apus_gate *gate = apus_the_gate();
    apus_visitor *me = apus_this_visitor();
    /* Of all threads there is one. */
    gate->inside = me->depth > 0;
    gate->forks = 0;
    gate->exits = 0;
    me->holds = 0;
}
static inline int apus_gate_watch_forks(void) {
    return pthread_atfork(apus_gate_before_fork, apus_gate_after_fork, apus_gate_in_child);
}

static inline void apus_gate_at_exit(void) {
    apus_this_visitor()->holds += 1;
    __atomic_store_n(&apus_the_gate()->exits, 1, __ATOMIC_SEQ_CST);
    apus_gate_clear(APUS_GATE_EXIT_LIMIT);
}

/* Functions that exit() calls run in the reverse order of their registration. OpenSSL registers its own when it is
   first used: that happens here at the latest, so that the gate is shut before.
   https://docs.openssl.org/3.0/man3/OPENSSL_init_crypto/ */
static inline void apus_gate_watch_exit(void) {
    /* Found where the linker finds it for libpq; a libpq without OpenSSL has none. */
    int (*initialize)(uint64_t, const void *) =
        (int (*)(uint64_t, const void *))(uintptr_t)dlsym(APUS_DEFAULT_LIBRARIES, "OPENSSL_init_crypto");
    /* OPENSSL_INIT_LOAD_CRYPTO_STRINGS, which loads nothing that an error would not load: without any option the call
       would do nothing. */
    if (initialize != NULL) initialize(2, NULL);
    atexit(apus_gate_at_exit);
}

#endif
