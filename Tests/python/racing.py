"""Threads that run at the same time."""

import threading


def in_threads(count, body, timeout=120):
    """Runs body(0), body(1), … in threads and raises the first exception of one of them.

    A body that stops the others by an event has to set it in any case, because its exception is raised when all have
    ended.
    """
    raised = []

    def run(number):
        try:
            body(number)
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout)
        if thread.is_alive():
            # The exception of one thread may be the reason why another does not end.
            raise AssertionError("deadlock") from (raised[0] if raised else None)
    if raised:
        raise raised[0]
