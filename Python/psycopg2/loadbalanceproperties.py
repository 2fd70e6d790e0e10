"""The load-balancing properties of a connection, in the interface of psycopg2-yugabytedb.

    LoadBalanceProperties.CONNECTION_MANAGER_MAP["true"].hostToNumConnMap

The engine reads the properties itself; connecting does not use the objects of this module.
"""

from collections.abc import Mapping

from psycopg2 import _psycopg
from psycopg2.extensions import make_dsn, parse_dsn
from psycopg2.policies import ClusterAwareLoadBalancer, TopologyAwareLoadBalancer

_ON = ("true", "any", "1", "yes", "on")
_PROPERTIES = tuple(_psycopg._balance_keywords.split())


class ConnectionManagerMap(Mapping):
    """The load balancers of all policies with which this process requested connections, as a read-only mapping.

    A key is `<load_balance>` or `<load_balance>&<topology_keys>&True|False`, where the last part is
    `fallback_to_topology_keys_only`. `true` and `any` are equal, a topology key without a preference has 1, and neither
    case nor the order of the topology keys matters. The mapping is empty in a forked child.
    """

    def __iter__(self):
        for mode, topology_keys, fallback in _psycopg.balance_policies():
            yield _key("true" if mode == "any" else mode, topology_keys, fallback)

    def __len__(self):
        return len(_psycopg.balance_policies())

    def __getitem__(self, key):
        wanted = _normal(key)
        for mode, topology_keys, fallback in _psycopg.balance_policies():
            if wanted == _normal(_key(mode, topology_keys, fallback)):
                return _balancer("true" if mode == "any" else mode, topology_keys, fallback)
        raise KeyError(key)


def _key(mode, topology_keys, fallback):
    return f"{mode}&{topology_keys}&{fallback}" if topology_keys else mode


def _normal(key):
    """Return the key in a form that is equal for equal policies."""
    mode, _, rest = str(key).partition("&")
    topology_keys, _, fallback = rest.rpartition("&")
    mode = mode.lower()
    placements = set()
    for placement in topology_keys.lower().split(","):
        name, _, preference = placement.partition(":")
        placements.add((".".join(map(str.strip, name.split("."))), preference.strip() or "1"))
    return "any" if mode in _ON else mode, placements, fallback == "True"


def _balancer(mode, topology_keys, fallback, refresh_interval=300, failed_host_ttl=5):
    if topology_keys:
        return TopologyAwareLoadBalancer(mode, topology_keys, refresh_interval, failed_host_ttl, fallback)
    return ClusterAwareLoadBalancer(mode, refresh_interval, failed_host_ttl)


class LoadBalanceProperties:
    """The load-balancing properties in a connection string or URI `dsn` and in keyword arguments.

    Attributes: `loadbalance`, `placements` and `fallback_to_topology_keys_only`; `refreshInterval` and
    `failed_host_ttl_seconds`, in seconds. Raises ProgrammingError for an invalid connection string.
    """

    CONNECTION_MANAGER_MAP = ConnectionManagerMap()

    def __init__(self, dsn, **kwargs):
        self.originalDSN = dsn
        self.originalProperties = kwargs
        given = parse_dsn(make_dsn(dsn, **kwargs))
        self.loadbalance = given.get("load_balance", "false").lower()
        self.placements = given.get("topology_keys", "")
        self.fallback_to_topology_keys_only = (
            given.get("fallback_to_topology_keys_only", "false").lower() in _ON
        )
        self.refreshInterval = int(given.get("yb_servers_refresh_interval", 300))
        self.failed_host_ttl_seconds = int(
            given.get("failed_host_ttl_seconds", given.get("failed_host_reconnect_delay_secs", 5))
        )

    def hasLoadBalance(self):
        """Return True if load balancing is on."""
        return self.loadbalance not in ("false", "0", "no", "off")

    def getKey(self):
        """Return the key of this policy in CONNECTION_MANAGER_MAP."""
        return _key(self.loadbalance, self.placements, self.fallback_to_topology_keys_only)

    def getOriginalDSN(self):
        """Return the original connection string, or None."""
        return self.originalDSN

    def getStrippedDSN(self):
        """Return the connection string without load-balancing properties."""
        if not self.originalDSN:
            return self.originalDSN
        return make_dsn(**_stripped(parse_dsn(self.originalDSN)))

    def getOriginalProperties(self):
        """Return the original keyword arguments, as a dict."""
        return self.originalProperties

    def getStrippedProperties(self):
        """Return the keyword arguments without load-balancing properties, as a dict."""
        return _stripped(self.originalProperties)

    def getAppropriateLoadBalancer(self):
        """Return the load balancer object that shows the state for this policy."""
        return _balancer(
            self.loadbalance, self.placements, self.fallback_to_topology_keys_only, self.refreshInterval,
            self.failed_host_ttl_seconds,
        )


def _stripped(properties):
    return {name: value for name, value in properties.items() if name not in _PROPERTIES}


CONNECTION_MANAGER_MAP = LoadBalanceProperties.CONNECTION_MANAGER_MAP
