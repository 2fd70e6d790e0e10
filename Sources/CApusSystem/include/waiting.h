/* A queue of descriptors to wait for, with three operations: register, wait, wake. It is epoll on Linux (queue_epoll.c)
   and kqueue on Darwin (queue_kqueue.c: compiled there, not run there yet). Swift's Glibc module exports neither epoll
   nor eventfd, and epoll_event is a packed struct with a union. A function that fails returns -1 and sets errno. */
#ifndef CAPUS_WAITING_H
#define CAPUS_WAITING_H

#include <stdint.h>

#define APUS_READABLE 1
#define APUS_WRITABLE 2

/* What became ready: the token given at registration, and APUS_READABLE | APUS_WRITABLE. An error or a hang-up is both,
   because the next read or write reports it. */
typedef struct { uint64_t token; int ready; } apus_event;

int apus_queue_create(void);

/* Registers `fd`, or changes what it is registered for. With `interest` 0 it stays registered, and only errors are
   reported. With `oneshot` one event is reported, until it is registered again. */
int apus_queue_register(int queue, int fd, int interest, int oneshot, uint64_t token);
int apus_queue_unregister(int queue, int fd);

/* Waits for `timeout_ms` at most (-1: no limit). Returns the number of events. */
int apus_queue_wait(int queue, apus_event *out, int capacity, int timeout_ms);

/* A signal is a descriptor that becomes readable when it is raised, and stays readable, for any number of waiters. If
   the system needs only one descriptor for it, both ends are the same. */
int apus_signal_create(int *read_end, int *write_end);
int apus_signal_raise(int write_end);
void apus_signal_clear(int read_end);

/* A queue's timer: from a moment of CLOCK_MONOTONIC on, in nanoseconds, an event with this token is pending, until the
   timer is set again. 0 disarms it. */
int apus_timer_create(int queue, uint64_t token);
void apus_timer_close(int timer);
int apus_timer_set(int timer, uint64_t token, int64_t nanoseconds);

#endif
