"""Deliberate differences, to show that the comparison finds them.

A plant wraps the execution of a step in an interpreter. Both drivers are psycopg2, so that nothing else differs.
"""

import os
import time


def lost_row(interpreter, step, perform):
    """fetchall() returns one row too few."""
    rows = perform(step)
    return rows[:-1] if called(step, "fetchall") else rows


def other_type(interpreter, step, perform):
    """fetchone() returns lists."""
    row = perform(step)
    return list(row) if called(step, "fetchone") and row is not None else row


def early_commit(interpreter, step, perform):
    """A statement that inserts is committed at once, which its own session does not see."""
    answer = perform(step)
    if called(step, "execute") and str(step["a"][0]).startswith("insert"):
        interpreter.find(step["f"]).__self__.connection.commit()
        interpreter.find(step["f"].split(".")[0]).execute("select 1")
    return answer


def other_error(interpreter, step, perform):
    """An error of the server is another one of the same base class."""
    try:
        return perform(step)
    except interpreter.driver.errors.DivisionByZero as error:
        raise interpreter.driver.errors.NumericValueOutOfRange(str(error)) from None


def swallowed_error(interpreter, step, perform):
    """An error of the server is not raised."""
    try:
        return perform(step)
    except interpreter.driver.errors.DivisionByZero:
        return None


def open_session(interpreter, step, perform):
    """close() leaves a session behind that belongs to no register."""
    if called(step, "close"):
        interpreter.kept = interpreter.driver.connect(interpreter.dsn)
    return perform(step)


def changed_state(interpreter, step, perform):
    """rollback() changes an attribute of the connection."""
    answer = perform(step)
    if called(step, "rollback"):
        interpreter.find(step["f"]).__self__.readonly = True
    return answer


def crash(interpreter, step, perform):
    """The process ends."""
    if called(step, "callproc"):
        os.abort()
    return perform(step)


def hang(interpreter, step, perform):
    """The process hangs."""
    if called(step, "callproc"):
        time.sleep(600)
    return perform(step)


def called(step, method):
    return step["do"] == "call" and step["f"].endswith("." + method)


PLANTS = {plant.__name__: plant for plant in (
    lost_row, other_type, early_commit, other_error, swallowed_error, open_session, changed_state, crash, hang)}
