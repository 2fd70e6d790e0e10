"""Two-phase commit."""

import psycopg2
import pytest
from psycopg2.extensions import STATUS_BEGIN, STATUS_PREPARED, STATUS_READY, Xid
from psycopg2.extensions import connection as connection_type


@pytest.fixture
def connect(dsn):
    made = []

    def one():
        made.append(psycopg2.connect(dsn))
        return made[-1]

    yield one
    cleaner = psycopg2.connect(dsn)
    for xid in cleaner.tpc_recover():
        cleaner.tpc_rollback(xid)
    cleaner.close()
    for connection in made:
        connection.close()


def test_its_whole_life(connect):
    first = connect()
    first.tpc_begin(first.xid(7, "global", "branch"))
    assert first.status == STATUS_BEGIN
    first.cursor().execute("CREATE TABLE two_phase (id int)")
    first.tpc_prepare()
    assert first.status == STATUS_PREPARED
    with pytest.raises(psycopg2.ProgrammingError, match="prepared two-phase"):
        first.cursor().execute("SELECT 1")
    first.close()

    second = connect()
    (found,) = second.tpc_recover()
    assert second.status == STATUS_READY
    assert (found.format_id, found.gtrid, found.bqual) == (7, "global", "branch")
    assert (found.owner, found.database) == ("yugabyte", "yugabyte") and found.prepared.tzinfo is not None
    second.tpc_commit(found)
    assert second.tpc_recover() == []
    second.cursor().execute("DROP TABLE two_phase")
    second.commit()


@pytest.mark.parametrize("name", ["it's", "back\\slash", "é☃", "a" * 199])
def test_any_text_is_a_name(connect, name):
    connection = connect()
    connection.tpc_begin(name)
    connection.tpc_prepare()
    connection.tpc_rollback()
    connection.tpc_begin(name)
    connection.tpc_prepare()
    connection.reset()
    (found,) = connection.tpc_recover()
    assert (found.format_id, found.gtrid, found.bqual) == (None, name, None)
    connection.tpc_rollback(found)


def test_calls_out_of_turn(connect):
    connection = connect()
    for call in (connection.tpc_prepare, connection.tpc_commit, connection.tpc_rollback):
        with pytest.raises(psycopg2.ProgrammingError, match="two-phase transaction"):
            call()
    with pytest.raises(TypeError, match="not a valid transaction id"):
        connection.tpc_begin(42)
    connection.cursor().execute("SELECT 1")
    with pytest.raises(psycopg2.ProgrammingError, match="cannot be used inside a transaction"):
        connection.tpc_begin("late")
    with pytest.raises(psycopg2.ProgrammingError, match="must be called outside a transaction"):
        connection.tpc_commit("late")
    connection.rollback()
    connection.tpc_begin("running")
    for call in (connection.commit, connection.rollback):
        with pytest.raises(psycopg2.ProgrammingError, match="cannot be used during a two-phase transaction"):
            call()
    connection.tpc_rollback()
    connection.autocommit = True
    with pytest.raises(psycopg2.ProgrammingError, match="autocommit"):
        connection.tpc_begin("x")


@pytest.mark.parametrize("call", ["tpc_commit", "tpc_rollback"])
@pytest.mark.parametrize("prepares", [False, True])
def test_none_is_no_xid(connect, call, prepares):
    """A variable that holds None by mistake must not end the transaction of the connection."""
    connection = connect()
    connection.tpc_begin("still here")
    connection.cursor().execute("SELECT 1")
    if prepares:
        connection.tpc_prepare()
    before = connection.status
    for arguments, keywords in (((None,), {}), ((), {"xid": None})):
        with pytest.raises(TypeError, match="not a valid transaction id"):
            getattr(connection, call)(*arguments, **keywords)
    assert connection.status == before == (STATUS_PREPARED if prepares else STATUS_BEGIN)
    getattr(connection, call)()
    assert connection.status == STATUS_READY


def test_tpc_recover_makes_its_cursor_by_itself(dsn):
    """It does not call cursor() of a subclass, which may take other arguments."""
    class Strange(connection_type):
        def cursor(self, how):
            raise AssertionError(how)

    connection = psycopg2.connect(dsn, connection_factory=Strange)
    assert connection.tpc_recover() == []
    assert connection.status == STATUS_READY
    connection.close()


def test_what_cannot_be_prepared_is_rolled_back(connect):
    connection = connect()
    connection.tpc_begin("temporary")
    connection.cursor().execute("CREATE TEMP TABLE gone (id int)")
    with pytest.raises(psycopg2.errors.FeatureNotSupported):
        connection.tpc_prepare()
    assert connection.status == STATUS_READY
    connection.cursor().execute("SELECT 1")
    connection.commit()


def test_the_isolation_level_is_kept(connect):
    connection = connect()
    connection.set_session(isolation_level="serializable", readonly=True)
    connection.tpc_begin("strict")
    cursor = connection.cursor()
    cursor.execute("SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only')")
    assert cursor.fetchone() == ("serializable", "on")
    connection.tpc_commit()


@pytest.mark.parametrize("arguments, exception", [
    ((-1, "a", "b"), ValueError), ((2 ** 31, "a", "b"), ValueError), ((1, "a" * 65, "b"), ValueError),
    ((1, "a", "\n"), ValueError), (("1", "a", "b"), TypeError), ((1, b"a", "b"), TypeError),
])
def test_what_is_no_xid(arguments, exception):
    with pytest.raises(exception):
        Xid(*arguments)


def test_an_xid_is_a_sequence_of_three():
    xid = Xid(0x7FFFFFFF, "a" * 64, "")
    assert tuple(xid) == (0x7FFFFFFF, "a" * 64, "") and len(xid) == 3 and xid[-1] == ""
    assert tuple(Xid.from_string(str(xid))) == tuple(xid)
