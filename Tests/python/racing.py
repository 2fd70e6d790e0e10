"""Threads that run at the same time."""

import threading


def in_threads(count, body, timeout=120):
    """Runs body(0), body(1), … in threads and raises the first thing that one of them raised.

    A body that ends the others by an event sets it whatever happens: what it raises is seen when all have ended.
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
            # What one thread raised may be the reason why another goes on for ever.
            raise AssertionError("deadlock") from (raised[0] if raised else None)
    if raised:
        raise raised[0]
