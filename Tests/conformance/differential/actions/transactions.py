"""Transactions as blocks, and such as the program ends by itself."""

from actions.connections import end_transaction, reset, session
from actions.copying import copy
from actions.execution import batch, change, execute, executemany
from language import made, ref


def block(w):
    """A with-block, opened here and closed, perhaps with an error, some steps later."""
    r = w.r
    thing = w.a_connection() if r.random() < 0.7 else w.a_cursor()
    w.call(f"{thing}.__enter__")
    for _ in range(r.randrange(0, 3)):
        execute(w)
    if r.random() < 0.6:
        w.call(f"{thing}.__exit__", None, None, None)
    else:
        w.call(f"{thing}.__exit__", ref("builtins.ValueError"), made("builtins.ValueError", "in the block"), None)


def after_a_commit_of_its_own(w):
    """The driver's idea of the transaction and the server's part."""
    k = w.a_cursor()
    w.execute(k, "select 1")
    w.execute(k, w.r.choice(["commit", "rollback", "commit; begin", "end", "prepare transaction 'by hand'"]))
    w.r.choice([executemany, change, end_transaction, batch, copy, session, reset])(w)
