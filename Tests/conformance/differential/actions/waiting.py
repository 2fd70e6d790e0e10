"""Asynchronous connections, and connections with a wait callback."""

from actions.connections import end_transaction, reset, session, terminated
from actions.copying import copy
from actions.cursors import fetch, named_cursor
from actions.execution import batch, execute, executemany, mogrify, query, server_error
from actions.server_objects import large_object, two_phase
from actions.transactions import block
from language import ref
from statements import any_text, with_arguments


def asynchronous_step(w):
    r = w.r
    c = r.choice(sorted(w.asynchronous) or w.connections)
    choice = r.randrange(8)
    if choice in (0, 1, 2):
        w.execute(w.a_cursor(), *r.choice([[any_text(r)], with_arguments(r)]))
    elif choice == 3:
        fetch(w)
    elif choice == 4:
        r.choice([end_transaction, session, reset, two_phase, large_object, copy, executemany, named_cursor, mogrify,
                  block])(w)
    elif choice == 5:
        w.call(f"{w.a_cursor()}.execute", "select pg_sleep(0.5)")
        w.call(f"{w.a_cursor()}.{r.choice(['execute', 'fetchone', 'close', 'callproc', 'mogrify', 'scroll'])}",
               *r.choice([[], ["select 1"], ["add"], [1]]))
        w.wait(c)
    elif choice == 6:
        w.call(f"{w.a_cursor()}.execute", "select pg_sleep(4)")
        w.add("await", c, state="PgSleep")
        w.call(f"{c}.cancel")
        w.wait(c)
    else:
        w.call(f"{c}.isexecuting")


def green_step(w):
    r = w.r
    if r.random() < 0.1:
        w.call("psycopg2.extensions.set_wait_callback", r.choice([ref("aid.wait_that_fails"), None,
                                                                  ref("psycopg2.extras.wait_select")]))
    else:
        r.choice([execute, execute, query, fetch, executemany, named_cursor, copy, large_object, end_transaction,
                  session, batch, server_error, terminated, two_phase])(w)
