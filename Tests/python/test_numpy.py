"""NumPy's scalars are adapted without registration."""

import datetime
import math

import numpy
import psycopg2
import pytest



@pytest.mark.parametrize("scalar, value", [
    (lambda: numpy.int8(-5), -5), (lambda: numpy.uint64(2**64 - 1), 2**64 - 1), (lambda: numpy.bool_(True), True),
    (lambda: numpy.float64(0.1), 0.1), (lambda: numpy.float32(0.1), 0.1), (lambda: numpy.float16(1.5), 1.5),
    (lambda: numpy.str_("it's"), "it's"), (lambda: numpy.datetime64("2020-02-03"), datetime.date(2020, 2, 3)),
    (lambda: numpy.datetime64("2020-02-03T04:05:06.123456789"), datetime.datetime(2020, 2, 3, 4, 5, 6, 123456)),
    (lambda: numpy.datetime64("NaT"), None), (lambda: numpy.timedelta64(36, "h"), datetime.timedelta(1.5)),
])
def test_scalars(cursor, scalar, value):
    assert cursor.mogrify("%s", (scalar(),)) == cursor.mogrify("%s", (value,))
    if value is not None:
        assert cursor.mogrify("%s", ([scalar()],)) == cursor.mogrify("%s", ([value],))


def test_not_a_number(cursor):
    cursor.execute("SELECT %s", (numpy.float32("nan"),))
    assert math.isnan(cursor.fetchone()[0])


@pytest.mark.parametrize("scalar", [lambda: numpy.complex64(1), lambda: numpy.timedelta64(3, "M")])
def test_what_has_no_likeness(cursor, scalar):
    with pytest.raises(psycopg2.ProgrammingError, match="can't adapt type 'numpy"):
        cursor.mogrify("%s", (scalar(),))
