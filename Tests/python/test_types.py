"""The type stubs in the wheel agree with the driver, and mypy accepts and rejects the right programs."""

import importlib.util
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import psycopg2
import pytest

pytestmark = pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed")


def test_the_wheel_ships_its_types():
    folder = Path(psycopg2.__file__).parent
    assert (folder / "py.typed").exists()
    assert {path.stem for path in folder.glob("*.py")} <= {path.stem for path in folder.glob("*.pyi")}
    assert (folder / "_psycopg.pyi").exists()


@pytest.mark.slow
def test_the_types_agree_with_the_driver():
    script = Path(__file__).parents[2] / "Scripts" / "check-stubs"
    done = subprocess.run([script], env={**os.environ, "VENV": sys.prefix}, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr


def checked(source, tmp_path):
    """The messages of mypy for a program, in strict mode."""
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(source))
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--hide-error-context", "--no-color-output",
         program.name],
        cwd=tmp_path, text=True, capture_output=True)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout.splitlines()


def test_right_programs_pass(tmp_path):
    assert checked(
        """
        import uuid
        from decimal import Decimal

        import psycopg2
        import psycopg2.apus
        import psycopg2.errors
        import psycopg2.extras
        import psycopg2.pool
        from psycopg2 import sql
        from psycopg2.extensions import ISOLATION_LEVEL_SERIALIZABLE, Column, connection, cursor, register_adapter

        class Mine(connection):
            def hello(self) -> str:
                return "hello"

        def main() -> None:
            psycopg2.extras.register_uuid()
            with psycopg2.connect("host=a load_balance=true", connection_factory=Mine) as mine:
                mine.hello().upper()
                mine.set_session(isolation_level=ISOLATION_LEVEL_SERIALIZABLE, autocommit=True)
                mine.autocommit = False
                with mine.cursor() as plain, mine.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as rows:
                    plain.execute("SELECT %s, %s", (Decimal(1), uuid.uuid4()))
                    plain.execute(sql.SQL("SELECT {}").format(sql.Identifier("a")), {"a": 1})
                    names = [column.name for column in plain.description or ()]
                    names.sort()
                    for row in rows:
                        row["name"].anything()
                    first = rows.fetchone()
                    if first is not None:
                        first.keys()
            try:
                plain.execute("")
            except psycopg2.errors.UniqueViolation as error:
                print(error.diag.constraint_name, (error.pgcode or "").lower())
            pool = psycopg2.pool.ThreadedConnectionPool(1, 4, host="a")
            pool.putconn(pool.getconn())
            print(sum(node.sessions for node in psycopg2.apus.cluster_status()))
            print(psycopg2.LoadBalanceProperties.CONNECTION_MANAGER_MAP["true"].hostToNumConnMap.items())

        def named(one: connection, described: Column) -> cursor:
            return one.cursor("name", withhold=True)
        """, tmp_path) == []


def test_wrong_programs_do_not(tmp_path):
    lines = checked(
        """
        import psycopg2

        connection = psycopg2.connect("host=a")
        connection.autocommit = "yes, please"
        connection.cursor().exekute("SELECT 1")
        connection.cursor().execute(1)
        connection.server_version.upper()
        """, tmp_path)
    assert [line.split(":")[1] for line in lines if ": error:" in line] == ["5", "6", "7", "8"]
