#if !defined(__linux__)

#include "waiting.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/event.h>
#include <time.h>
#include <unistd.h>

static int set_cloexec_nonblock(int fd) {
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) return -1;
    return fcntl(fd, F_SETFD, FD_CLOEXEC);
}

int apus_queue_create(void) {
    int fd = kqueue();
    if (fd >= 0) (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}

int apus_queue_register(int queue, int fd, int interest, int oneshot, uint64_t token) {
    struct kevent e[2];
    unsigned short add = EV_ADD | (oneshot ? EV_ONESHOT : 0);
    EV_SET(&e[0], fd, EVFILT_READ, (interest & APUS_READABLE) ? add : EV_DELETE, 0, 0, (void *)(uintptr_t)token);
    EV_SET(&e[1], fd, EVFILT_WRITE, (interest & APUS_WRITABLE) ? add : EV_DELETE, 0, 0, (void *)(uintptr_t)token);
    for (int i = 0; i < 2; i++) {
        if (kevent(queue, &e[i], 1, 0, 0, 0) < 0 && !((e[i].flags & EV_DELETE) && errno == ENOENT)) return -1;
    }
    return 0;
}

int apus_queue_unregister(int queue, int fd) { return apus_queue_register(queue, fd, 0, 0, 0); }

int apus_queue_wait(int queue, apus_event *out, int capacity, int timeout_ms) {
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

int apus_signal_create(int *read_end, int *write_end) {
    int fds[2];
    if (pipe(fds) < 0) return -1;
    if (set_cloexec_nonblock(fds[0]) < 0 || set_cloexec_nonblock(fds[1]) < 0) {
        int error = errno;
        close(fds[0]);
        close(fds[1]);
        errno = error;
        return -1;
    }
    *read_end = fds[0];
    *write_end = fds[1];
    return 0;
}
int apus_signal_raise(int write_end) { char c = 1; return write(write_end, &c, 1) < 0 ? -1 : 0; }
void apus_signal_clear(int read_end) { char c[64]; while (read(read_end, c, sizeof c) > 0) {} }

/* A timer of kqueue is a filter of the queue, not a descriptor, so its handle here is the queue. A filter with the same
   number replaces the one before; deleting it discards its pending event as well. */
int apus_timer_create(int queue, uint64_t token) { (void)token; return queue; }
void apus_timer_close(int timer) { (void)timer; }
int apus_timer_set(int timer, uint64_t token, int64_t nanoseconds) {
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
