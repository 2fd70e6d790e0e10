"""Large objects."""

import os

import psycopg2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from waiting import interrupt_when, is_running


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(pieces=st.lists(st.binary(max_size=3000), max_size=6), size=st.integers(1, 4000))
def test_bytes_survive(connection, pieces, size):
    large = connection.lobject(mode="rwb")
    for piece in pieces:
        assert large.write(piece) == len(piece)
    whole = b"".join(pieces)
    assert large.tell() == len(whole)
    large.seek(0)
    assert large.read(size) == whole[:size]
    assert large.read() == whole[size:]
    large.unlink()


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text())
def test_text_survives(connection, text):
    large = connection.lobject(mode="w")
    assert large.write(text) == len(text.encode())
    assert connection.lobject(large.oid).read() == text
    large.unlink()


def test_more_than_one_piece(connection):
    content = os.urandom(5_000_000)
    large = connection.lobject(mode="wb")
    large.write(content)
    assert connection.lobject(large.oid, "rb").read() == content
    assert connection.lobject(large.oid, "rb").read(4_000_000) == content[:4_000_000]
    connection.rollback()


def test_files_in_and_out(connection, tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(bytes(range(256)) * 9000)
    large = connection.lobject(0, "rb", 0, str(source))
    assert large.read() == source.read_bytes()
    large.export(str(target))
    assert target.read_bytes() == source.read_bytes()
    with pytest.raises(psycopg2.OperationalError, match="could not open file .*: No such file"):
        connection.lobject(0, "r", 0, str(tmp_path / "missing"))
    with pytest.raises(psycopg2.OperationalError, match="could not open file .*: No such file"):
        large.export(str(tmp_path / "no" / "folder"))
    assert large.tell() == len(source.read_bytes())


@pytest.mark.parametrize("mode, shown", [
    ("r", "rt"), ("w", "wt"), ("rw", "rwt"), ("n", "n"), ("rb", "rb"), ("wb", "wb"), ("rwb", "rwb"), ("b", "rb"),
    ("t", "rt"), ("", "rt"), (None, "rt"),
])
def test_modes(connection, mode, shown):
    oid = connection.lobject().oid
    assert connection.lobject(oid, mode).mode == shown


@pytest.mark.parametrize("mode", ["x", "wr", "rx", "rbt"])
def test_wrong_modes(connection, mode):
    with pytest.raises(ValueError, match="bad mode"):
        connection.lobject(0, mode)


def test_errors_say_what_the_server_said(connection):
    with pytest.raises(psycopg2.OperationalError, match="large object 4294967294 does not exist") as caught:
        connection.lobject(0xFFFFFFFE)
    assert caught.value.pgcode == "42704"
    connection.rollback()
    with pytest.raises(OverflowError):
        connection.lobject(2 ** 32)
    large = connection.lobject(mode="wb")
    with pytest.raises(TypeError):
        large.write(42)


def test_needs_a_transaction(connection):
    connection.autocommit = True
    with pytest.raises(psycopg2.ProgrammingError, match="outside of transactions"):
        connection.lobject()
    with connection:
        oid = connection.lobject(mode="wb").oid
    with connection:
        connection.lobject(oid, "n").unlink()


def test_outlives_nothing_but_its_transaction(connection):
    large = connection.lobject(mode="wb")
    connection.commit()
    with pytest.raises(psycopg2.ProgrammingError, match="isn't valid anymore"):
        large.read()
    large.close()
    with pytest.raises(psycopg2.InterfaceError, match="already closed"):
        large.read()
    large.unlink()
    connection.commit()


def test_ctrl_c(connection):
    """Calls of large objects wait like statements, so they are interrupted like statements."""
    blocker = psycopg2.connect(connection.dsn)
    large = connection.lobject(mode="wb")
    connection.commit()
    blocker.lobject(large.oid, "n").unlink()
    with interrupt_when(is_running(connection, "object")), pytest.raises(KeyboardInterrupt):
        connection.lobject(large.oid, "n").unlink()
    blocker.close()
    connection.rollback()
    connection.lobject(large.oid, "n").unlink()
    connection.commit()


def test_never_opened():
    large = psycopg2.extensions.lobject.__new__(psycopg2.extensions.lobject)
    for call in (large.read, large.close, large.tell, large.unlink):
        with pytest.raises(psycopg2.InterfaceError):
            call()
