"""Django and SQLAlchemy on a cluster, as in docs/recipes.md: spread evenly, and working after a node has died."""

import json
import subprocess
import sys

import pytest
import sqlalchemy as sa

from cold import cold
from waiting import until

DJANGO = """
import json, sys, threading
from django.conf import settings
given = json.loads(sys.argv[1])
settings.configure(DATABASES={"default": {
    "ENGINE": "django.db.backends.postgresql", "HOST": given["host"], "PORT": given["port"], "NAME": "yugabyte",
    "USER": "yugabyte", "CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True, "OPTIONS": given["options"]}})
import django
django.setup()
from django.db import close_old_connections, connection

def ask():
    with connection.cursor() as cursor:
        cursor.execute("SELECT host(inet_server_addr())")
        return cursor.fetchone()[0]

# Six workers, each with a connection of its own, as a server of requests has them.
rounds = [threading.Barrier(7) for _ in range(4)]
seen = [[None] * 6, [None] * 6]

def worker(index):
    seen[0][index] = ask()
    rounds[0].wait()
    rounds[1].wait()
    close_old_connections()
    seen[1][index] = ask()
    rounds[2].wait()
    rounds[3].wait()
    connection.close()

workers = [threading.Thread(target=worker, args=(index,), daemon=True) for index in range(6)]
for thread in workers:
    thread.start()
for first, second, hosts in ((0, 1, seen[0]), (2, 3, seen[1])):
    rounds[first].wait(60)
    print(json.dumps(hosts), flush=True)
    sys.stdin.readline()
    rounds[second].wait(60)
for thread in workers:
    thread.join(60)
"""


class Program:
    """A program that prints a line, and continues when it receives one."""

    def __init__(self, source, given):
        self._process = subprocess.Popen([sys.executable, "-c", source, json.dumps(given)], text=True,
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.communicate()

    def says(self):
        line = self._process.stdout.readline()
        assert line, self._process.stderr.read()
        return json.loads(line)

    def go_on(self):
        self._process.stdin.write("\n")
        self._process.stdin.flush()


def django(nodes, app, **options):
    return Program(DJANGO, {"host": ",".join(nodes.addresses[:2]), "port": str(nodes.port), "options": {
        "load_balance": "true", "connect_timeout": 5, "application_name": app, **options}})


def url(nodes, *numbers):
    hosts = "&".join(f"host={nodes.address(number)}:{nodes.port}" for number in numbers)
    return f"postgresql+psycopg2://yugabyte@/yugabyte?{hosts}"


def make_engine(nodes, app, size=6, **properties):
    return sa.create_engine(url(nodes, 1, 2), pool_size=size, max_overflow=0, pool_pre_ping=True, connect_args={
        "connect_timeout": 5, "application_name": app, **properties})


def hold(engine, number):
    return [engine.connect() for _ in range(number)]


def give_back(connections):
    for connection in connections:
        connection.close()


def servers(connections):
    return [connection.scalar(sa.text("SELECT host(inet_server_addr())")) for connection in connections]


def test_djangos_workers_are_spread_and_outlive_a_node(mortal, app):
    with django(mortal, app) as program:
        before = program.says()
        assert sorted(before) == sorted(mortal.addresses * 2)
        assert mortal.spread(app) == [2, 2, 2]
        mortal.stop_node(2)
        program.go_on()
        after = program.says()
        assert sorted(after) == sorted([mortal.address(1), mortal.address(3)] * 3)
        assert [old == new for old, new in zip(before, after)] == [old != mortal.address(2) for old in before]
        program.go_on()


def test_djangos_workers_stay_in_their_zone(three_nodes, app):
    with django(three_nodes, app, topology_keys="cloud.region.b") as program:
        assert program.says() == [three_nodes.address(2)] * 6
        assert three_nodes.spread(app) == [0, 6, 0]
        program.go_on()


@pytest.mark.parametrize("value", ["true", True, "any"])
def test_sqlalchemys_pool_is_spread(three_nodes, app, value):
    engine = make_engine(three_nodes, app, load_balance=value)
    held = hold(engine, 6)
    assert three_nodes.spread(app) == [2, 2, 2]
    assert sorted(servers(held)) == sorted(three_nodes.addresses * 2)
    give_back(held)
    engine.dispose()
    assert three_nodes.settled_spread(app, [0, 0, 0]) == [0, 0, 0]


def test_properties_stand_in_the_url_too(three_nodes, app):
    engine = sa.create_engine(
        url(three_nodes, 1) + f"&load_balance=true&topology_keys=cloud.region.c&application_name={app}")
    held = hold(engine, 3)
    assert three_nodes.spread(app) == [0, 0, 3]
    give_back(held)
    engine.dispose()


@cold
def test_sqlalchemys_pool_outlives_a_node(mortal, app):
    engine = make_engine(mortal, app, load_balance=True)
    give_back(hold(engine, 6))
    assert mortal.spread(app) == [2, 2, 2]
    mortal.stop_node(2)
    held = hold(engine, 6)
    assert sorted(servers(held)) == sorted([mortal.address(1), mortal.address(3)] * 3)
    give_back(held)
    engine.dispose()


@cold
def test_a_statement_on_a_node_that_dies_raises_and_the_next_works(mortal, app):
    engine = make_engine(mortal, app, size=2, load_balance=True, topology_keys="c.r.b:1,c.r.c:2")
    with engine.connect() as connection:
        assert servers([connection]) == [mortal.address(2)]
        mortal.stop_node(2)
        with pytest.raises(sa.exc.OperationalError) as caught:
            servers([connection])
        assert caught.value.connection_invalidated
    with engine.connect() as connection:
        assert servers([connection]) == [mortal.address(3)]
    engine.dispose()


@cold
def test_a_pool_moves_back_when_its_connections_are_recycled(mortal, app):
    engine = make_engine(mortal, app, load_balance=True)
    with mortal.stopped(3):
        held = hold(engine, 6)
        assert sorted(servers(held)) == sorted([mortal.address(1), mortal.address(2)] * 3)
        give_back(held)
    # A node that is up again gets connections when its quarantine is over.
    def is_used():
        held = hold(engine, 6)
        reached = servers(held)
        give_back(held)
        engine.dispose()  # pool_recycle does this to each connection at its age.
        return mortal.address(3) in reached

    until(is_used, within=60, pause=0.2)
