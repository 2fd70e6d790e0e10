"""Numbers from programs at the limits of 64 and 32 bits, wherever the driver computes with them."""

import datetime
import re
import subprocess
import sys
import textwrap

import psycopg2
import pytest
from psycopg2 import _psycopg
from psycopg2.apus import ping
from psycopg2.extras import PhysicalReplicationConnection

LARGEST, SMALLEST = 2**63 - 1, -(2**63)
EXTREMES = [LARGEST, SMALLEST, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, 2**32, 2**32 + 1]


def survives(dsn, program):
    """Runs a program in a process of its own, which must not crash."""
    program = f"import psycopg2\nconnection = psycopg2.connect({dsn!r})\n{textwrap.dedent(program)}\nprint('survived')"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert ended.stdout.endswith("survived\n") and ended.returncode == 0, ended


def test_scroll(dsn):
    survives(dsn, f"""
        cursor = connection.cursor()
        cursor.execute("SELECT generate_series(1, 10)")
        assert cursor.fetchone() == (1,)
        for mode in ("relative", "absolute"):
            for distance in {EXTREMES}:
                try:
                    cursor.scroll(distance, mode)
                except psycopg2.ProgrammingError as error:
                    assert "out of bounds" in str(error)
                else:
                    assert False, distance
        assert cursor.fetchone() == (2,) and cursor.rownumber == 2
        """)
    with pytest.raises(OverflowError), psycopg2.connect(dsn).cursor() as cursor:
        cursor.scroll(2**63)


@pytest.mark.parametrize("mode", ["relative", "absolute"])
@pytest.mark.parametrize("distance", [number for number in EXTREMES if abs(number) > 2**31 - 1])
def test_scroll_of_a_named_cursor(connection, distance, mode):
    """Otherwise the server would reject the text, and the transaction would fail."""
    with connection.cursor("named", scrollable=True) as named:
        named.execute("SELECT generate_series(1, 3)")
        with pytest.raises(OverflowError, match=f"not by {distance}"):
            named.scroll(distance, mode)
        assert named.fetchone() == (1,)


@pytest.mark.parametrize("count", [LARGEST, 2**31, 2**31 - 1])
def test_a_large_number_of_rows_is_all_rows(connection, count):
    rows = [(1,), (2,), (3,)]
    for name in (None, "named"):
        cursor = connection.cursor(name)
        cursor.execute("SELECT generate_series(1, 3)")
        assert cursor.fetchmany(count) == rows and cursor.fetchmany(count) == []
        cursor.close()
        cursor = connection.cursor(name)
        cursor.arraysize = count
        cursor.execute("SELECT generate_series(1, 3)")
        assert [cursor.fetchone()] + cursor.fetchmany() == rows
        cursor.close()
        cursor = connection.cursor(name)
        cursor.itersize = count
        cursor.execute("SELECT generate_series(1, 3)")
        assert list(cursor) == rows
        cursor.close()


@pytest.mark.parametrize("count", [SMALLEST, -(2**31), -(2**31) + 1, -1])
def test_a_negative_number_of_rows(connection, count):
    cursor = connection.cursor()
    cursor.execute("SELECT generate_series(1, 3)")
    # As in psycopg2.
    assert cursor.fetchmany(count) == [(1,), (2,), (3,)]
    with connection.cursor("named", scrollable=True) as named:
        named.execute("SELECT generate_series(1, 3)")
        named.scroll(2)
        assert named.fetchmany(count) == [(1,)]


@pytest.mark.parametrize("name", ["arraysize", "itersize"])
def test_settings_beyond_64_bits(connection, name):
    cursor = connection.cursor()
    for number in (2**63, -(2**63) - 1):
        with pytest.raises(OverflowError):
            setattr(cursor, name, number)


@pytest.mark.parametrize("whence", [2**32, 2**32 + 1, -(2**32), LARGEST, SMALLEST, 2**31])
def test_a_large_objects_whence(connection, whence):
    """4294967296 was read as 0."""
    large = connection.lobject(0, "rwb")
    large.write(b"hello")
    with pytest.raises(OverflowError, match=f"SEEK_SET.*not {whence}"):
        large.seek(0, whence)
    assert large.tell() == 5


@pytest.mark.parametrize("offset", [LARGEST, SMALLEST, -1])
def test_a_large_objects_positions(connection, offset):
    def fresh():
        connection.rollback()
        large = connection.lobject(0, "rwb")
        large.write(b"hello")
        return large

    for call in ("seek", "truncate"):
        with pytest.raises(psycopg2.OperationalError, match="invalid large object"):
            getattr(fresh(), call)(offset)
    if offset == LARGEST:
        with pytest.raises(psycopg2.OperationalError):
            fresh().seek(offset, 1)
    large = fresh()
    large.seek(0)
    assert large.read(offset) == b"hello"


def test_a_large_object_beyond_32_bits(connection):
    large = connection.lobject(0, "rwb")
    assert large.seek(2**32 + 5) == 2**32 + 5 == large.tell()
    large.write(b"end")
    assert large.seek(-3, 2) == 2**32 + 5 and large.read(LARGEST) == b"end"
    large.truncate(2**32)
    assert large.seek(0, 2) == 2**32
    large.unlink()


@pytest.mark.parametrize("oid", [-1, 2**32, LARGEST, SMALLEST])
def test_oids(connection, oid):
    for arguments in ((oid,), (0, "w", oid)):
        with pytest.raises(OverflowError, match="OID"):
            connection.lobject(*arguments)
    assert connection.lobject(0, "w", 2**32 - 1).oid == 2**32 - 1
    assert connection.lobject(2**32 - 1).oid == 2**32 - 1
    connection.rollback()


@pytest.mark.parametrize("value, sql", [
    (LARGEST, "9223372036854775807"), (SMALLEST, " -9223372036854775808"), (2**63, "9223372036854775808"),
    (-(2**70), " -1180591620717411303424"), (10**400, "1" + "0" * 400),
    (1.7976931348623157e308, "1.7976931348623157e+308"), (5e-324, "5e-324"), (-0.0, " -0.0"),
    (datetime.timedelta.max, "'999999999 days 86399.999999 seconds'::interval"),
    (datetime.timedelta.min, "'-999999999 days 0.000000 seconds'::interval"),
    (datetime.date.min, "'0001-01-01'::date"), (datetime.time.max, "'23:59:59.999999'::time"),
    (datetime.datetime.max, "'9999-12-31T23:59:59.999999'::timestamp"),
])
def test_adapters(connection, value, sql):
    assert connection.cursor().mogrify("%s", (value,)) == sql.encode()


def test_no_object_is_taken_for_a_date(dsn):
    """The fields of a date were read from the object that a second `__init__()` put in its place."""
    survives(dsn, """
        import datetime
        from psycopg2 import _psycopg
        made = [_psycopg.DateFromPy(datetime.date.min), _psycopg.TimeFromPy(datetime.time.min),
                _psycopg.TimestampFromPy(datetime.datetime.min), _psycopg.IntervalFromPy(datetime.timedelta(1))]
        for adapter in made:
            for other in ("xxx", 5, object(), (), None):
                adapter.__init__(other)
                try:
                    adapter.getquoted()
                except (AttributeError, TypeError):
                    pass
                else:
                    assert False, (adapter, other)
        """)
    adapter = _psycopg.DateFromPy(datetime.date.min)
    adapter.__init__(datetime.date.max)
    assert adapter.getquoted() == b"'9999-12-31'::date"


@pytest.mark.parametrize("seconds", [1e300, float("inf"), 2**70])
def test_timeouts_of_any_length(connection, seconds):
    connection.command_timeout = seconds
    connection.cancellation_timeout = seconds
    cursor = connection.cursor()
    cursor.execute("SELECT 1")
    assert cursor.fetchone() == (1,)
    ping(connection, timeout=seconds)


@pytest.mark.parametrize("interval", [0.999, -1, 0, 1e9, 1e300, float("inf"), float("-inf"), float("nan")])
def test_replication_intervals(dsn, interval):
    connection = psycopg2.connect(dsn, connection_factory=PhysicalReplicationConnection)
    complaint = f"status_interval must be >= 1 .* not {re.escape(str(interval))}"
    with pytest.raises(psycopg2.ProgrammingError, match=complaint):
        connection.cursor().start_replication_expert("START_REPLICATION 0/0", status_interval=interval)
    connection.close()


@pytest.mark.parametrize("position", [-1, 2**64, SMALLEST])
def test_positions_in_the_log(dsn, position):
    connection = psycopg2.connect(dsn, connection_factory=PhysicalReplicationConnection)
    for name in ("write_lsn", "flush_lsn", "apply_lsn"):
        with pytest.raises(OverflowError):
            connection.cursor().send_feedback(**{name: position})
    connection.close()


@pytest.mark.parametrize("typecaster, text", [
    ("INTERVAL", "9" * 18 + ":00:00"), ("INTERVAL", "9" * 30), ("INTERVAL", "999999999999999999 years"),
    ("INTERVAL", "999999999999999999-999999999999999999"), ("INTERVAL", "999999999:999999999:999999999.999999"),
    ("INTERVAL", "9223372036854775807"), ("INTERVAL", "-9223372036854775808"), ("DATE", "99999999999-01-01"),
    ("PYDATETIME", "2000-01-01 00:00:00+99:99:99"), ("LONGINTEGERARRAY", "[9999999999999999999:1]={1}"),
    ("LONGINTEGERARRAY", "{" * 5000), ("LONGINTEGER", "9" * 5000), ("FLOAT", "1e" + "9" * 30), ("BINARY", "\\400"),
    ("DECIMAL", "1" * 100000), ("FLOAT", "-1e-" + "9" * 30),
])
def test_typecasters(dsn, typecaster, text):
    """They return, or raise an exception, but do not crash."""
    survives(dsn, f"""
        from psycopg2 import _psycopg
        try:
            getattr(_psycopg, {typecaster!r})({text!r}, connection.cursor())
        except (psycopg2.Error, ValueError, OverflowError):
            pass
        """)
