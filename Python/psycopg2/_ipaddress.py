"""inet and cidr values as objects of the `ipaddress` module."""

import ipaddress

from psycopg2.extensions import QuotedString, new_array_type, new_type, register_adapter, register_type

# pg_type.dat
_INET, _INET_ARRAY = 869, 1041
_CIDR, _CIDR_ARRAY = 650, 651

_casters = None


def register_ipaddress(conn_or_curs=None):
    """Read inet as `ipaddress.ip_interface` and cidr as `ipaddress.ip_network` objects, and accept these as arguments.

    Arrays are registered too. `conn_or_curs` is the connection or cursor for which the types are registered; without
    it, they are registered for all connections. Arguments are always accepted on all connections.
    """
    global _casters
    if _casters is None:
        inet = new_type((_INET,), "INET", cast_interface)
        cidr = new_type((_CIDR,), "CIDR", cast_network)
        arrays = new_array_type((_INET_ARRAY,), "INETARRAY", inet), new_array_type((_CIDR_ARRAY,), "CIDRARRAY", cidr)
        _casters = (inet, cidr, *arrays)
    for caster in _casters:
        register_type(caster, conn_or_curs)
    for cls in (
        ipaddress.IPv4Interface, ipaddress.IPv6Interface, ipaddress.IPv4Network, ipaddress.IPv6Network,
    ):
        register_adapter(cls, adapt_ipaddress)


def cast_interface(s, cur=None):
    """Convert the text of an inet value to an `ipaddress.ip_interface`; return None for NULL."""
    return None if s is None else ipaddress.ip_interface(str(s))


def cast_network(s, cur=None):
    """Convert the text of a cidr value to an `ipaddress.ip_network`; return None for NULL."""
    return None if s is None else ipaddress.ip_network(str(s))


def adapt_ipaddress(obj):
    """Return an adapter for an object of the `ipaddress` module."""
    return QuotedString(str(obj))
