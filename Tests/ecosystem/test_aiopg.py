"""aiopg: the driver's asynchronous connections on asyncio."""

import asyncio
import functools

import aiopg
import psycopg2
import psycopg2.extras
import pytest

from waiting import until_on_loop


def on_a_loop(function):
    """Runs a test that is a coroutine, at most a minute."""
    @functools.wraps(function)
    def test(*args, **kwargs):
        return asyncio.run(asyncio.wait_for(function(*args, **kwargs), 60))
    return test


@on_a_loop
async def test_connect_and_fetch(database):
    async with aiopg.connect(database.dsn) as connection:
        async with connection.cursor() as cursor:
            await cursor.execute("SELECT generate_series(1, %s) AS n, %s", (3, ["a", None]))
            assert await cursor.fetchone() == (1, ["a", None])
            assert [row[0] async for row in cursor] == [2, 3]
            assert cursor.rowcount == 3 and cursor.description[0].name == "n"
            with pytest.raises(psycopg2.ProgrammingError):
                await cursor.execute("SELECT no_such")
            await cursor.execute("SELECT 1")
            assert await cursor.fetchall() == [(1,)]
        async with connection.cursor(cursor_factory=psycopg2.extras.DictCursor) as cursor:
            await cursor.execute("SELECT 1 AS a")
            assert (await cursor.fetchone())["a"] == 1
            await cursor.callproc("upper", ["x"])
            assert await cursor.fetchone() == ["X"]
            assert cursor.mogrify("%s", ["x"]) == b"'x'"


@on_a_loop
async def test_types_are_registered(database):
    async with aiopg.connect(database.dsn, enable_hstore=True, enable_json=True, enable_uuid=True) as connection:
        async with connection.cursor() as cursor:
            await cursor.execute("SELECT 'a=>1'::hstore, '[1]'::jsonb, %s", ({"k": "v"},))
            assert await cursor.fetchone() == ({"a": "1"}, [1], {"k": "v"})


@on_a_loop
async def test_a_pool_runs_side_by_side(database, app):
    barrier = f"SELECT pg_advisory_lock_shared(7), count(*) FROM pg_stat_activity WHERE application_name = '{app}'"
    async with aiopg.create_pool(database.dsn, minsize=1, maxsize=5, application_name=app) as pool:

        async def meet(event):
            async with pool.acquire() as connection, connection.cursor() as cursor:
                await cursor.execute(barrier)
                # The barrier opens when all five have arrived, which requires that they run concurrently.
                event.arrived += 1
                if event.arrived == 5:
                    event.set()
                await event.wait()
                await cursor.execute("SELECT pg_backend_pid()")
                return (await cursor.fetchone())[0]

        event = asyncio.Event()
        event.arrived = 0
        pids = await asyncio.gather(*(meet(event) for _ in range(5)))
        assert len(set(pids)) == 5 and pool.size == 5 and pool.freesize == 5


@on_a_loop
async def test_transactions(database):
    async with aiopg.connect(database.dsn) as connection, connection.cursor() as cursor:
        await cursor.execute("CREATE TABLE kept (a int)")
        async with cursor.begin():
            await cursor.execute("INSERT INTO kept VALUES (1)")
            with pytest.raises(psycopg2.errors.DivisionByZero):
                async with cursor.begin_nested():
                    await cursor.execute("INSERT INTO kept VALUES (1/0)")
        with pytest.raises(ZeroDivisionError):
            async with cursor.begin():
                await cursor.execute("DELETE FROM kept")
                raise ZeroDivisionError
        await cursor.execute("SELECT a FROM kept")
        assert await cursor.fetchall() == [(1,)]


@on_a_loop
async def test_notifications(database):
    async with aiopg.connect(database.dsn) as listener, aiopg.connect(database.dsn) as speaker:
        async with listener.cursor() as cursor:
            await cursor.execute("LISTEN channel")
        async with speaker.cursor() as cursor:
            for payload in ("one", "two"):
                await cursor.execute("SELECT pg_notify('channel', %s)", (payload,))
        heard = [await listener.notifies.get() for _ in range(2)]
        assert [(one.channel, one.payload) for one in heard] == [("channel", "one"), ("channel", "two")]
        assert heard[0].pid == speaker.raw.info.backend_pid


@on_a_loop
async def test_a_time_out_closes_the_connection(database, app):
    connection = await aiopg.connect(database.dsn, timeout=0.3, application_name=app)
    cursor = await connection.cursor()
    with pytest.raises(asyncio.TimeoutError):
        await cursor.execute("SELECT pg_sleep(600)")
    assert connection.closed and connection.raw.closed
    # The server has not noticed, because it sleeps.
    database.end_sessions(app)


@on_a_loop
async def test_a_pool_replaces_the_connection_of_a_cancelled_task(database, app):
    async with aiopg.create_pool(database.dsn, minsize=1, maxsize=1, application_name=app) as pool:

        async def sleep():
            async with pool.acquire() as connection, connection.cursor() as cursor:
                await cursor.execute("SELECT pg_sleep(600)")

        task = asyncio.ensure_future(sleep())
        active = "SELECT 1 FROM pg_stat_activity WHERE application_name = %s AND state = 'active'"
        await until_on_loop(lambda: database.ask(active, app))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with pool.acquire() as connection, connection.cursor() as cursor:
            await cursor.execute("SELECT 1")
            assert await cursor.fetchone() == (1,)
    database.end_sessions(app)


@on_a_loop
async def test_a_session_that_died_is_noticed(database, app):
    connection = await aiopg.connect(database.dsn, application_name=app)
    cursor = await connection.cursor()
    await cursor.execute("SELECT 1")
    assert database.end_sessions(app) == 1
    with pytest.raises(psycopg2.Error):
        await cursor.execute("SELECT 1")
    assert connection.closed
    await _close(connection)


@on_a_loop
async def test_a_pool_spreads_over_a_cluster(three_nodes, app):
    dsn = three_nodes.dsn(1, load_balance="true")
    async with aiopg.create_pool(dsn, minsize=6, maxsize=6, application_name=app) as pool:
        assert pool.freesize == 6
        assert three_nodes.spread(app) == [2, 2, 2]
    async with aiopg.connect(dsn, topology_keys="cloud.region.c", application_name=app) as connection:
        async with connection.cursor() as cursor:
            await cursor.execute("SELECT host(inet_server_addr())")
            assert await cursor.fetchone() == (three_nodes.address(3),)


async def _close(connection):
    closing = connection.close()
    if closing is not None:
        await closing
