"""The API of psycopg2-yugabytedb's load balancer, as a live view of the engine."""

import os
import subprocess
import sys

import psycopg2
import psycopg2.apus
import pytest
from psycopg2 import loadbalanceproperties, policies
from psycopg2.extensions import parse_dsn
from psycopg2.loadbalanceproperties import LoadBalanceProperties

from cold import cold, in_child
from observing import close_all, open_many


def program(source, **environment):
    """Runs a program in an interpreter of its own; returns its output."""
    return subprocess.run(
        [sys.executable, "-c", source], text=True, capture_output=True, check=True, timeout=60,
        env={**os.environ, **environment}).stdout


# The map of load balancers

@cold
def test_the_map_is_live(three_nodes, app):
    balancers = LoadBalanceProperties.CONNECTION_MANAGER_MAP
    assert balancers is loadbalanceproperties.CONNECTION_MANAGER_MAP
    assert list(balancers) == [] and "true" not in balancers
    connections = open_many(6, three_nodes.dsn(1, load_balance=True, application_name=app))
    assert list(balancers) == ["true"] and len(balancers) == 1
    balancer = balancers["true"]
    assert isinstance(balancer, psycopg2.ClusterAwareLoadBalancer)
    assert not isinstance(balancer, psycopg2.TopologyAwareLoadBalancer)
    addresses = [three_nodes.address(number) for number in (1, 2, 3)]
    assert balancer.hostToNumConnMap == dict.fromkeys(addresses, 2)
    assert set(balancer.hostPortMap) == set(addresses)
    close_all(connections)
    assert balancer.hostToNumConnMap == dict.fromkeys(addresses, 0)


@cold
def test_a_key_has_mode_placements_and_fallback(three_nodes, app):
    connections = open_many(2, three_nodes.dsn(
        1, load_balance="only-primary", topology_keys="cloud.region.a:1,cloud.region.b:2",
        fallback_to_topology_keys_only=True, application_name=app))
    balancers = LoadBalanceProperties.CONNECTION_MANAGER_MAP
    assert list(balancers) == ["only-primary&cloud.region.a:1,cloud.region.b:2&True"]
    balancer = balancers["only-primary&cloud.region.b:2,Cloud.Region.a&True"]
    assert isinstance(balancer, psycopg2.TopologyAwareLoadBalancer)
    assert balancer.placements == "cloud.region.a:1,cloud.region.b:2" and balancer.explicitFallbackOnly
    assert balancer.hostToNumConnMap[three_nodes.address(1)] == 2
    for other in ("only-primary", "true", "only-primary&cloud.region.a:1,cloud.region.b:2&False",
                  "only-primary&cloud.region.a:1,cloud.region.b:3&True"):
        with pytest.raises(KeyError):
            balancers[other]
    close_all(connections)


@cold
def test_the_map_knows_policies_from_anywhere(three_nodes, app, monkeypatch):
    monkeypatch.setenv("PGLOADBALANCE", "any")
    psycopg2.connect(three_nodes.dsn(1, application_name=app)).close()
    balancers = LoadBalanceProperties.CONNECTION_MANAGER_MAP
    assert "any" in balancers and "true" in balancers and "TRUE" in balancers
    assert "prefer-rr" not in balancers


@cold
def test_a_child_begins_with_an_empty_map(three_nodes, app):
    connection = psycopg2.connect(three_nodes.dsn(1, load_balance=True, application_name=app))

    def child():
        assert list(LoadBalanceProperties.CONNECTION_MANAGER_MAP) == []
        assert psycopg2.ClusterAwareLoadBalancer("true").hostToNumConnMap == {}

    in_child(child)
    assert list(LoadBalanceProperties.CONNECTION_MANAGER_MAP) == ["true"]
    connection.close()


@cold
def test_printing(three_nodes, app, capsys):
    connection = psycopg2.connect(three_nodes.dsn(
        1, load_balance=True, topology_keys="cloud.region.b", application_name=app))
    LoadBalanceProperties.CONNECTION_MANAGER_MAP["true&cloud.region.b&False"].printHostToConnMap()
    lines = capsys.readouterr().out.splitlines()
    assert f"{three_nodes.address(2)} 1" in lines and f"{three_nodes.address(1)} 0" in lines
    connection.close()


@cold
def test_a_host_that_is_down(mortal, app):
    with mortal.stopped(2):
        connections = open_many(4, mortal.dsn(1, load_balance=True, failed_host_ttl_seconds=60, application_name=app))
        down = psycopg2.ClusterAwareLoadBalancer("true").unreachableHosts
        assert set(down) == {mortal.address(2)} and 0 < down[mortal.address(2)] <= 60
        close_all(connections)


# The properties

def test_properties_of_a_dsn():
    properties = LoadBalanceProperties(
        "host=a,b password='x load_balance=no' load_balance=True topology_keys=c.r.z yb_servers_refresh_interval=7",
        failed_host_ttl_seconds=9)
    assert properties.hasLoadBalance()
    assert properties.getKey() == "true&c.r.z&False"
    assert (properties.refreshInterval, properties.failed_host_ttl_seconds) == (7, 9)
    assert parse_dsn(properties.getStrippedDSN()) == {"host": "a,b", "password": "x load_balance=no"}
    assert properties.getOriginalProperties() == {"failed_host_ttl_seconds": 9}
    assert properties.getStrippedProperties() == {}
    balancer = properties.getAppropriateLoadBalancer()
    assert isinstance(balancer, policies.TopologyAwareLoadBalancer)
    assert (balancer.refreshListSeconds, balancer.failedHostsTTL) == (7, 9)


def test_properties_of_a_uri():
    properties = LoadBalanceProperties("postgresql://me@a:5433/d?load_balance=prefer-rr&application_name=x")
    assert properties.getKey() == "prefer-rr"
    assert parse_dsn(properties.getStrippedDSN())["application_name"] == "x"
    assert not LoadBalanceProperties("host=a").hasLoadBalance()
    assert not LoadBalanceProperties(None, host="a", load_balance=False).hasLoadBalance()


# The functions

@cold
def test_connecting_by_properties(three_nodes, app):
    properties = LoadBalanceProperties(three_nodes.dsn(1, application_name=app), load_balance=True)
    connections = [psycopg2.getConnectionBalanced(properties, None) for _ in range(3)]
    assert three_nodes.spread(app) == [1, 1, 1]
    assert sorted(connection.info.host_addr for connection in connections) == sorted(
        three_nodes.address(number) for number in (1, 2, 3))
    close_all(connections)


@cold
def test_a_dsn_that_leads_to_one_host(three_nodes, app):
    dsn = three_nodes.dsn(1, load_balance=True, application_name=app)
    psycopg2.connect(dsn).close()
    balancer = LoadBalanceProperties.CONNECTION_MANAGER_MAP["true"]
    plain = LoadBalanceProperties(dsn).getStrippedDSN() + " hostaddr=127.0.0.1 password='Xhost=42'"
    chosen = parse_dsn(psycopg2.getDSNWithChosenHost(balancer, plain, three_nodes.address(3)))
    assert chosen["host"] == three_nodes.address(3) and chosen["port"] == str(balancer.hostPortMap[chosen["host"]])
    assert "hostaddr" not in chosen and chosen["password"] == "Xhost=42"
    connection = psycopg2.connect(**chosen)
    assert connection.info.host_addr == three_nodes.address(3)
    connection.close()


# The logger

def test_the_level_comes_from_the_environment():
    show = ("import logging, threading, psycopg2; print(psycopg2.logger.name, psycopg2.logger.level, "
            "psycopg2.logger.handlers, logging.root.level, logging.root.handlers, threading.active_count())")
    assert program(show, YB_DRIVER_LOG_LEVEL="debug") == "psycopg2 10 [] 30 [] 1\n"
    assert program(show, YB_DRIVER_LOG_LEVEL="ERROR") == "psycopg2 40 [] 30 [] 1\n"
    assert program(show, YB_DRIVER_LOG_LEVEL="nonsense") == "psycopg2 0 [] 30 [] 1\n"
    assert program(show, YB_DRIVER_LOG_LEVEL="") == "psycopg2 0 [] 30 [] 1\n"


def test_the_logger_is_the_module_and_the_logger():
    assert program("import logging, psycopg2; psycopg2.logger.warning('careful'); from psycopg2.logger import logger; "
                   "assert psycopg2.logger.logger is logger is logging.getLogger('psycopg2'); "
                   "print(psycopg2.logger.level, psycopg2.logger.isEnabledFor(30))") == "0 True\n"
    with pytest.raises(AttributeError):
        psycopg2.loger


def test_the_import_needs_no_cluster():
    assert program("import psycopg2; print(list(psycopg2.LoadBalanceProperties.CONNECTION_MANAGER_MAP), "
                   "psycopg2.apus.cluster_status() if hasattr(psycopg2, 'apus') else [])") == "[] []\n"
