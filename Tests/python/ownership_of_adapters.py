"""Cases of ownership.py: adapters, arguments and encodings."""

import datetime
import gc

import psycopg2
from psycopg2 import extensions

from ownership import Callback, another, case, churn, raised


@case
def an_adapter_takes_itself_out_of_the_registry(connection):
    class Value:
        pass

    def adapt(value):
        del extensions.adapters[Value, extensions.ISQLQuote]
        return extensions.AsIs("7")

    for _ in range(5):
        extensions.adapters[Value, extensions.ISQLQuote] = Callback(adapt)
        assert connection.cursor().mogrify("%s", (Value(),)) == b"7"


@case
def an_object_changes_its_class_while_it_is_adapted(connection):
    class Base:
        pass

    def make():
        class Old(Base):
            def __conform__(self, protocol):
                Old.__bases__ = (Other,)
                self.__class__ = Other
                gc.collect()
                churn()

        return Old()

    class Other(Base):
        pass

    extensions.register_adapter(Base, lambda value: extensions.AsIs("8"))
    try:
        for _ in range(5):
            assert connection.cursor().mogrify("%s", (make(),)) == b"8"
    finally:
        del extensions.adapters[Base, extensions.ISQLQuote]


class Quoted:
    """Runs code when it is quoted."""

    def __init__(self, body):
        self.body = body

    def __conform__(self, protocol):
        return self

    def getquoted(self):
        self.body()
        churn()
        return b"1"


@case
def an_adapter_is_given_another_value_while_it_quotes(connection):
    other = another()

    class Text:
        def __str__(self):
            adapter.__init__("other")
            churn()
            return "text"

    adapter = extensions.AsIs(Text())
    assert adapter.getquoted() == b"text"
    connection.set_client_encoding("LATIN1")
    adapter = extensions.AsIs(Text())
    assert connection.cursor().mogrify("%s", (adapter,)) == b"text"
    connection.set_client_encoding("UTF8")

    def change():
        adapter.__init__([9, 9, 9])
        adapter.prepare(other)
        gc.collect()

    adapter = psycopg2.extensions.adapt([Quoted(change), "a", Quoted(change)])
    lonely = another()
    adapter.prepare(lonely)
    del lonely
    assert adapter.getquoted() == b"ARRAY[1,'a',1]"
    adapter = extensions.SQL_IN([Quoted(change), "a", Quoted(change)])
    assert adapter.getquoted() == b"(1, 'a', 1)"
    other.close()


@case
def an_adapter_of_dates_is_given_something_else(connection):
    day, clock, moment, delta = (
        datetime.date(2020, 1, 2), datetime.time(3, 4), datetime.datetime(2020, 1, 2, 3, 4), datetime.timedelta(1))
    for make, value in ((extensions.DateFromPy, day), (extensions.TimeFromPy, clock),
                        (extensions.TimestampFromPy, moment), (extensions.IntervalFromPy, delta)):
        adapter = make(value)
        quoted = adapter.getquoted()
        for wrong in ("x", 5, None, b"", ()):
            adapter.__init__(wrong)
            assert raised(adapter.getquoted).startswith(f"TypeError: can't adapt {wrong!r}: expected a datetime.")
            assert raised(str, adapter).startswith("TypeError")
        adapter.__init__(value)
        assert adapter.getquoted() == quoted
    assert raised(psycopg2._psycopg.datetime("x").getquoted).startswith("TypeError: can't adapt 'x'")


@case
def arguments_change_while_they_are_quoted(connection):
    cursor = connection.cursor()
    items = [1, 2, 3, 4]
    items[1] = Quoted(items.clear)
    assert cursor.mogrify("%s", (items,)) == b"ARRAY[1,1]"
    items = [1, Quoted(lambda: items.extend([5])), 3]
    assert cursor.mogrify("%s", (items,)) == b"ARRAY[1,1,3,5]"
    names = {"a": Quoted(lambda: names.pop("a")), "b": "x" * 50}
    assert cursor.mogrify("%(a)s %(b)s %(a)s", names) == b"1 '" + b"x" * 50 + b"' 1"
    values = [Quoted(lambda: values.clear()), 2]
    assert "IndexError" in raised(cursor.mogrify, "%s %s", values)

    class Mapping(dict):
        def __getitem__(self, key):
            self.clear()
            churn()
            return key * 3

    assert cursor.mogrify("%(a)s %(b)s", Mapping(a=1)) == b"'aaa' 'bbb'"
    raw = bytearray(b"abc" * 100)
    assert cursor.mogrify("%s %s", (raw, Quoted(raw.clear))).endswith(b"::bytea 1")
    names = {"one": Quoted(lambda: names.clear()), "two": 2}
    connection.autocommit = True
    cursor.execute("CREATE OR REPLACE FUNCTION pg_temp.added(one int, two int) RETURNS int LANGUAGE sql AS"
                   " 'SELECT one + two'")
    cursor.callproc("pg_temp.added", names)
    assert cursor.fetchall() == [(3,)]


@case
def an_encodings_name_goes_while_a_connection_has_it(connection):
    connection.set_client_encoding("LATIN1")
    # Other objects with the same text, so that nothing else holds the names.
    names = {name: "".join(list(codec)) for name, codec in extensions.encodings.items()}
    try:
        extensions.encodings.clear()
        gc.collect()
        junk = churn()
        cursor = connection.cursor()
        cursor.execute("SELECT %s, chr(233)", ("é",))
        assert cursor.fetchone() == ("é", "é") and junk
    finally:
        extensions.encodings.update(names)
