"""Nodes that die, hang, refuse and come back, and the counts meanwhile."""

import gc
import os
import random
import threading
import time

import psycopg2
import psycopg2.apus
import psycopg2.errorcodes
import pytest

from cold import cold
from observing import close_all, counts, descriptors, down, heap, open_many, ping
from waiting import until

# `make test` has ten seconds for the random deaths; APUS_LONG=1 gives them a minute.
DEATH_SECONDS = 60 if os.environ.get("APUS_LONG") == "1" else 10


def timed(function, *arguments, **keywords):
    begin = time.monotonic()
    result = function(*arguments, **keywords)
    return time.monotonic() - begin, result


# D1, P1: a mistake of the caller is not blamed on the node

@pytest.mark.parametrize("wrong, words", [
    ({"password": "bad"}, "password authentication failed"), ({"user": "nobody_at_all"}, "nobody_at_all"),
    ({"dbname": "no_such_database"}, "no_such_database"),
    ({"options": "-c work_mem=nonsense"}, "invalid value for parameter"),
])
@cold
def test_d01_wrong_password_blacks_out_nobody(scram_nodes, app, wrong, words):
    dsn = scram_nodes.dsn(1, load_balance=True, password="yugabyte", application_name=app)
    for warm in (False, True):
        tries = len(scram_nodes.fatal(words))
        with pytest.raises(psycopg2.OperationalError, match=words):
            psycopg2.connect(dsn, sslmode="disable", **wrong)
        # One login, not one at every node, because the error is raised at once.
        assert len(scram_nodes.fatal(words)) == tries + 1
        assert down(scram_nodes) == [0, 0, 0]
        close_all(open_many(3, dsn))
    connections = open_many(6, dsn)
    with pytest.raises(psycopg2.OperationalError, match=words):
        psycopg2.connect(dsn, **wrong)
    assert counts(scram_nodes) == [2, 2, 2]
    assert scram_nodes.spread(app) == [2, 2, 2]
    close_all(connections)


@cold
def test_d01_the_error_has_its_code(scram_nodes):
    with pytest.raises(psycopg2.OperationalError) as raised:
        psycopg2.connect(scram_nodes.dsn(1, load_balance=True, password="bad"))
    assert raised.value.pgcode == psycopg2.errorcodes.INVALID_PASSWORD


@cold
def test_a_full_node_is_passed_over_and_not_blamed(mortal, app):
    with mortal.role(app):
        mortal.ask(2, f"ALTER ROLE {app} CONNECTION LIMIT 1")
        connections = open_many(7, mortal.dsn(1, load_balance=True, user=app, application_name=app))
        assert mortal.spread(app) == [3, 1, 3]
        assert down(mortal) == [0, 0, 0]
        close_all(connections)


# D21: back again

@pytest.mark.timing
@cold
def test_d21_a_node_that_is_back_is_used_as_soon_as_its_time_is_over(mortal, app):
    dsn = mortal.dsn(1, load_balance=True, failed_host_ttl_seconds=2, application_name=app)
    connections = open_many(3, dsn)
    with mortal.stopped(3):
        connections += open_many(3, dsn)
        assert counts(mortal)[2] == 1 and 1 < down(mortal)[2] <= 2
    # The end of the quarantine is enough: the list is not fetched again for 300 s.
    connections += open_many(1, dsn)
    assert counts(mortal) == [3, 3, 1]
    until(lambda: down(mortal)[2] == 0)
    logins = mortal.logins(app)
    connections += open_many(1, dsn)
    assert counts(mortal)[2] == 2
    assert mortal.logins(app) == logins + 1
    close_all(connections)


@cold
def test_d21_a_node_in_quarantine_is_used_when_it_is_the_only_one(mortal, app):
    dsn = mortal.dsn(1, 2, 3, load_balance=True, failed_host_ttl_seconds=60, application_name=app)
    close_all(open_many(3, dsn))
    with mortal.stopped(1):
        close_all(open_many(3, dsn))
        assert down(mortal)[0] > 0
    with mortal.stopped(2, 3):
        connections = open_many(2, dsn)
        assert counts(mortal) == [2, 0, 0]
        assert down(mortal)[0] == 0
        close_all(connections)


# D30: no node is left

@cold
def test_d30_the_error_names_every_node_and_why(mortal, app):
    dsn = mortal.dsn(1, 2, load_balance=True, application_name=app)
    close_all(open_many(1, dsn))
    with mortal.stopped(1, 2, 3):
        with pytest.raises(psycopg2.OperationalError) as raised:
            psycopg2.connect(dsn)
        for address in mortal.addresses:
            line = next(line for line in str(raised.value).splitlines() if f"{address}:5433 " in line)
            assert "refused" in line
        assert counts(mortal) == [0, 0, 0]


@cold
def test_d30_contact_points_stand_in_when_no_node_can_be_reached(relisted, app):
    """The listed addresses cannot be reached, but the contact point answers."""
    options = relisted.list_as([{"host": f"127.0.29.{number}", "uuid": f"u{number}"} for number in (1, 2)])
    dsn = relisted.dsn(1, options=options, application_name=app)
    for mode in ("any", "prefer-primary", "prefer-rr"):
        psycopg2.connect(dsn, load_balance=mode).close()
    strict = {"load_balance": "any", "topology_keys": "c.r.a", "fallback_to_topology_keys_only": True}
    for keywords in ({"load_balance": "only-primary"}, {"load_balance": "only-rr"}, strict):
        with pytest.raises(psycopg2.OperationalError):
            psycopg2.connect(dsn, **keywords)


# P4, P12: counts when sessions end otherwise

@cold
def test_p04_a_session_that_the_server_ends_gives_its_count_back(three_nodes, app):
    connections = open_many(6, three_nodes.dsn(1, load_balance=True, application_name=app))
    for number in (1, 2, 3):
        three_nodes.ask(
            number, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s", app)
    for connection in connections[:3]:
        with pytest.raises(psycopg2.OperationalError):
            ping(connection)
        assert connection.closed == 2
    assert sum(counts(three_nodes)) == 3
    # The loss of the others has not been noticed: closing or dropping them is enough.
    connections[3].close()
    assert sum(counts(three_nodes)) == 2
    del connections[3:]
    gc.collect()
    assert counts(three_nodes) == [0, 0, 0]
    close_all(connections)
    assert counts(three_nodes) == [0, 0, 0]


@cold
def test_p12_a_failed_node_keeps_its_count(mortal, app):
    dsn = mortal.dsn(1, load_balance=True, failed_host_ttl_seconds=1, application_name=app)
    old = open_many(6, dsn)
    mortal.kill_node(3)
    more = open_many(2, dsn)
    assert counts(mortal) == [3, 3, 2]
    mortal.start_node(3)
    until(lambda: down(mortal)[2] == 0)
    more += open_many(4, dsn)
    assert counts(mortal) == [4, 4, 4]
    # Without the dead sessions of node 3 the driver's counts are those of the servers.
    close_all(old)
    assert counts(mortal) == mortal.settled_spread(app, [2, 2, 2]) == [2, 2, 2]
    close_all(more)
    assert counts(mortal) == [0, 0, 0]


# A node that is frozen

@pytest.mark.timing
@cold
def test_a_frozen_node_holds_up_nobody_else(mortal, app):
    dsn = mortal.dsn(1, load_balance=True, connect_timeout=2, failed_host_ttl_seconds=30, application_name=app)
    warm = open_many(3, dsn)
    # The frozen node is the least loaded, so that the first caller must meet it.
    next(connection for connection in warm if connection.info.host == mortal.address(2)).close()
    assert counts(mortal) == [1, 0, 1]
    with mortal.frozen(2):
        met = {}
        first = threading.Thread(target=lambda: met.update(zip(("took", "connection"), timed(psycopg2.connect, dsn))))
        first.start()
        until(lambda: counts(mortal) == [1, 1, 1])
        took, others = timed(open_many, 2, dsn, topology_keys="c.r.a,c.r.c")
        assert took < 1, "callers that pick other nodes do not wait"
        first.join()
        # Another node was tried beside the silent one, long before the timeout.
        assert 0.3 < met["took"] < 1.8
        assert met["connection"].info.host != mortal.address(2)
        assert down(mortal)[1] > 20
        # From now on the frozen node is known.
        took, more = timed(open_many, 12, dsn)
        assert took < 1.5
        assert counts(mortal)[1] == 0
        close_all(others + more + [met["connection"]])
    close_all(warm)


@pytest.mark.timing
@cold
def test_a_frozen_contact_point_does_not_stop_a_cold_start(mortal, app):
    with mortal.frozen(1):
        dsn = mortal.dsn(1, 2, load_balance=True, connect_timeout=2, application_name=app)
        took, connection = timed(psycopg2.connect, dsn)
        assert took < 1.8
        assert connection.info.host != mortal.address(1)
        connection.close()


@pytest.mark.timing
@cold
def test_a_frozen_node_stops_no_close(mortal, app):
    connections = open_many(3, mortal.dsn(1, load_balance=True, application_name=app))
    with mortal.frozen(3):
        took, _ = timed(close_all, connections)
        assert took < 1
        assert counts(mortal) == [0, 0, 0]


# Random deaths

@pytest.mark.slow
def test_nodes_killed_at_random_under_16_threads(mortal, app):
    """No connect fails while one eligible node is up; at the end no count is wrong and nothing has leaked."""

    def live():
        dsn = mortal.dsn(1, 2, 3, load_balance=True, yb_servers_refresh_interval=1, failed_host_ttl_seconds=1,
                         connect_timeout=5, application_name=app)
        stop, failures, opened = threading.Event(), [], []

        def work():
            held = []
            while not stop.is_set():
                try:
                    held.append(psycopg2.connect(dsn))
                except Exception as error:
                    failures.append((time.monotonic(), error))
                    continue
                opened.append(1)
                try:
                    ping(held[-1])
                except psycopg2.Error:
                    # A node may die between the connect and the query; only the connect must not fail.
                    pass
                if len(held) > 4:
                    # One way to end a session each time: close it, drop it, drop it in a cycle.
                    ending = held.pop(0)
                    if len(opened) % 3 == 0:
                        ending.close()
                    elif len(opened) % 3 == 1:
                        cycle = [ending]
                        cycle.append(cycle)
                    del ending
            held.clear()

        def workers():
            stop.clear()
            threads = [threading.Thread(target=work) for _ in range(16)]
            for thread in threads:
                thread.start()
            return threads

        def rest(threads):
            stop.set()
            for thread in threads:
                thread.join()
            gc.collect()

        # Memory that the allocator and the threads take only once is taken before the measurement.
        threads = workers()
        until(lambda: len(opened) > 500, within=60)
        rest(threads)
        before = descriptors(), heap()
        opened.clear()

        threads, end, deaths = workers(), time.monotonic() + DEATH_SECONDS, 0
        while time.monotonic() < end:
            victims = random.sample([1, 2, 3], random.choice([1, 1, 2]))
            for number in victims:
                random.choice([mortal.kill_node, mortal.stop_node])(number)
                deaths += 1
            # Nodes are down and up for random times, so that no event ends these sleeps.
            time.sleep(random.uniform(0.2, 0.8))
            for number in victims:
                mortal.start_node(number)
            time.sleep(random.uniform(0.1, 0.4))
        rest(threads)
        after = descriptors(), heap()
        print(f"{len(opened)} connections, {deaths} deaths; descriptors {before[0]} -> {after[0]},"
              f" heap {before[1]} -> {after[1]} KiB")
        assert failures == []
        assert len(opened) > 20 * DEATH_SECONDS and deaths >= DEATH_SECONDS / 4
        assert counts(mortal) == [0, 0, 0]
        assert mortal.settled_spread(app, [0, 0, 0]) == [0, 0, 0]
        assert after[0] == before[0]
        assert after[1] - before[1] < 256
        connections = open_many(9, dsn)
        until(lambda: not any(down(mortal)))
        close_all(connections)
        connections = open_many(9, dsn)
        assert counts(mortal) == mortal.spread(app) == [3, 3, 3]
        close_all(connections)

    cold(live, timeout=DEATH_SECONDS + 90)()
