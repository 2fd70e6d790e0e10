"""SQLAlchemy with its dialect `postgresql+psycopg2`."""

import datetime
import gc
import threading
import uuid
from decimal import Decimal

import psycopg2.errors
import psycopg2.extensions
import psycopg2.extras
import pytest
import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.mutable import MutableDict


class Base(orm.DeclarativeBase):
    pass


class Account(Base):
    __tablename__ = "account"
    id = orm.mapped_column(sa.BigInteger, primary_key=True)
    name = orm.mapped_column(sa.String(40), unique=True)
    token = orm.mapped_column(sa.Uuid, default=uuid.uuid4)
    entries = orm.relationship("Entry", back_populates="account", order_by="Entry.id", cascade="all, delete-orphan")


class Entry(Base):
    __tablename__ = "entry"
    id = orm.mapped_column(sa.Integer, primary_key=True)
    account_id = orm.mapped_column(sa.ForeignKey("account.id", name="entry_of_account"))
    account = orm.relationship(Account, back_populates="entries")
    amount = orm.mapped_column(sa.Numeric(12, 2))
    rate = orm.mapped_column(pg.DOUBLE_PRECISION)
    at = orm.mapped_column(sa.DateTime(timezone=True))
    lasting = orm.mapped_column(sa.Interval)
    mood = orm.mapped_column(sa.Enum("sad", "happy", name="mood"))
    labels = orm.mapped_column(pg.ARRAY(sa.Text, dimensions=2))
    document = orm.mapped_column(pg.JSONB)
    plain = orm.mapped_column(sa.JSON)
    pairs = orm.mapped_column(MutableDict.as_mutable(pg.HSTORE))
    span = orm.mapped_column(pg.INT8RANGE)
    period = orm.mapped_column(pg.TSTZRANGE)
    address = orm.mapped_column(pg.INET)
    network = orm.mapped_column(pg.CIDR)
    bits = orm.mapped_column(pg.BIT(3))
    raw = orm.mapped_column(sa.LargeBinary)


@pytest.fixture(scope="module")
def url(database):
    return database.sqlalchemy


@pytest.fixture
def engine(url, app):
    engine = sa.create_engine(url, connect_args={"application_name": app})
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


def test_the_dialect_is_psycopg2s(engine):
    with engine.connect() as connection:
        raw = connection.connection.dbapi_connection
        assert isinstance(raw, psycopg2.extensions.connection)
        assert engine.dialect.psycopg2_version == (2, 9, 13)
        assert connection.dialect.server_version_info[0] >= 11
        assert connection.connection.driver_connection is raw


def test_core(engine):
    account = Account.__table__
    with engine.begin() as connection:
        result = connection.execute(sa.insert(account).returning(account.c.id, account.c.name), [
            {"name": "a'%"}, {"name": "%(name)s"}, {"name": "c:d"}])
        assert [row.name for row in result] == ["a'%", "%(name)s", "c:d"]
        assert connection.scalar(sa.select(sa.func.count()).where(account.c.name.like("a'%%"))) == 1
        assert connection.scalars(sa.select(account.c.name).where(account.c.name.in_(["c:d", "x"]))).all() == ["c:d"]
        statement = pg.insert(account).values(name="c:d", id=3)
        connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"name": "E"}))
        updated = connection.execute(sa.update(account).where(account.c.name == "E").values(name="F"))
        assert updated.rowcount == 1
        assert connection.execute(sa.delete(account)).rowcount == 3
    with engine.connect() as connection, pytest.raises(sa.exc.ProgrammingError) as caught:
        connection.execute(sa.text("SELECT no_such"))
    assert isinstance(caught.value.orig, psycopg2.errors.UndefinedColumn) and caught.value.orig.pgcode == "42703"


def test_every_type_comes_back_as_it_went(engine):
    utc = datetime.timezone.utc
    values = dict(
        amount=Decimal("1234567890.12"), rate=0.1, at=datetime.datetime(2024, 2, 29, 12, tzinfo=utc),
        lasting=datetime.timedelta(days=1, microseconds=7), mood="happy", labels=[["a", None], ['"', "{}"]],
        document={"a": [1, {"b": None}], "text": "ß'"}, plain=[1.5, True], pairs={"k": "v'", "n": None},
        span=pg.Range(1, 5), period=pg.Range(datetime.datetime(2024, 1, 1, tzinfo=utc), None, bounds="[)"),
        bits="101", address="10.0.0.1/8", network="10.0.0.0/8", raw=b"\x00\xff'\\")
    with orm.Session(engine) as session:
        entry = Entry(account=Account(name="one"), **values)
        session.add(entry)
        session.commit()
        session.expire_all()
        for name, value in values.items():
            assert getattr(entry, name) == value, name
        assert isinstance(entry.account.token, uuid.UUID)
        entry.pairs["more"] = "x"
        session.commit()
        query = sa.select(Entry).where(
            Entry.pairs["more"] == "x", Entry.document["a"][1]["b"].is_(None) | Entry.document.contains({"a": [1]}),
            Entry.span.contains(sa.cast(3, sa.BigInteger)), Entry.address.op("<<=")(sa.cast("10.0.0.0/8", pg.INET)),
            Entry.labels.contains([["a"]]))
        assert session.scalars(query).one() is entry
        assert session.scalar(sa.select(pg.array([Entry.id, 7]))) == [entry.id, 7]


@pytest.mark.parametrize("mode", ["values_only", "values_plus_batch"])
def test_the_orm_writes_many_rows(url, engine, mode):
    engine = sa.create_engine(
        url, executemany_mode=mode, insertmanyvalues_page_size=100, executemany_batch_page_size=50)
    with orm.Session(engine) as session:
        account = Account(name="one", entries=[Entry(amount=number, mood="sad") for number in range(321)])
        session.add(account)
        session.commit()
        ids = [entry.id for entry in account.entries]
        assert len(set(ids)) == 321 and [entry.amount for entry in account.entries] == list(range(321))
        for entry in account.entries:
            entry.amount += 1
        session.commit()
        assert session.scalar(sa.select(sa.func.sum(Entry.amount))) == sum(range(1, 322))
        session.execute(sa.update(Entry), [{"id": id, "mood": "happy"} for id in ids])
        session.delete(account)
        session.commit()
        assert session.scalar(sa.select(sa.func.count(Entry.id))) == 0
    engine.dispose()


def test_savepoints_and_a_failed_flush(engine):
    with orm.Session(engine) as session:
        session.add(Account(name="kept"))
        session.flush()
        with pytest.raises(sa.exc.IntegrityError) as caught, session.begin_nested():
            session.add(Account(name="kept"))
            session.flush()
        assert isinstance(caught.value.orig, psycopg2.errors.UniqueViolation)
        assert caught.value.orig.diag.constraint_name == "account_name_key"
        session.commit()
        assert session.scalars(sa.select(Account.name)).all() == ["kept"]


def test_reflection(engine):
    with engine.begin() as connection:
        connection.execute(sa.text("COMMENT ON TABLE entry IS 'what''s in'"))
        connection.execute(sa.text("CREATE INDEX entry_partly ON entry (amount DESC) WHERE amount > 0"))
    inspector = sa.inspect(engine)
    assert {"account", "entry"} <= set(inspector.get_table_names())
    assert inspector.get_table_comment("entry") == {"text": "what's in"}
    assert [key["name"] for key in inspector.get_foreign_keys("entry")] == ["entry_of_account"]
    assert inspector.get_enums()[0]["labels"] == ["sad", "happy"]
    again = sa.Table("entry", sa.MetaData(), autoload_with=engine)
    assert set(again.c.keys()) == set(Entry.__table__.c.keys())
    for name, kind in {"document": pg.JSONB, "pairs": pg.HSTORE, "span": pg.INT8RANGE, "address": pg.INET,
                       "bits": pg.BIT, "labels": pg.ARRAY, "lasting": pg.INTERVAL, "amount": sa.Numeric}.items():
        assert isinstance(again.c[name].type, kind), name
    index = next(index for index in inspector.get_indexes("entry") if index["name"] == "entry_partly")
    assert "postgresql_where" in index["dialect_options"]


def test_rows_are_streamed(engine):
    with engine.connect() as connection:
        statement = sa.text("SELECT generate_series(1, 1000) AS number")
        result = connection.execution_options(stream_results=True, max_row_buffer=100).execute(statement)
        assert result.fetchone().number == 1
        raw = result.cursor
        assert raw.name and isinstance(raw, psycopg2.extensions.cursor)
        assert [len(part) for part in result.partitions(300)] == [300, 300, 300, 99]
    with engine.connect().execution_options(yield_per=10) as connection:
        assert sum(row.number for row in connection.execute(statement)) == 500500


def test_two_phases(engine, database):
    with engine.connect() as connection:
        transaction = connection.begin_twophase()
        connection.execute(sa.insert(Account).values(name="prepared"))
        transaction.prepare()
        assert database.ask("SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()") == [(1,)]
        with engine.connect() as other:
            assert other.recover_twophase() == [transaction.xid]
        transaction.commit()
        transaction = connection.begin_twophase()
        connection.execute(sa.insert(Account).values(name="undone"))
        transaction.prepare()
        transaction.rollback()
        assert connection.scalars(sa.select(Account.name)).all() == ["prepared"]
        assert connection.recover_twophase() == []


@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE", "AUTOCOMMIT"])
def test_isolation_levels(engine, level):
    with engine.connect().execution_options(isolation_level=level) as connection:
        shown = "READ COMMITTED" if level == "AUTOCOMMIT" else level
        assert connection.scalar(sa.text("SHOW transaction_isolation")).upper() == shown
        assert connection.connection.dbapi_connection.autocommit == (level == "AUTOCOMMIT")
    with engine.connect() as connection:
        assert connection.get_isolation_level() == connection.default_isolation_level == "READ COMMITTED"
        assert not connection.connection.dbapi_connection.autocommit


def test_readonly_and_deferrable(engine):
    options = {"isolation_level": "SERIALIZABLE", "postgresql_readonly": True, "postgresql_deferrable": True}
    with engine.connect().execution_options(**options) as connection:
        assert connection.scalar(sa.text("SHOW transaction_read_only")) == "on"
        with pytest.raises(sa.exc.InternalError) as caught:
            connection.execute(sa.insert(Account).values(name="x"))
        assert isinstance(caught.value.orig, psycopg2.errors.ReadOnlySqlTransaction)
    with engine.begin() as connection:
        connection.execute(sa.insert(Account).values(name="x"))


def test_two_serializable_transactions_that_met(engine):
    with orm.Session(engine) as session:
        session.add_all([Account(name="a"), Account(name="b")])
        session.commit()
    strict = engine.execution_options(isolation_level="SERIALIZABLE")
    with strict.connect() as one, strict.connect() as two:
        for connection, name in ((one, "a"), (two, "b")):
            connection.scalar(sa.text("SELECT count(*) FROM account"))
            connection.execute(sa.text("UPDATE account SET token = NULL WHERE name = :name"), {"name": name})
        one.commit()
        with pytest.raises(sa.exc.OperationalError) as caught:
            two.commit()
            two.scalar(sa.text("SELECT 1"))
        assert isinstance(caught.value.orig, psycopg2.errors.SerializationFailure)


def test_a_pool_checks_what_it_hands_out(url, app, database):
    engine = sa.create_engine(url, pool_size=3, pool_pre_ping=True, connect_args={"application_name": app})
    held = [engine.connect() for _ in range(3)]
    first = {connection.connection.dbapi_connection.info.backend_pid for connection in held}
    for connection in held:
        connection.close()
    assert database.end_sessions(app) == 3
    held = [engine.connect() for _ in range(3)]
    assert [connection.scalar(sa.text("SELECT 1")) for connection in held] == [1, 1, 1]
    assert not first & {connection.connection.dbapi_connection.info.backend_pid for connection in held}
    for connection in held:
        connection.close()
    engine.dispose()


def test_a_pool_without_a_check_notices_the_disconnect(url, app, database):
    engine = sa.create_engine(url, pool_size=1, connect_args={"application_name": app})
    with engine.connect() as connection:
        connection.scalar(sa.text("SELECT 1"))
    database.end_sessions(app)
    with engine.connect() as connection, pytest.raises(sa.exc.OperationalError) as caught:
        connection.scalar(sa.text("SELECT 1"))
    assert caught.value.connection_invalidated and isinstance(caught.value.orig, psycopg2.OperationalError)
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT 1")) == 1
    engine.dispose()


def test_what_is_forgotten_goes_back_to_the_pool(url):
    engine = sa.create_engine(url, pool_size=1, max_overflow=0, pool_timeout=5)
    connection = engine.connect()
    connection.execute(sa.text("CREATE TEMP TABLE forgotten (a int)"))
    del connection
    gc.collect()
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT to_regclass('pg_temp.forgotten')")) is None
    engine.dispose()


def test_threads_on_a_pool(engine):
    with orm.Session(engine) as session:
        session.add(Account(id=1, name="shared"))
        session.commit()

    def work():
        for _ in range(10):
            with orm.Session(engine) as session:
                session.execute(sa.select(Account).with_for_update()).one()
                session.add(Entry(account_id=1, amount=1))
                session.commit()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with engine.connect() as connection:
        assert connection.scalar(sa.select(sa.func.sum(Entry.amount))) == 80


def test_notices_are_logged(engine, caplog):
    caplog.set_level("INFO", "sqlalchemy.dialects.postgresql")
    with engine.connect() as connection:
        connection.execute(sa.text("DO $$ BEGIN RAISE NOTICE 'hear, hear'; END $$"))
    assert "hear, hear" in caplog.text


def test_driver_sql_and_events(engine):
    seen = []
    sa.event.listen(engine, "before_cursor_execute", lambda conn, cursor, statement, *rest: seen.append(statement))
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT %s, %s", ("a", [1, 2])).one() == ("a", [1, 2])
        assert connection.exec_driver_sql("SELECT %(a)s", {"a": 1}).scalar() == 1
        assert connection.execute(sa.text("SELECT '%' || :a"), {"a": "x"}).scalar() == "%x"
    assert len(seen) == 3
    raw = engine.raw_connection()
    try:
        with raw.cursor() as cursor:
            cursor.execute("SELECT 1 UNION ALL SELECT 2")
            assert cursor.fetchall() == [(1,), (2,)]
            psycopg2.extras.execute_values(cursor, "INSERT INTO account (name) VALUES %s", [("x",), ("y",)])
            assert cursor.rowcount == 2
        json, _ = psycopg2.extras.register_json(raw, globally=True)
        assert json.values == (114,)
    finally:
        raw.close()


def test_hosts_in_the_url(url, database, three_nodes):
    parts = sa.engine.make_url(url)
    several = parts.set(host=None, port=None, query={"host": [
        f"{three_nodes.address(number)}:{database.port}" for number in (1, 2)], "target_session_attrs": "read-write"})
    engine = sa.create_engine(several)
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT current_database()")) == database.name
    engine.dispose()
