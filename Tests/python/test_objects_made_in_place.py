"""Objects that the driver builds field by field equal those that their constructors make."""

import copy
import datetime
import decimal
import gc
import operator
import os
import pickle
import random
import subprocess
import sys
from decimal import Decimal

import psycopg2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg2 import _psycopg, extensions

many = settings(max_examples=1500, deadline=None)


# Decimals. They have words of 19 digits, four of them inside the object, so lengths near these limits matter most.
lengths = [length for words in range(1, 5) for length in (19 * words - 1, 19 * words, 19 * words + 1)]
digits = st.one_of(
    st.text("0123456789", max_size=90), st.text("09", max_size=90), st.text("0", max_size=25),
    st.sampled_from(lengths).flatmap(lambda length: st.text("0123456789", min_size=length, max_size=length)))


@st.composite
def numerics(draw):
    """Numbers as a server may write them, and in addition leading zeros and points without digits."""
    number = draw(digits)
    point = draw(st.none() | st.integers(0, len(number)))
    if point is not None:
        number = f"{number[:point]}.{number[point:]}"
    return draw(st.sampled_from(["", "-"])) + number


def assert_same_decimal(made, wanted):
    assert type(made) is Decimal
    assert repr(made) == repr(wanted) and str(made) == str(wanted)
    assert made.as_tuple() == wanted.as_tuple()
    assert hash(made) == hash(wanted) and made == wanted and made.compare_total(wanted) == 0
    assert sys.getsizeof(made) == sys.getsizeof(Decimal(str(wanted)))
    assert gc.is_tracked(made) == gc.is_tracked(wanted)
    for other in (pickle.loads(pickle.dumps(made)), copy.copy(made), copy.deepcopy(made), Decimal(made)):
        assert other.as_tuple() == wanted.as_tuple()
    with decimal.localcontext() as context:
        context.traps.update(dict.fromkeys(context.traps, False))
        for context.prec in (6, 28, 300):
            other = Decimal("-31.4159265358979")
            for operation in (operator.add, operator.sub, operator.mul, operator.truediv):
                assert str(operation(made, other)) == str(operation(wanted, other))
                assert str(operation(other, made + 1)) == str(operation(other, wanted + 1))
            assert str(abs(made).sqrt()) == str(abs(wanted).sqrt())
            assert str(made.normalize()) == str(wanted.normalize())
    for operation in (operator.neg, int, float, bool, Decimal.adjusted, Decimal.is_zero, Decimal.is_signed, repr):
        assert operation(made) == operation(wanted)
    for operation in (operator.lt, operator.le, operator.eq):
        assert operation(made, 1) == operation(wanted, 1) and operation(0, made) == operation(0, wanted)


@many
@given(text=numerics())
def test_decimals(text):
    try:
        wanted = Decimal(text)
    except decimal.InvalidOperation:
        with pytest.raises(decimal.InvalidOperation):
            _psycopg.DECIMAL(text, None)
    else:
        assert_same_decimal(_psycopg.DECIMAL(text, None), wanted)


@pytest.mark.parametrize("text", ["NaN", "-NaN", "sNaN", "Infinity", "-Infinity", "inf", "1e5", "-1.50E-7", " 1 ",
                                  "1_000", "+3", "0E+10", "1e999999", "9" * 500, "0." + "0" * 500 + "1",
                                  "-" + "0" * 500])
def test_decimals_of_other_texts(text):
    assert repr(_psycopg.DECIMAL(text, None)) == repr(Decimal(text))


def test_decimals_do_not_follow_the_programs_context():
    with decimal.localcontext() as context:
        context.prec, context.Emax, context.Emin = 2, 3, -3
        context.traps[decimal.Inexact] = True
        context.clear_flags()
        for text in ("123456.789", "9" * 30 + ".5", "0." + "0" * 20 + "1", "1e30", "9" * 100):
            assert str(_psycopg.DECIMAL(text, None)) == str(Decimal(text))
        assert not any(context.flags.values())


def test_decimals_come_and_go():
    """Memory does not grow, and each object is freed by its own allocator."""
    texts = ["1.5", "-" + "9" * 40, "0." + "0" * 60 + "1", "9" * 76]

    def round_of_them():
        kept = [_psycopg.DECIMAL(text, None) for text in texts * 500]
        random.Random(1).shuffle(kept)
        del kept[::2]
        return sum(kept)

    round_of_them()
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(20):
        round_of_them()
    gc.collect()
    assert sys.getallocatedblocks() - before < 500


@pytest.mark.parametrize("replacement", [
    # The Python implementation, which is used where _decimal was not built.
    "sys.modules['_decimal'] = None; import decimal",
    # A class of the program in its place.
    "import decimal\nclass Own(decimal.Decimal): pass\ndecimal.Decimal = Own",
    "import decimal\nclass Own(decimal.Decimal):\n __slots__ = ()\n def __new__(cls, text): return "
    "super().__new__(cls, text)\ndecimal.Decimal = Own",
])
def test_other_decimals(replacement):
    """Decimals of another implementation are made by its constructor."""
    program = replacement + """
from psycopg2 import _psycopg
for text in ("0", "-0.00", "12.50", "9" * 30, "-" + "9" * 100, "NaN"):
    made = _psycopg.DECIMAL(text, None)
    assert type(made) is decimal.Decimal, type(made)
    assert str(made) == text, made
"""
    subprocess.run([sys.executable, "-c", "import sys\n" + program], check=True)


# Dates and times.
def assert_same_time(made, wanted):
    assert type(made) is type(wanted) and made == wanted and hash(made) == hash(wanted)
    assert repr(made) == repr(wanted) and made.isoformat() == wanted.isoformat()
    assert pickle.loads(pickle.dumps(made)) == wanted and made.replace() == wanted
    assert made.__reduce__() == wanted.__reduce__()
    assert sys.getsizeof(made) == sys.getsizeof(wanted)
    assert getattr(made, "fold", 0) == 0


zones = st.integers(-15, 15).map(lambda hours: datetime.timezone(datetime.timedelta(hours=hours)))
odd_zones = st.integers(-57599, 57599).map(lambda seconds: datetime.timezone(datetime.timedelta(seconds=seconds)))


@many
@given(value=st.datetimes(timezones=st.none() | zones | odd_zones), cut=st.booleans())
def test_timestamps(value, cut):
    value = value.replace(fold=0)
    text = value.isoformat(" ")
    if cut and value.microsecond:
        head, rest = text.split(".")
        text = f"{head}.{rest[:6].rstrip('0')}{rest[6:]}"
    if text.endswith(":00") and value.utcoffset() is not None and text.count(":") == 3:
        text = text[:-3]
    caster = extensions.PYDATETIMETZ if value.tzinfo else extensions.PYDATETIME
    connection_less = caster(text, None)
    assert_same_time(connection_less, value.replace(tzinfo=None))
    assert_same_time(extensions.PYDATE(text.split(" ")[0], None), value.date())


def test_timestamps_with_zones(cursor):
    generator = random.Random(2)
    wanted = [datetime.datetime(generator.randint(1900, 2100), 2, 3, 4, 5, 6, generator.choice([0, 7, 999999]),
                                datetime.timezone.utc) for _ in range(300)]
    for zone in ("UTC", "Asia/Kolkata", "America/St_Johns", "Asia/Tokyo", "Europe/Amsterdam", "+15:30"):
        cursor.execute("SET timezone TO %s", (zone,))
        cursor.execute("SELECT unnest(%s::timestamptz[])", (wanted,))
        made = [value for value, in cursor.fetchall()]
        assert made == wanted and [hash(value) for value in made] == [hash(value) for value in wanted]
        for value in made:
            assert_same_time(value, value.replace(tzinfo=datetime.timezone(value.utcoffset())))


@pytest.mark.parametrize("factory, error", [(lambda offset: "no zone", TypeError), (lambda offset: None, None),
                                            (lambda offset: 1 / 0, ZeroDivisionError)])
def test_what_a_tzinfo_factory_may_answer(cursor, factory, error):
    cursor.tzinfo_factory = factory
    cursor.execute("SELECT now() FROM generate_series(1, 3)")
    if error:
        with pytest.raises(error):
            cursor.fetchall()
    else:
        assert all(value.tzinfo is None for value, in cursor.fetchall())


# bytea: short values of one fetch share memory.
@pytest.mark.parametrize("output", ["hex", "escape"])
def test_byteas_of_one_fetch(cursor, output):
    generator = random.Random(3)
    lengths = [0, 1, 7, 8, 9, 31, 32, 33, 255, 256, 257, 2047, 2048, 5000]
    wanted = [os.urandom(generator.choice(lengths)) for _ in range(800)]
    cursor.execute(f"SET bytea_output TO {output}")
    cursor.execute("SELECT unnest(%s)", ([psycopg2.Binary(value) for value in wanted],))
    made = [value for value, in cursor.fetchall()]
    for value, bytes_wanted in zip(made, wanted):
        assert type(value) is memoryview and value == memoryview(bytes_wanted).cast("c")
        assert bytes(value) == bytes_wanted and value.nbytes == len(bytes_wanted) == len(value)
        assert (value.format, value.itemsize, value.ndim, value.readonly) == ("c", 1, 1, True)
        assert value.shape == (len(bytes_wanted),) and value.strides == (1,) and value.c_contiguous
        assert hash(value) == hash(bytes_wanted) and value.tobytes() == bytes_wanted
        assert bytes(value[1:-1]) == bytes_wanted[1:-1] and bytes(value[::-1]) == bytes_wanted[::-1]
        with pytest.raises(TypeError):
            value[:1] = b"x"
    # Each lives on without the others.
    made[3].release()
    with pytest.raises(ValueError):
        bytes(made[3])
    order = list(range(len(made)))
    generator.shuffle(order)
    for index in order[:700]:
        made[index] = None
    gc.collect()
    for index in order[700:]:
        assert index == 3 or bytes(made[index]) == wanted[index]


def test_a_bytea_keeps_little_else_alive(cursor):
    """A short value may keep the memory of its neighbours, but not that of the whole fetch."""
    kept = []
    cursor.execute("SELECT decode(md5(n::text), 'hex') FROM generate_series(1, 20000) n")
    kept.extend(value for value, in cursor.fetchall()[::1000])
    assert sum(sys.getsizeof(value) + sys.getsizeof(value.obj) for value in kept) < 20 * 4096
    cursor.execute("SELECT decode(repeat(md5('1'), 100), 'hex')")
    value = cursor.fetchone()[0]
    assert len(memoryview(value.obj)) == len(value) == 1600


# Arrays of whole numbers.
@many
@given(value=st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-9999, 9999) | st.integers(-(2**80), 2**80),
                      min_size=1))
def test_arrays_of_integers(value):
    assert _psycopg.INTEGERARRAY("{%s}" % ",".join(map(str, value)), None) == value


@pytest.mark.parametrize("text, wanted", [
    ("{}", []), ("{1}", [1]), ("{-0}", [0]), ("{NULL}", [None]), ("{1,NULL,3}", [1, None, 3]),
    ("{{1,2},{3,4}}", [[1, 2], [3, 4]]), ("[0:1]={7,8}", [7, 8]), ('{"1","2"}', [1, 2]), ("{ 1 , 2 }", [1, 2]),
    ("{000000000000000000000012}", [12]), ("{12345678}", [12345678]),
    ("{1,12345678,123456789}", [1, 12345678, 123456789]),
])
def test_arrays_of_integers_of_every_shape(text, wanted):
    assert _psycopg.INTEGERARRAY(text, None) == wanted


@pytest.mark.parametrize("text", ["{1,}", "{,1}", "{1", "1}", "{1,,2}", "{-}", "{1-2}", "{1}2", "{1,2}}", "{x}", "{",
                                  "{1.5}"])
def test_what_is_no_array_of_integers(text):
    with pytest.raises((psycopg2.DataError, ValueError)):
        _psycopg.INTEGERARRAY(text, None)
