"""Which node a connection goes to: the table "Order of node selection" of YugabyteDB's documentation, cell by cell.

The nodes are those of the fixture `six`: c.r.a: 1, 2; c.r.b: 3; c.s.c: 4; read replicas at c.r.a: 5, at c.r.b: 6.
"""

import psycopg2
import pytest

from cold import cold
from observing import close_all, counts, open_many

ALL, PRIMARIES, REPLICAS = {1, 2, 3, 4, 5, 6}, {1, 2, 3, 4}, {5, 6}
# Keys zA:1,zB:2. Its tiers: nodes 1, 2 and replica 5; then 3 and replica 6.
KEYS = "c.r.a:1,c.r.b:2"

# mode, keys, strict, then pairs of (nodes that are stopped, nodes that share the connections; None: it fails)
TABLE = [
    ("any", None, False, [((), ALL), ((2, 5), ALL - {2, 5})]),
    ("true", None, False, [((), ALL)]),
    ("any", KEYS, False, [((), {1, 2, 5}), ((1, 2, 5), {3, 6}), ((1, 2, 3, 5, 6), {4})]),
    ("any", KEYS, True, [((), {1, 2, 5}), ((1, 2, 5), {3, 6}), ((1, 2, 3, 5, 6), None)]),
    ("only-primary", None, False, [((), PRIMARIES), ((1, 2, 3), {4}), ((1, 2, 3, 4), None)]),
    ("only-primary", KEYS, False, [((), {1, 2}), ((1, 2), {3}), ((1, 2, 3), {4}), ((1, 2, 3, 4), None)]),
    ("only-primary", KEYS, True, [((), {1, 2}), ((1, 2), {3}), ((1, 2, 3), None)]),
    ("only-rr", None, False, [((), REPLICAS), ((5,), {6}), ((5, 6), None)]),
    ("only-rr", KEYS, False, [((), {5}), ((5,), {6}), ((5, 6), None)]),
    ("only-rr", "c.s.c", False, [((), REPLICAS)]),
    ("only-rr", KEYS, True, [((), {5}), ((5,), {6}), ((5, 6), None)]),
    ("only-rr", "c.s.c", True, [((), None)]),
    ("prefer-primary", None, False, [((), PRIMARIES), ((1, 2, 3, 4), REPLICAS)]),
    ("prefer-primary", KEYS, False, [((), {1, 2}), ((1, 2), {3}), ((1, 2, 3), {4}), ((1, 2, 3, 4), REPLICAS)]),
    ("prefer-primary", KEYS, True, [((), {1, 2}), ((1, 2, 3), {4}), ((1, 2, 3, 4), REPLICAS)]),
    ("prefer-rr", None, False, [((), REPLICAS), ((5, 6), PRIMARIES)]),
    ("prefer-rr", KEYS, False, [((), {5}), ((5,), {6}), ((5, 6), PRIMARIES)]),
    ("prefer-rr", "c.r.b:3", True, [((), {6}), ((6,), {5}), ((5, 6), PRIMARIES)]),
]

# By the nodes that are stopped, so that each set is stopped once.
LOSSES = sorted({lost for *_, cases in TABLE for lost, _ in cases}, key=lambda lost: (len(lost), lost))


@pytest.mark.parametrize("lost", LOSSES, ids=lambda lost: "lost " + ",".join(map(str, lost)) if lost else "all up")
@cold
def test_p14_every_cell_of_the_selection_table(six, app, lost):
    """Every mode, with and without placements and fallback: first with all nodes up, then with zones lost."""
    warm = psycopg2.connect(six.dsn(*range(1, 7), load_balance=True))
    warm.close()
    for number in lost:
        six.kill_node(number)
    for row, (mode, keys, strict, cases) in enumerate(TABLE):
        for expected in [nodes for stopped, nodes in cases if stopped == lost]:
            name = f"{app}_{row}"
            options = {"load_balance": mode, "fallback_to_topology_keys_only": strict, "application_name": name}
            if keys:
                options["topology_keys"] = keys
            dsn = six.dsn(*range(1, 7))
            if expected is None:
                with pytest.raises(psycopg2.OperationalError, match=f"load_balance={mode}"):
                    psycopg2.connect(dsn, **options)
                continue
            connections = open_many(2 * len(expected), dsn, **options)
            open_now = {number: count for number, count in enumerate(counts(six), 1) if count}
            assert open_now == {number: 2 for number in expected}, (mode, keys, strict)
            up = [number for number in range(1, 7) if number not in lost]
            query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
            seen = {number: six.ask(number, query, name)[0][0] for number in up}
            assert {number for number, count in seen.items() if count} == expected, (mode, keys, strict)
            assert set(seen.values()) <= {0, 2}
            close_all(connections)
            assert counts(six) == [0] * 6


@cold
def test_a_share_is_at_most_one_away(six, app):
    """Numbers that do not divide evenly: no node has more than one session more than another."""
    connections = open_many(17, six.dsn(1), load_balance=True, application_name=app)
    assert sorted(six.spread(app)) == [2, 3, 3, 3, 3, 3]
    close_all(connections)


@cold
def test_counts_are_shared_by_all_options_of_one_cluster(six, app):
    some = open_many(4, six.dsn(1), load_balance="any", topology_keys="c.r.a", application_name=app)
    rest = open_many(8, six.dsn(2, load_balance="any"), application_name=app)
    assert six.spread(app) == [2, 2, 2, 2, 2, 2]
    close_all(some + rest)


# D6

@cold
def test_d06_no_storm_when_a_better_zone_comes_back(mortal, app):
    options = {"load_balance": "any", "topology_keys": "c.r.a:1,c.r.b:2", "failed_host_ttl_seconds": 0,
               "application_name": app}
    with mortal.stopped(1):
        connection = psycopg2.connect(mortal.dsn(2), **options)
        assert counts(mortal) == [0, 1, 0]
        connection.close()
    for attempt in range(10):
        connection = psycopg2.connect(mortal.dsn(2), **options)
        assert counts(mortal) == [1, 0, 0]
        connection.close()
    # Eleven connections and the control connection of one cold start: none was opened and discarded.
    assert mortal.logins(app) == 1 + 11


# D20

@pytest.mark.parametrize("mode", ["prefer-rr", "prefer-primary", "any"])
@cold
def test_d20_the_other_kind_is_found_where_nodes_have_names(relisted_names, app, mode):
    """All nodes are of the kind that is not preferred, and listed under names."""
    kind = "read_replica" if mode == "prefer-primary" else "primary"
    options = relisted_names.list_as([{"host": name, "node_type": kind, "uuid": name} for name in relisted_names.names])
    connections = open_many(
        6, relisted_names.dsn(1), password="yugabyte", load_balance=mode, options=options, application_name=app)
    assert relisted_names.spread(app) == [2, 2, 2]
    close_all(connections)


# Many threads, from a cold start

@cold
def test_300_connections_by_64_threads(three_nodes, app):
    """The servers count 100 each, and one control connection for all of them."""
    from concurrent.futures import ThreadPoolExecutor
    dsn = three_nodes.dsn(1, load_balance=True, application_name=app)
    with ThreadPoolExecutor(64) as pool:
        connections = list(pool.map(lambda _: psycopg2.connect(dsn), range(300)))
    assert three_nodes.spread(app) == [100, 100, 100]
    assert counts(three_nodes) == [100, 100, 100]
    assert three_nodes.logins(app) == 301
    with ThreadPoolExecutor(64) as pool:
        list(pool.map(lambda connection: connection.close(), connections))
    assert counts(three_nodes) == [0, 0, 0]
    assert three_nodes.settled_spread(app, [0, 0, 0]) == [0, 0, 0]
