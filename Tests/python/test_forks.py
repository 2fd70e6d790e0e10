"""Processes started by a program with open connections: by fork, by fork and exec, and by multiprocessing."""

import os
import resource
import subprocess
import sys
import textwrap

import psycopg2
import pytest
from psycopg2.pool import ThreadedConnectionPool

from cold import in_child
from observing import ping
from racing import in_threads

# A server that forks after its master has connected, as with gunicorn's --preload or in a Celery program.
WORKERS = """
    import multiprocessing, sys, threading
    import psycopg2
    from psycopg2.pool import ThreadedConnectionPool

    def work(dsn, name):
        '''What one worker does: 8 threads and 4 connections of its own.'''
        pool = ThreadedConnectionPool(1, 4, dsn, pool_timeout=60, application_name=name)
        raised = []

        def run():
            try:
                for number in range(10):
                    with pool.connection() as connection, connection.cursor() as cursor:
                        cursor.execute("SELECT %s", (number,))
                        assert cursor.fetchone() == (number,)
                    psycopg2.connect(dsn).close()
            except BaseException as error:
                raised.append(repr(error))

        threads = [threading.Thread(target=run) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        pool.closeall()
        return raised

    if __name__ == "__main__":
        dsn, method = sys.argv[1:]
        master = ThreadedConnectionPool(4, 4, dsn)
        kept = [master.getconn() for _ in range(4)]
        context = multiprocessing.get_context(method)
        with context.Pool(3) as workers:
            answers = workers.starmap(work, [(dsn, f"worker-{number}") for number in range(6)])
        assert answers == [[]] * 6, answers
        for connection in kept:
            with connection, connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        master.closeall()
        print("well")
    """


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.parametrize("sslmode", ["disable", "require"])
def test_workers_with_threads_and_pools(named_nodes, tmp_path, method, sslmode):
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(WORKERS))
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", program,
         named_nodes.dsn(1, load_balance=True, password="yugabyte", sslmode=sslmode), method],
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=100)
    assert (done.returncode, done.stdout) == (0, "well\n")


def test_a_fork_inside_a_with_block(dsn):
    """The child leaves the block with an exception, and the transaction of the parent goes on."""
    with psycopg2.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE forked (i int)")

        def child():
            try:
                with connection:
                    pass
            except psycopg2.InterfaceError as error:
                return "forked process" in str(error)

        cursor.execute("INSERT INTO forked VALUES (1)")
        assert in_child(child) == "True"
        cursor.execute("INSERT INTO forked VALUES (2)")
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM forked")
        assert cursor.fetchone() == (2,)
    connection.close()


def test_a_child_that_leaves_the_block_it_was_forked_in(dsn):
    connection = psycopg2.connect(dsn)
    with connection, connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE forked (i int)")
        child = os.fork()
        if child == 0:
            # The transaction belongs to the parent, so the end of the block may send neither COMMIT nor ROLLBACK.
            try:
                connection.__exit__(None, None, None)
            except psycopg2.InterfaceError:
                os._exit(7)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        cursor.execute("INSERT INTO forked VALUES (1)")
        assert connection.info.transaction_status == psycopg2.extensions.TRANSACTION_STATUS_INTRANS
    assert ping(connection)
    connection.close()


@pytest.mark.parametrize("sslmode", ["disable", "require"])
def test_a_child_without_a_free_descriptor_lets_go_of_a_connection(secure_node, sslmode):
    """The child replaces the descriptor of the socket by another, so that it needs no additional descriptor."""
    connection = psycopg2.connect(secure_node.dsn(1), sslmode=sslmode)
    held = [connection]

    def child():
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
        taken = []
        with pytest.raises(OSError):
            while True:
                taken.append(os.dup(0))
        held.pop().close()
        return len(taken) > 0

    del connection
    assert in_child(child) == "True"
    assert ping(held[0])
    held[0].close()


LOOK = "import os, sys; sys.exit(any(os.path.exists(f'/proc/self/fd/{n}') and " \
       "os.readlink(f'/proc/self/fd/{n}').startswith('socket:') for n in os.listdir('/proc/self/fd')))"


@pytest.mark.parametrize("start", ["posix_spawn", "fork and exec", "subprocess", "subprocess with preexec_fn"])
def test_a_program_that_is_started_inherits_no_connection(secure_node, start):
    """While threads connect: a socket has to be close-on-exec from its creation on."""
    dsn = secure_node.dsn(1, sslmode="require")
    command, connections = [sys.executable, "-c", LOOK], [psycopg2.connect(dsn), psycopg2.connect(dsn, async_=1)]

    def begin():
        if start == "posix_spawn":
            return os.waitpid(os.posix_spawn(command[0], command, os.environ), 0)[1]
        if start == "fork and exec":
            child = os.fork()
            if child == 0:
                os.execv(command[0], command)
            return os.waitpid(child, 0)[1]
        prepare = os.getpid if start.endswith("preexec_fn") else None
        return subprocess.run(command, close_fds=False, preexec_fn=prepare, timeout=60).returncode

    def work(number):
        for _ in range(10 if number else 3):
            if number:
                psycopg2.connect(dsn).close()
            else:
                assert begin() == 0

    in_threads(4, work)
    assert ping(connections[0])
    for connection in connections:
        connection.close()


def test_threads_of_a_forks_child_share_a_pool(named_nodes):
    """The child's threads contend for locks of the driver that the forking thread has used before."""
    dsn = named_nodes.dsn(1, load_balance=True, password="yugabyte", sslmode="disable")
    psycopg2.connect(dsn).close()

    def child():
        pool = ThreadedConnectionPool(0, 8, dsn, pool_timeout=60)

        def work(_):
            for _ in range(10):
                with pool.connection() as connection:
                    assert ping(connection)
                psycopg2.connect(dsn).close()

        in_threads(16, work, timeout=60)
        pool.closeall()
        return "well"

    assert in_child(child, timeout=90) == "well"
