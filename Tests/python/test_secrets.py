"""No error and no printed object shows a password or a part of one."""

import psycopg2
import pytest
from psycopg2.extensions import make_dsn, parse_dsn

MALFORMED = [
    ("postgresql://u:s3cret%zzw0rd@h/db", "percent-encoded"),
    ("postgresql://u:s3cret@[::1/db", "IPv6"),
    ("postgresql://u:s3cret@h/db?bogus=1", "bogus"),
    ("postgresql://h/db?password=s3cret%zz", "password"),
    ("password=my s3cret host=h", "must be in quotes"),
    ("password=my s3cret=w0rd", "must be in quotes"),
    ("postgresql+psycopg2://u:s3cret@h/db", 'begins with "postgresql://"'),
    ("postgre://u:s3cret@h/db?sslmode=require", 'begins with "postgresql://"'),
]
MISPLACED = [
    "postgresql://u:s3cret/w0rd@h/db", "postgresql://u:p@s3cret:w0rd@h/db", "postgresql://u:p@s3cret@h/db",
    "postgresql://u:s3cret/db",
]


def check(raised, help):
    text = f"{raised.value} {raised.value!r}"
    assert "s3cret" not in text and "w0rd" not in text
    assert help in text


@pytest.mark.parametrize("dsn, help", MALFORMED)
def test_malformed_connection_strings(dsn, help):
    for call in (parse_dsn, psycopg2.connect, make_dsn, psycopg2.extensions.connection,
                 lambda dsn: make_dsn(dsn, user="x"), lambda dsn: psycopg2.connect(dsn, load_balance=True),
                 psycopg2.LoadBalanceProperties):
        with pytest.raises(psycopg2.ProgrammingError) as raised:
            call(dsn)
        check(raised, help)


@pytest.mark.parametrize("dsn", MISPLACED)
def test_a_part_of_the_password_where_a_port_or_a_host_belongs(dsn):
    with pytest.raises(psycopg2.OperationalError) as raised:
        psycopg2.connect(dsn)
    check(raised, "%2F")
    with pytest.raises(psycopg2.Error) as raised:
        psycopg2.extensions.connection(dsn + ("&" if "?" in dsn else "?") + "load_balance=true")
    check(raised, "%2F")


def test_a_wrong_port_is_shown_where_it_is_clear_that_it_is_one():
    with pytest.raises(psycopg2.OperationalError) as raised:
        psycopg2.connect("postgresql://u:s3cret@h:notaport/db")
    check(raised, "notaport")


def test_a_misspelled_keyword_of_a_call_is_named():
    with pytest.raises(psycopg2.ProgrammingError) as raised:
        psycopg2.connect(password="s3cret", databse="x")
    check(raised, 'invalid connection option "databse"')
    with pytest.raises(psycopg2.ProgrammingError) as raised:
        psycopg2.connect("host=h password=s3cret", databse="x")
    check(raised, 'invalid connection option "databse"')


def test_what_a_connection_shows(dsn):
    connection = psycopg2.connect(
        dsn, password="s3cret w0rd", sslpassword="s3cret", application_name="x'\u0301\\\u0301")
    for text in (connection.dsn, repr(connection), str(connection)):
        assert "s3cret" not in text and "w0rd" not in text
    # The DSN shown can be parsed again, whatever follows a quote.
    shown = parse_dsn(connection.dsn)
    assert shown["password"] == shown["sslpassword"] == "xxx"
    assert shown["application_name"] == "x'\u0301\\\u0301"
    connection.close()


@pytest.mark.parametrize("name", ["plain", "", "a b", "it's", "\\", "a\u00a0b", "e\u0301'\u0301", "\x1c", "="])
def test_connection_dsn_is_written_as_make_dsn_writes(name):
    connection = psycopg2.extensions.connection.__new__(psycopg2.extensions.connection)
    with pytest.raises(psycopg2.OperationalError):
        connection.__init__(make_dsn(host="/nonexistent", password="s3cret", application_name=name))
    assert connection.dsn == make_dsn(host="/nonexistent", password="xxx", application_name=name)


def test_no_factory_is_called_for_a_string_that_is_none():
    called = []
    for options in ({}, {"async_": True}, {"load_balance": True}):
        with pytest.raises(psycopg2.ProgrammingError, match='^invalid dsn: missing "=" after "nonsense"'):
            psycopg2.connect("nonsense", connection_factory=called.append, **options)
    assert not called
