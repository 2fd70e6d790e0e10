"""Fixtures for all of Python's tests: real clusters, started by `apus cluster`."""

import itertools
import os

import pytest

from local_cluster import LocalCluster, cli_from_environment, free_base_address

# 127.0.30.x to 127.0.60.x are the Python tests' own.
BLOCKS = range(30, 61)

numbers = itertools.count(1)


def make_cluster(**options):
    """A cluster that is not up yet, under a name that nobody else has. Options are LocalCluster's."""
    nodes, port = options.get("nodes", 3), options.get("port", 5433)
    options.setdefault("base_address", free_base_address(nodes, port, BLOCKS))
    return LocalCluster(cli_from_environment(), f"pytest-{os.getpid()}-{next(numbers)}", **options)


@pytest.fixture
def cluster():
    """A factory of clusters: `cluster(nodes=3, placement=[...], options=["--auth", "scram"])` is up when it returns,
    and down when the test ends, however it ends."""
    started = []

    def start(**options):
        started.append(make_cluster(**options))
        started[-1].up()
        return started[-1]

    yield start
    for one in reversed(started):
        one.down(check=False)


@pytest.fixture(scope="session")
def three_nodes():
    """Three nodes, one a zone (cloud.region.a, .b, .c), shared by all tests that leave them as they are."""
    with make_cluster(nodes=3, placement=[f"cloud.region.{zone}" for zone in "abc"]) as shared:
        yield shared


@pytest.fixture
def dsn(three_nodes):
    """A plain DSN of one server, for tests that are not about clusters."""
    return three_nodes.dsn(1)
