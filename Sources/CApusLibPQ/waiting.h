/* One queue of descriptors to wait for, in three functions: register, wait, wake. epoll on Linux, kqueue on Darwin
   (compiled there, not yet run by its authors). Swift's Glibc module exports neither epoll nor eventfd, and
   epoll_event is packed with a union, so both are reached from C. */
#ifndef CAPUS_WAITING_H
#define CAPUS_WAITING_H

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <fcntl.h>

#define APUS_READABLE 1
#define APUS_WRITABLE 2

/* What became ready: the token given at registration, and APUS_READABLE/APUS_WRITABLE (an error or a hang-up shows as
   both, so that the waiter looks and finds out). */
typedef struct { uint64_t token; int ready; } apus_event;

static inline int apus_set_cloexec_nonblock(int fd) {
    int fl = fcntl(fd, F_GETFL);
    if (fl < 0 || fcntl(fd, F_SETFL, fl | O_NONBLOCK) < 0) return -1;
    return fcntl(fd, F_SETFD, FD_CLOEXEC);
}

#if defined(__linux__)
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

static inline int apus_queue_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

/* Registers fd, or changes what it is registered for. interest 0 keeps the entry but reports only errors; oneshot
   disarms it after one report. */
static inline int apus_queue_register(int queue, int fd, int interest, int oneshot, uint64_t token) {
    struct epoll_event e;
    memset(&e, 0, sizeof e);
    e.events = ((interest & APUS_READABLE) ? EPOLLIN | EPOLLRDHUP : 0) | ((interest & APUS_WRITABLE) ? EPOLLOUT : 0)
        | (oneshot ? EPOLLONESHOT : 0);
    e.data.u64 = token;
    if (epoll_ctl(queue, EPOLL_CTL_MOD, fd, &e) == 0) return 0;
    if (errno != ENOENT) return -1;
    return epoll_ctl(queue, EPOLL_CTL_ADD, fd, &e);
}

static inline int apus_queue_unregister(int queue, int fd) {
    struct epoll_event e;
    memset(&e, 0, sizeof e);
    return epoll_ctl(queue, EPOLL_CTL_DEL, fd, &e);
}

/* Waits at most timeout_ms (-1: for ever); the number of events, or -1 with errno. */
static inline int apus_queue_wait(int queue, apus_event *out, int capacity, int timeout_ms) {
    struct epoll_event events[64];
    if (capacity > 64) capacity = 64;
    int n = epoll_wait(queue, events, capacity, timeout_ms);
    for (int i = 0; i < n; i++) {
        unsigned e = events[i].events;
        out[i].token = events[i].data.u64;
        out[i].ready = ((e & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) ? APUS_READABLE : 0)
            | ((e & (EPOLLOUT | EPOLLHUP | EPOLLERR)) ? APUS_WRITABLE : 0);
    }
    return n;
}

/* A descriptor that becomes and stays readable once raised, for any number of waiters. write_end equals read_end. */
static inline int apus_signal_create(int *read_end, int *write_end) {
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    *read_end = *write_end = fd;
    return fd < 0 ? -1 : 0;
}
static inline int apus_signal_raise(int write_end) { return eventfd_write(write_end, 1); }
static inline void apus_signal_clear(int read_end) { eventfd_t v; (void)!eventfd_read(read_end, &v); }

/* A queue's timer: an event with this token is pending from a moment of CLOCK_MONOTONIC on, until the timer is set anew;
   at 0 it is disarmed. Here it is a descriptor that the queue watches; -1 with errno if there is none left. */
static inline int apus_timer_create(int queue, uint64_t token) {
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (fd < 0) return -1;
    if (apus_queue_register(queue, fd, APUS_READABLE, 0, token) == 0) return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}
static inline void apus_timer_close(int timer) { close(timer); }
static inline int apus_timer_set(int timer, uint64_t token, int64_t nanoseconds) {
    struct itimerspec t;
    (void)token;
    memset(&t, 0, sizeof t);
    if (nanoseconds > 0) {
        t.it_value.tv_sec = nanoseconds / 1000000000;
        t.it_value.tv_nsec = nanoseconds % 1000000000;
    }
    return timerfd_settime(timer, TFD_TIMER_ABSTIME, &t, 0);
}

#else
#include <sys/event.h>

static inline int apus_queue_create(void) {
    int fd = kqueue();
    if (fd >= 0) (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}

static inline int apus_queue_register(int queue, int fd, int interest, int oneshot, uint64_t token) {
    struct kevent e[2];
    unsigned short add = EV_ADD | (oneshot ? EV_ONESHOT : 0);
    EV_SET(&e[0], fd, EVFILT_READ, (interest & APUS_READABLE) ? add : EV_DELETE, 0, 0, (void *)(uintptr_t)token);
    EV_SET(&e[1], fd, EVFILT_WRITE, (interest & APUS_WRITABLE) ? add : EV_DELETE, 0, 0, (void *)(uintptr_t)token);
    for (int i = 0; i < 2; i++) {
        if (kevent(queue, &e[i], 1, 0, 0, 0) < 0 && !((e[i].flags & EV_DELETE) && errno == ENOENT)) return -1;
    }
    return 0;
}

static inline int apus_queue_unregister(int queue, int fd) { return apus_queue_register(queue, fd, 0, 0, 0); }

static inline int apus_queue_wait(int queue, apus_event *out, int capacity, int timeout_ms) {
    struct kevent events[64];
    struct timespec t = { timeout_ms / 1000, (long)(timeout_ms % 1000) * 1000000 };
    if (capacity > 64) capacity = 64;
    int n = kevent(queue, 0, 0, events, capacity, timeout_ms < 0 ? 0 : &t);
    for (int i = 0; i < n; i++) {
        out[i].token = (uint64_t)(uintptr_t)events[i].udata;
        out[i].ready = (events[i].flags & (EV_EOF | EV_ERROR)) ? APUS_READABLE | APUS_WRITABLE
            : events[i].filter == EVFILT_READ ? APUS_READABLE : APUS_WRITABLE;
    }
    return n;
}

static inline int apus_signal_create(int *read_end, int *write_end) {
    int fds[2];
    if (pipe(fds) < 0) return -1;
    if (apus_set_cloexec_nonblock(fds[0]) < 0 || apus_set_cloexec_nonblock(fds[1]) < 0) return -1;
    *read_end = fds[0];
    *write_end = fds[1];
    return 0;
}
static inline int apus_signal_raise(int write_end) { char c = 1; return write(write_end, &c, 1) < 0 ? -1 : 0; }
static inline void apus_signal_clear(int read_end) { char c[64]; while (read(read_end, c, sizeof c) > 0) {} }

/* kqueue's timers are no descriptors but filters of the queue, which stands for its timer. A filter of the same number
   replaces the former one; to delete it takes its pending event as well. */
static inline int apus_timer_create(int queue, uint64_t token) { (void)token; return queue; }
static inline void apus_timer_close(int timer) { (void)timer; }
static inline int apus_timer_set(int timer, uint64_t token, int64_t nanoseconds) {
    struct kevent e;
    EV_SET(&e, 0, EVFILT_TIMER, EV_DELETE, 0, 0, 0);
    if (kevent(timer, &e, 1, 0, 0, 0) < 0 && errno != ENOENT) return -1;
    if (nanoseconds <= 0) return 0;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t left = nanoseconds - ((int64_t)now.tv_sec * 1000000000 + now.tv_nsec);
    unsigned flags = NOTE_NSECONDS;
#ifdef NOTE_MACH_CONTINUOUS_TIME
    flags |= NOTE_MACH_CONTINUOUS_TIME; /* CLOCK_MONOTONIC goes on while the machine sleeps, too */
#endif
    EV_SET(&e, 0, EVFILT_TIMER, EV_ADD | EV_ONESHOT, flags, left > 0 ? left : 1, (void *)(uintptr_t)token);
    return kevent(timer, &e, 1, 0, 0, 0);
}
#endif

/* How often this process is a child of the process that first asked: a fork's child must not use, close or count what
   belongs to its parent. pthread_atfork costs nothing until a fork; getpid is a system call at each look. The counter
   is static, so only one Swift file (ForkGeneration.swift) may use these functions. */
static inline volatile int *apus_fork_counter(void) { static volatile int count; return &count; }
static inline void apus_count_fork(void) { *apus_fork_counter() += 1; }
static inline int apus_watch_forks(void) { return pthread_atfork(0, 0, apus_count_fork); }
static inline int apus_forks(void) { return *apus_fork_counter(); }

#endif
