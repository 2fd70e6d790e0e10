"""Cases of ownership.py: what belongs to connections and cursors, a second __init__, and errors."""

import gc
import io
import struct

import psycopg2
from psycopg2 import extensions, extras, sql

from ownership import WHERE, Callback, another, case, churn, raised


@case
def a_collection_of_notices_puts_another_in_its_place(connection):
    cursor = connection.cursor()
    got = []

    class Collection:
        def __init__(self, name):
            self.name = name

        def append(self, item):
            setattr(connection, self.name, [])
            churn()
            got.append((self.name, getattr(item, "payload", item)))

    for _ in range(5):
        connection.notices = Collection("notices")
        cursor.execute("DO $$BEGIN RAISE NOTICE 'one'; RAISE NOTICE 'two'; RAISE NOTICE 'three'; END$$")
    assert [text.strip() for _, text in got] == ["NOTICE:  one", "NOTICE:  two", "NOTICE:  three"] * 5
    got.clear()
    connection.commit()
    connection.autocommit = True
    cursor.execute("LISTEN own")
    for _ in range(5):
        connection.notifies = Collection("notifies")
        cursor.execute("NOTIFY own, 'payload'")
    assert got == [("notifies", "payload")] * 5


@case
def a_cursor_factory_puts_another_in_its_place(connection):
    def make(connection, name):
        connection.cursor_factory = None
        return extras.DictCursor(connection, name)

    connection.cursor_factory = Callback(make)
    assert type(connection.cursor()) is extras.DictCursor
    assert type(connection.cursor()) is extensions.cursor


@case
def a_wait_callback_sets_another_one(connection):
    def wait(connection):
        extensions.set_wait_callback(None)
        churn()
        extras.wait_select(connection)

    cursor = connection.cursor()
    for _ in range(5):
        extensions.set_wait_callback(Callback(wait))
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


@case
def a_wait_callback_executes_on_the_cursor_that_waits(connection):
    cursor = connection.cursor()
    errors = []

    def wait(connection):
        for number in range(3):
            errors.append(raised(cursor.execute, "SELECT %s, 'the second statement'", (number,)))
            churn()
        extras.wait_select(connection)

    extensions.set_wait_callback(wait)
    try:
        cursor.execute("SELECT %s", ("the first statement",))
        assert cursor.fetchall() == [("the first statement",)]
        assert cursor.query == b"SELECT 'the first statement'"
        assert {error.split(":")[0] for error in errors} == {"ProgrammingError"}
    finally:
        extensions.set_wait_callback(None)


@case
def a_file_of_copy_uses_the_cursor(connection):
    cursor = connection.cursor()
    cursor.execute("CREATE TEMP TABLE copied (t text)")
    errors = []

    class File(io.StringIO):
        def read(self, size=-1):
            errors.append(raised(cursor.execute, "SELECT %s", ("x",)))
            errors.append(raised(cursor.copy_expert, sql.SQL("COPY copied TO STDOUT"), io.StringIO()))
            errors.append(raised(cursor.copy_from, io.StringIO("x"), "copied"))
            churn()
            return super().read(size)

    statement = sql.SQL("COPY copied FROM STDIN")
    cursor.copy_expert(statement, File("a\nb\n"))
    assert cursor.rowcount == 2 and cursor.query == b"COPY copied FROM STDIN"
    assert errors and all("in use by this thread" in error for error in errors), errors


# A second __init__


@case
def a_cursor_is_initialized_again_while_it_executes(connection):
    other = another()
    note = "DO $$BEGIN RAISE NOTICE 'now'; END$$"
    for call in (lambda: cursor.execute(f"{note}; SELECT 1, 'a', now()"),
                 lambda: cursor.executemany(f"{note}; SELECT %s", [(1,), (2,)]),
                 lambda: cursor.copy_expert(f"{note}; COPY (SELECT 1) TO STDOUT", io.StringIO())):
        lonely = another()
        cursor = lonely.cursor()

        class Notices:
            def append(self, item):
                cursor.__init__(other)
                gc.collect()
                churn()

        lonely.notices = Notices()
        del lonely
        call()
        assert cursor.connection is other
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)
    other.close()


@case
def objects_are_initialized_twice(connection):
    notices = connection.notices
    assert "opened already" in raised(connection.__init__, WHERE["dsn"])
    assert connection.notices is notices
    cursor = connection.cursor()
    cursor.execute("SELECT 1")
    cursor.__init__(connection)
    assert cursor.description is None and cursor.rowcount == -1 and cursor.query is None
    assert raised(cursor.fetchone).startswith("ProgrammingError")
    cursor.execute("SELECT 2")
    assert cursor.fetchone() == (2,)

    info = connection.info
    other = another()
    pid = other.info.backend_pid
    info.__init__(other)
    assert info.backend_pid == pid and "must be a psycopg2 connection" in raised(info.__init__, 5)
    # It has a structure of its own, which holds only the connection.
    assert extensions.ConnectionInfo.__basicsize__ == object.__basicsize__ + struct.calcsize("P")

    large = connection.lobject()
    large.__init__(connection, large.oid, "rw")
    assert large.write("x") == 1
    large.__init__(other, 0, "w")
    gc.collect()
    assert large.write("y") == 1
    other.close()
    assert large.closed
    text = extensions.QuotedString("é")
    text.__init__("è")
    text.encoding = "utf8"
    assert text.getquoted() == "'è'".encode()
    connection.close()
    connection.__init__(WHERE["dsn"])
    assert not connection.closed
    connection.cursor().execute("SELECT 1")


@case
def a_large_object_is_initialized_again_while_it_waits(connection):
    other = another()
    lonely = another()
    large = lonely.lobject()
    done = []

    def wait(waiting):
        if not done:
            done.append(1)
            extensions.set_wait_callback(None)
            large.__init__(other)
            gc.collect()
            churn()
        extras.wait_select(waiting)

    del lonely
    extensions.set_wait_callback(wait)
    try:
        large.write("x" * 100)
    finally:
        extensions.set_wait_callback(None)
    assert large.write("z") == 1
    other.close()


@case
def columns_and_notifications_change_while_they_are_read(connection):
    column = extensions.Column("name", 23)

    class Name:
        def __repr__(self):
            column.__init__("other", 25)
            column.__setstate__([None] * 7)
            churn()
            return "'name'"

    column.__init__(Name(), object())
    assert repr(column).startswith("Column(name='name', type_code=<object")

    class Payload:
        def __bool__(self):
            notify.__init__(2, "other", "")
            churn()
            return True

        __hash__ = object.__hash__

    notify = extensions.Notify(1, "channel", Payload())
    hash(notify)

    before = gc.get_threshold()
    for make, read in ((lambda: column.__init__(str(object()), str(object())), lambda: tuple(column)),
                       (lambda: notify.__init__(str(object()), str(object()), str(object())), lambda: tuple(notify))):
        class Garbage:
            def __init__(self):
                self.cycle = self

            def __del__(self):
                make()
                churn()

        make()
        Garbage()
        gc.set_threshold(1)
        try:
            values = read()
        finally:
            gc.set_threshold(*before)
        assert repr(values)


# Errors


@case
def an_errors_class_takes_itself_away(connection):
    cursor = connection.cursor()
    errors = psycopg2._psycopg.sqlstate_errors
    kept = errors["22012"]

    class Own(kept):
        def __init__(self, *arguments):
            errors["22012"] = kept
            gc.collect()
            churn()
            super().__init__(*arguments)

    try:
        errors["22012"] = Own
        assert raised(cursor.execute, "SELECT 1/0").startswith("Own: division by zero")
        connection.rollback()
        assert raised(cursor.execute, "SELECT 1/0").startswith("DivisionByZero: division by zero")
    finally:
        errors["22012"] = kept


@case
def an_errors_class_makes_something_else(connection):
    cursor = connection.cursor()
    try:
        psycopg2.ProgrammingError.__new__ = lambda cls, *arguments: RuntimeError(*arguments)
        assert "empty query" in raised(cursor.execute, "")
    finally:
        del psycopg2.ProgrammingError.__new__
