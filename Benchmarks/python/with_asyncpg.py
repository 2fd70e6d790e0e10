"""The workloads for asyncpg."""

import asyncio
import io
import json

import asyncpg

from workloads import THREADS, copy_text, rows, select


class Driver:
    """Each method runs one workload `count` times, with `meter` around the measured part."""

    def __init__(self, dsn):
        words = dict(word.split("=", 1) for word in dsn.split())
        self.login = dict(host=words["host"], port=int(words["port"]), user=words["user"],
                          database=words["dbname"], password=words["password"], ssl=False)

    def __getattribute__(self, name):
        # Callers outside this class see plain functions instead of coroutines.
        found = object.__getattribute__(self, name)
        if not asyncio.iscoroutinefunction(found):
            return found
        return lambda *arguments: asyncio.run(found(*arguments))

    async def connect(self, count, meter):
        with meter:
            for _ in range(count):
                await (await asyncpg.connect(**self.login)).close()

    async def select1(self, count, meter):
        connection = await asyncpg.connect(**self.login)
        with meter:
            for _ in range(count):
                await connection.fetchval("SELECT 1")

    async def transaction(self, count, meter):
        connection = await asyncpg.connect(**self.login)
        with meter:
            for number in range(count):
                async with connection.transaction():
                    await connection.execute(
                        "UPDATE bench_points SET number = number + 1 WHERE id = $1", number % 1000 + 1)

    async def point(self, count, meter):
        connection = await asyncpg.connect(**self.login)
        with meter:
            for number in range(count):
                await connection.fetchrow(
                    "SELECT id, name, number FROM bench_points WHERE id = $1", number % 1000 + 1)

    async def fetch(self, name, count, meter):
        connection = await asyncpg.connect(**self.login)
        # The other drivers parse JSON by default.
        await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
        with meter:
            assert len(await connection.fetch(select(name, count))) == count

    async def named(self, name, count, meter):
        connection = await asyncpg.connect(**self.login)
        seen = 0
        with meter:
            async with connection.transaction():
                async for _ in connection.cursor(select(name, count), prefetch=2000):
                    seen += 1
        assert seen == count

    async def executemany(self, count, meter):
        connection = await asyncpg.connect(**self.login)
        data = rows(count)
        transaction = connection.transaction()
        await transaction.start()
        with meter:
            await connection.executemany("INSERT INTO bench_sink VALUES ($1, $2, $3, $4)", data)
        await transaction.rollback()

    async def copy_in(self, count, meter):
        connection = await asyncpg.connect(**self.login)
        source = io.BytesIO(copy_text(count))
        transaction = connection.transaction()
        await transaction.start()
        with meter:
            await connection.copy_to_table("bench_sink", source=source)
        await transaction.rollback()

    async def copy_out(self, count, meter):
        connection = await asyncpg.connect(**self.login)
        sink = io.BytesIO()
        with meter:
            await connection.copy_from_query(select("copy_out", count), output=sink)

    async def threads(self, count, meter):
        """Use as many tasks as the other drivers use threads."""
        pool = await asyncpg.create_pool(min_size=THREADS, max_size=THREADS, **self.login)

        async def work():
            for number in range(count // THREADS):
                async with pool.acquire() as connection:
                    await connection.fetchrow(
                        "SELECT id, name, number FROM bench_points WHERE id = $1", number % 1000 + 1)

        with meter:
            await asyncio.gather(*(work() for _ in range(THREADS)))
        await pool.close()
