"""Unexpected answers to the driver's own commands: a server, or a proxy in front of it, that is out of step."""

import psycopg2
import psycopg2.extras
import pytest
from psycopg2 import extensions

import fake_server
from fake_server import COPY_DONE, EMPTY, NOTHING, FakeServer, complete, copy_in, copy_out, error, row

NO_COMPLETION = {
    "rows": row("1"),
    "COPY TO": copy_out(b"1\n") + COPY_DONE + complete("COPY 1"),
    "COPY FROM": copy_in(),
    "an empty query": EMPTY,
    "nothing": NOTHING,
}

READY = extensions.STATUS_READY, extensions.TRANSACTION_STATUS_IDLE
BEGUN = extensions.STATUS_BEGIN, extensions.TRANSACTION_STATUS_INTRANS
FAILED = extensions.STATUS_BEGIN, extensions.TRANSACTION_STATUS_INERROR


def state(connection):
    return connection.status, connection.get_transaction_status()


@pytest.mark.parametrize("call", ["commit", "rollback"])
@pytest.mark.parametrize("answer", NO_COMPLETION)
def test_the_end_of_a_transaction(call, answer, mode):
    with FakeServer({call.upper(): (NO_COMPLETION[answer], "I")}) as server:
        connection = psycopg2.connect(server.dsn)
        cursor = connection.cursor()
        cursor.execute("SELECT 1")
        with pytest.raises(psycopg2.DatabaseError, match=f"the server answered {call.upper()} with"):
            getattr(connection, call)()
        # By the status that the server sent, there is no transaction any more.
        assert state(connection) == READY and connection.closed == 0
        cursor.execute("SELECT 1")
        assert cursor.fetchall() == [("1",)]
        connection.close()


@pytest.mark.parametrize("answer", NO_COMPLETION)
def test_a_commit_that_ended_nothing(answer, mode):
    with FakeServer({"COMMIT": (NO_COMPLETION[answer], "T")}) as server:
        connection = psycopg2.connect(server.dsn)
        connection.cursor().execute("SELECT 1")
        with pytest.raises(psycopg2.DatabaseError, match="the server answered COMMIT with"):
            connection.commit()
        assert state(connection) == BEGUN
        connection.rollback()
        assert state(connection) == READY
        connection.close()


def test_a_commit_that_is_answered_by_an_error_or_the_end(mode):
    with FakeServer({"COMMIT": (error("40001", "no"), "I")}) as server:
        connection = psycopg2.connect(server.dsn)
        connection.cursor().execute("SELECT 1")
        with pytest.raises(psycopg2.errors.SerializationFailure):
            connection.commit()
        assert state(connection) == READY
        connection.close()

    def end():
        raise fake_server.Hangup

    with FakeServer({"COMMIT": end}) as server:
        connection = psycopg2.connect(server.dsn)
        connection.cursor().execute("SELECT 1")
        with pytest.raises(psycopg2.OperationalError):
            connection.commit()
        assert connection.closed == 2 and connection.status == extensions.STATUS_READY
    with FakeServer({"COMMIT": (error("57P01", "going down", "FATAL"), "I")}) as server:
        connection = psycopg2.connect(server.dsn)
        connection.cursor().execute("SELECT 1")
        with pytest.raises(psycopg2.errors.AdminShutdown):
            connection.commit()
        connection.close()


def test_a_failed_transaction_is_committed_by_its_rollback(mode):
    with FakeServer({"COMMIT": complete("ROLLBACK")}) as server:
        connection = psycopg2.connect(server.dsn)
        connection.cursor().execute("SELECT 1")
        connection.commit()
        assert state(connection) == READY
        connection.close()


@pytest.mark.parametrize("status, expected", [("I", (extensions.STATUS_READY, 0)), ("T", BEGUN), ("E", FAILED)])
@pytest.mark.parametrize("answer", ["rows", "COPY TO", "an empty query"])
def test_begin(answer, status, expected, mode):
    with FakeServer({"BEGIN": (NO_COMPLETION[answer], status)}) as server:
        connection = psycopg2.connect(server.dsn)
        cursor = connection.cursor()
        with pytest.raises(psycopg2.DatabaseError, match="the server answered BEGIN with"):
            cursor.execute("SELECT 1")
        assert state(connection) == expected and connection.closed == 0
        connection.rollback()
        assert state(connection) == READY
        del server.answers["BEGIN"]
        cursor.execute("SELECT 1")
        assert cursor.fetchall() == [("1",)] and state(connection) == BEGUN
        connection.close()


@pytest.mark.parametrize("answer", NO_COMPLETION)
def test_two_phases(answer, mode):
    with FakeServer() as server:
        connection = psycopg2.connect(server.dsn)
        server.answers["BEGIN"] = NO_COMPLETION[answer], "T"
        with pytest.raises(psycopg2.DatabaseError, match="the server answered BEGIN with"):
            connection.tpc_begin("x")
        assert state(connection) == BEGUN
        connection.rollback()
        del server.answers["BEGIN"]

        connection.tpc_begin("x")
        server.answers["PREPARE"] = NO_COMPLETION[answer], "T"
        with pytest.raises(psycopg2.DatabaseError, match="the server answered PREPARE TRANSACTION with"):
            connection.tpc_prepare()
        assert state(connection) == BEGUN
        server.answers["PREPARE"] = NO_COMPLETION[answer], "I"
        with pytest.raises(psycopg2.DatabaseError, match="the server answered PREPARE TRANSACTION with"):
            connection.tpc_prepare()
        assert state(connection) == READY
        server.answers["PREPARE"] = complete("PREPARE TRANSACTION"), "I"

        connection.tpc_begin("x")
        connection.tpc_prepare()
        server.answers["COMMIT"] = NO_COMPLETION[answer], "I"
        with pytest.raises(psycopg2.DatabaseError, match="the server answered COMMIT PREPARED with"):
            connection.tpc_commit()
        # It may still be prepared, so that the call can be repeated.
        assert connection.status == extensions.STATUS_PREPARED
        server.answers["COMMIT"] = complete("COMMIT PREPARED"), "I"
        connection.tpc_commit()
        assert state(connection) == READY
        server.answers["ROLLBACK"] = NO_COMPLETION[answer], "I"
        with pytest.raises(psycopg2.DatabaseError, match="the server answered ROLLBACK PREPARED with"):
            connection.tpc_rollback("x")
        connection.close()


def test_other_commands(mode):
    with FakeServer({"SET": (row("1"), "I"), "DISCARD": (row("1"), "I")}) as server:
        connection = psycopg2.connect(server.dsn)
        connection.autocommit = True
        with pytest.raises(psycopg2.DatabaseError, match="the server answered SET default_transaction_isolation"):
            connection.isolation_level = "SERIALIZABLE"
        assert connection.isolation_level is None
        with pytest.raises(psycopg2.DatabaseError, match="the server answered DISCARD ALL with PGRES_TUPLES_OK"):
            connection.reset()
        connection.close()


@pytest.mark.parametrize("parameters, answers, problem", [
    ({"DateStyle": "German, DMY"}, {"SET": error("42501", "it is forbidden")}, "it is forbidden"),
    ({"DateStyle": "German, DMY"}, {"SET": row("1")}, "instead of the command's completion"),
    ({"client_encoding": "MULE_INTERNAL"}, {}, "no Python encoding"),
], ids=["refused", "not completed", "no codec"])
def test_an_asynchronous_connect_that_cannot_be_settled(parameters, answers, problem):
    """The session is closed, as in the other modes, because without its settings dates and text could not be read."""
    with FakeServer(answers, parameters=parameters) as server:
        with pytest.raises(psycopg2.DatabaseError, match=problem):
            psycopg2.connect(server.dsn)
        connection = psycopg2.connect(server.dsn, async_=True)
        with pytest.raises(psycopg2.DatabaseError, match=problem):
            psycopg2.extras.wait_select(connection)
        assert connection.closed == 2 and not connection.isexecuting()
        with pytest.raises(psycopg2.InterfaceError, match="closed"):
            connection.poll()
