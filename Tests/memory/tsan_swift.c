/* Tells ThreadSanitizer of two orders that it cannot see, because Swift's libraries are not instrumented. The
   library is loaded before Swift's (LD_PRELOAD), takes their functions' places, and calls them.

   A `Mutex` that is contended: its fast way is inlined into the tests and seen there, its way through the kernel is
   not, so that every contended lock would look like no lock at all.

   A continuation that is resumed before it is awaited: the runtime tells of tasks that are enqueued, and this one goes
   on without that.

   In a process without the sanitizer, such as those that the tests start, it tells nothing. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>

#define SWIFT __attribute__((swiftcall))
#define SWIFT_ASYNC __attribute__((swiftasynccall))
#define SELF __attribute__((swift_context))
#define ASYNC_CONTEXT __attribute__((swift_async_context))

extern void __tsan_acquire(void *address) __attribute__((weak));
extern void __tsan_release(void *address) __attribute__((weak));

/* Synchronization._MutexHandle, the functions that are not inlined. */
#define LOCK_SLOW "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define TRY_LOCK_SLOW "$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF"
#define UNLOCK_SLOW "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

SWIFT void apus_lock_slow(uint32_t thread, SELF void *mutex) __asm__(LOCK_SLOW);
SWIFT bool apus_try_lock_slow(SELF void *mutex) __asm__(TRY_LOCK_SLOW);
SWIFT void apus_unlock_slow(SELF void *mutex) __asm__(UNLOCK_SLOW);

/* Swift's runtime: see "swift/Runtime/Concurrency.h" and the ContinuationAsyncContext of "swift/ABI/Task.h". */
struct continuation;
typedef SWIFT_ASYNC void (*resume_function)(ASYNC_CONTEXT struct continuation *continuation);
struct continuation { void *parent; resume_function resume; uintptr_t flags; };
#define HAS_EXECUTOR 2

SWIFT void swift_continuation_resume(void *task);
SWIFT void swift_continuation_throwingResume(void *task);
SWIFT void swift_continuation_throwingResumeWithError(void *task, void *error);
SWIFT_ASYNC void swift_continuation_await(struct continuation *continuation);
SWIFT extern void *swift_task_getCurrent(void) __attribute__((weak));

/* Sought before there are threads, so that no call takes a lock of the loader's. */
static struct {
    SWIFT void (*lock)(uint32_t thread, SELF void *mutex);
    SWIFT bool (*try_lock)(SELF void *mutex);
    SWIFT void (*unlock)(SELF void *mutex);
    SWIFT void (*resume)(void *task);
    SWIFT void (*throwing_resume)(void *task);
    SWIFT void (*throwing_resume_with_error)(void *task, void *error);
    SWIFT_ASYNC void (*await)(struct continuation *continuation);
} swift;

__attribute__((constructor)) static void seek(void) {
    swift.lock = dlsym(RTLD_NEXT, LOCK_SLOW);
    swift.try_lock = dlsym(RTLD_NEXT, TRY_LOCK_SLOW);
    swift.unlock = dlsym(RTLD_NEXT, UNLOCK_SLOW);
    swift.resume = dlsym(RTLD_NEXT, "swift_continuation_resume");
    swift.throwing_resume = dlsym(RTLD_NEXT, "swift_continuation_throwingResume");
    swift.throwing_resume_with_error = dlsym(RTLD_NEXT, "swift_continuation_throwingResumeWithError");
    swift.await = dlsym(RTLD_NEXT, "swift_continuation_await");
}

static void acquire(void *address) { if (__tsan_acquire) __tsan_acquire(address); }
static void release(void *address) { if (__tsan_release) __tsan_release(address); }

SWIFT void apus_lock_slow(uint32_t thread, SELF void *mutex) {
    swift.lock(thread, mutex);
    acquire(mutex);
}

SWIFT bool apus_try_lock_slow(SELF void *mutex) {
    bool is_locked = swift.try_lock(mutex);
    if (is_locked) acquire(mutex);
    return is_locked;
}

SWIFT void apus_unlock_slow(SELF void *mutex) {
    release(mutex);
    swift.unlock(mutex);
}

SWIFT void swift_continuation_resume(void *task) {
    release(task);
    swift.resume(task);
}

SWIFT void swift_continuation_throwingResume(void *task) {
    release(task);
    swift.throwing_resume(task);
}

SWIFT void swift_continuation_throwingResumeWithError(void *task, void *error) {
    release(task);
    swift.throwing_resume_with_error(task, error);
}

static void acquire_task(void) {
    void *task = swift_task_getCurrent ? swift_task_getCurrent() : 0;
    if (task) acquire(task);
}

/* The runtime calls a continuation's function itself, on the thread that awaits, only where it is resumed already. */
static __thread resume_function resume;

SWIFT_ASYNC static void resumed_already(ASYNC_CONTEXT struct continuation *continuation) {
    acquire_task();
    continuation->resume = resume;
    __attribute__((musttail)) return continuation->resume(continuation);
}

SWIFT_ASYNC void swift_continuation_await(struct continuation *continuation) {
    if (continuation->flags & HAS_EXECUTOR) {
        acquire_task();
    } else {
        resume = continuation->resume;
        continuation->resume = resumed_already;
    }
    __attribute__((musttail)) return swift.await(continuation);
}
