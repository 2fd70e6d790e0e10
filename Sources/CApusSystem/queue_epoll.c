#if defined(__linux__)

#include "waiting.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

int apus_queue_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

int apus_queue_register(int queue, int fd, int interest, int oneshot, uint64_t token) {
    struct epoll_event e;
    memset(&e, 0, sizeof e);
    e.events = ((interest & APUS_READABLE) ? EPOLLIN | EPOLLRDHUP : 0) | ((interest & APUS_WRITABLE) ? EPOLLOUT : 0)
        | (oneshot ? EPOLLONESHOT : 0);
    e.data.u64 = token;
    if (epoll_ctl(queue, EPOLL_CTL_MOD, fd, &e) == 0) return 0;
    if (errno != ENOENT) return -1;
    return epoll_ctl(queue, EPOLL_CTL_ADD, fd, &e);
}

int apus_queue_unregister(int queue, int fd) {
    struct epoll_event e;
    memset(&e, 0, sizeof e);
    return epoll_ctl(queue, EPOLL_CTL_DEL, fd, &e);
}

int apus_queue_wait(int queue, apus_event *out, int capacity, int timeout_ms) {
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

int apus_signal_create(int *read_end, int *write_end) {
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    *read_end = *write_end = fd;
    return fd < 0 ? -1 : 0;
}
int apus_signal_raise(int write_end) { return eventfd_write(write_end, 1); }
void apus_signal_clear(int read_end) { eventfd_t v; (void)!eventfd_read(read_end, &v); }

/* The timer is a descriptor that the queue watches. */
int apus_timer_create(int queue, uint64_t token) {
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (fd < 0) return -1;
    if (apus_queue_register(queue, fd, APUS_READABLE, 0, token) == 0) return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}
void apus_timer_close(int timer) { close(timer); }
int apus_timer_set(int timer, uint64_t token, int64_t nanoseconds) {
    struct itimerspec t;
    (void)token;
    memset(&t, 0, sizeof t);
    if (nanoseconds > 0) {
        t.it_value.tv_sec = nanoseconds / 1000000000;
        t.it_value.tv_nsec = nanoseconds % 1000000000;
    }
    return timerfd_settime(timer, TFD_TIMER_ABSTIME, &t, 0);
}

#endif
