"""Connections that were closed or lost: what their attributes and methods return and raise."""

import io

import psycopg2
import pytest
from psycopg2 import extensions, extras, sql


@pytest.fixture
def gone(request, dsn):
    """A connection in LATIN1 that has no session any more; the parameter says how it was lost."""
    connection = psycopg2.connect(dsn)
    connection.set_client_encoding("LATIN1")
    if request.param == "closed":
        connection.close()
        return connection
    with connection.cursor() as cursor:
        if request.param != "lost":
            cursor.execute("SELECT 1")
        with psycopg2.connect(dsn) as killer, killer.cursor() as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", (connection.info.backend_pid,))
        killer.close()
        attempt = {"lost by commit": connection.commit, "lost by rollback": connection.rollback}.get(
            request.param, lambda: cursor.execute("SELECT 1"))
        with pytest.raises(psycopg2.OperationalError, match="terminating connection|closed the connection|was lost"):
            attempt()
    return connection


how = pytest.mark.parametrize(
    "gone", ["closed", "lost", "lost in a transaction", "lost by commit", "lost by rollback"], indirect=True)


@how
def test_it_says_what_it_was(gone, dsn):
    open_one = psycopg2.connect(dsn)
    assert gone.closed
    assert gone.encoding == "LATIN1"
    assert gone.server_version == open_one.server_version
    assert gone.protocol_version == 3
    assert gone.dsn == dsn
    open_one.close()


@how
def test_it_quotes_as_it_did(gone):
    assert sql.SQL("SELECT {}").format(sql.Literal("ß'")).as_string(gone) == "SELECT 'ß'''"
    adapter = extensions.adapt("ß")
    adapter.prepare(gone)
    assert adapter.getquoted() == b"'\xdf'"


@how
def test_it_is_of_no_more_use(gone):
    for attempt in (gone.cursor, gone.commit, gone.rollback, gone.cancel, gone.reset, gone.poll,
                    lambda: gone.set_client_encoding("UTF8"), lambda: gone.set_session(autocommit=True)):
        with pytest.raises(psycopg2.InterfaceError):
            attempt()
    gone.close()
    assert gone.closed


@how
def test_it_has_no_parameters(gone):
    for attempt in (gone.get_dsn_parameters, lambda: gone.info.dsn_parameters):
        with pytest.raises(psycopg2.InterfaceError, match="connection already closed"):
            attempt()


@pytest.fixture
def ended(secure_node, request):
    """A connection whose session the server has ended, which the driver has not noticed: `plain` or `tls`, `green` or
    not, in a transaction or not."""
    how = request.param.split()
    connection = psycopg2.connect(secure_node.dsn(1, sslmode="require" if "tls" in how else "disable"))
    if "begun" in how:
        connection.cursor().execute("SELECT 1")
    secure_node.ask(1, "SELECT pg_terminate_backend(%s, 5000)", connection.info.backend_pid)
    if "green" in how:
        extensions.set_wait_callback(extras.wait_select)
    yield connection
    extensions.set_wait_callback(None)
    connection.close()


def ended_in(ways):
    return pytest.mark.parametrize("ended", list(ways), indirect=True)


def execute(connection):
    connection.cursor().execute("SELECT 1")


def execute_many(connection):
    connection.cursor().executemany("INSERT INTO nowhere VALUES (%s)", [(1,), (2,)])


@ended_in(f"{kind} {wait} {begun}" for kind in ("plain", "tls") for wait in ("blocking", "green")
          for begun in ("begun", "idle"))
@pytest.mark.parametrize("call", [execute, execute_many, "reset"])
def test_the_words_are_about_what_happened_and_not_about_libpqs_socket(ended, call):
    check_words(ended, call)


@ended_in(f"{kind} {wait} begun" for kind in ("plain", "tls") for wait in ("blocking", "green"))
@pytest.mark.parametrize("call", ["commit", "rollback"])
def test_the_words_about_a_transaction_that_could_not_be_ended(ended, call):
    check_words(ended, call)


def check_words(ended, call):
    """libpq closes its socket, and further calls fail with "invalid socket", which must not replace the first error."""
    with pytest.raises(psycopg2.OperationalError) as caught:
        getattr(ended, call)() if isinstance(call, str) else call(ended)
    error = caught.value
    assert type(error) is psycopg2.OperationalError and error.pgcode is None
    assert "closed" in str(error) or "reset" in str(error)
    assert str(error) == error.pgerror and error.pgerror.endswith("\n")
    assert (error.cursor is None) == isinstance(call, str)
    assert ended.info.error_message.endswith(str(error))
    for words in (str(error), ended.info.error_message):
        assert "invalid socket" not in words and "not open" not in words and "no connection" not in words
    assert ended.closed == 2


@ended_in(["plain begun", "plain idle", "tls begun", "tls idle"])
def test_a_copy_that_finds_the_end(ended):
    cursor = ended.cursor()
    with pytest.raises(psycopg2.OperationalError) as caught:
        cursor.copy_expert("COPY pg_type TO STDOUT", io.StringIO())
    assert "invalid socket" not in str(caught.value) and caught.value.cursor is cursor
    assert ended.closed == 2


@ended_in(["plain idle", "plain green idle", "tls begun"])
def test_it_is_the_word_of_the_server_that_stays_when_the_encoding_is_set(ended):
    """The error of the loss must not be overwritten by a later one, as an attempt to restore the encoding did."""
    with pytest.raises(psycopg2.OperationalError, match="closed|reset"):
        ended.set_client_encoding("LATIN1")
    assert "closed" in ended.info.error_message or "reset" in ended.info.error_message


@pytest.mark.parametrize("call, ends", [
    ("commit", True), ("rollback", False), ("tpc_commit", True), ("tpc_rollback", False), ("reset", False),
    ("set_client_encoding", False), ("set_isolation_level", False)])
def test_the_status_after_the_loss(dsn, three_nodes, call, ends):
    """As in psycopg2: after COMMIT the status is ready, because the outcome of the transaction is unknown; after a
    failed rollback it is still begun."""
    connection = psycopg2.connect(dsn)
    if call.startswith("tpc"):
        connection.tpc_begin("lost")
    connection.cursor().execute("SELECT 1")
    three_nodes.ask(1, "SELECT pg_terminate_backend(%s, 5000)", connection.info.backend_pid)
    arguments = {"set_client_encoding": ("LATIN1",), "set_isolation_level": (3,)}.get(call, ())
    with pytest.raises(psycopg2.OperationalError):
        getattr(connection, call)(*arguments)
    assert connection.closed == 2
    assert connection.status == (extensions.STATUS_READY if ends else extensions.STATUS_BEGIN)
    connection.close()


class Broken(Exception):
    pass


@pytest.mark.parametrize("ask", [
    lambda connection: connection.tpc_recover(),
    lambda connection: extras.register_hstore(connection),
    lambda connection: extras.register_composite("pg_class", connection),
    lambda connection: extras.register_range("int4range", "Span", connection),
    lambda connection: extras.register_json(connection, name="no such type"),
])
def test_why_a_connection_was_lost_is_not_hidden_by_the_rollback_after_it(dsn, ask):
    """Calls that query the server roll back at their end, and that fails as well."""
    connection = psycopg2.connect(dsn)

    def wait(_):
        raise Broken

    extensions.set_wait_callback(wait)
    try:
        with pytest.raises(Broken) as caught:
            ask(connection)
    finally:
        extensions.set_wait_callback(None)
    assert caught.value.__context__ is None and connection.closed == 2


def test_a_transaction_that_commit_lost_is_over(dsn):
    connection = psycopg2.connect(dsn)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    killer = psycopg2.connect(dsn)
    with killer.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
    killer.close()
    with pytest.raises(psycopg2.OperationalError):
        connection.commit()
    assert connection.closed == 2 and connection.status == extensions.STATUS_READY


def test_a_cursor_shows_statements_without_a_connection(dsn):
    connection = psycopg2.connect(dsn)
    cursor = connection.cursor()
    connection.close()
    assert cursor.mogrify("SELECT %s, %s", ("it's", None)) == b"SELECT 'it''s', NULL"
