"""Connection options in every form: strings, URIs, keywords, environment, service file; and errors for wrong ones."""

import os

import psycopg2
import psycopg2.extensions
import psycopg2.extras
import pytest

from cold import cold
from observing import close_all, counts, down, open_many, quote


def spread_over_all(nodes, app, *arguments, **keywords):
    """Whether three connections with these options go to three nodes."""
    connections = open_many(3, *arguments, application_name=app, **keywords)
    seen = nodes.spread(app), counts(nodes)
    close_all(connections)
    return seen == ([1, 1, 1], [1, 1, 1])


# D3: a port that is given

@pytest.mark.parametrize("dsn, keywords, port", [
    ("host=h port=6000", {"user": "x"}, "6000"),
    ("postgresql://u@h:6000/db", {"user": "x"}, "6000"),
    ("host=h port=6000", {}, "6000"),
    ("host=h port=6000", {"port": 6001}, "6001"),
    ("host=h user=support", {"dbname": "report"}, None),
    ("postgresql://u@h/db", {"user": "x"}, None),
    ("postgresql://db@db/db", {"user": "x"}, None),
])
def test_d03_a_given_port_is_never_overridden(dsn, keywords, port):
    parsed = psycopg2.extensions.parse_dsn(psycopg2.extensions.make_dsn(dsn, **keywords))
    assert parsed.get("port") == port


@pytest.mark.parametrize("dsn", ["user=support dbname=report", "postgresql://support@{host}/report"])
def test_d03_the_default_port_counts_whatever_other_values_contain(three_nodes, app, dsn):
    """It is 5433 where load balancing is on and no port is given, though "support" and "report" contain "port"."""
    with three_nodes.role("support"), three_nodes.database("report"):
        connections = open_many(
            3, dsn.format(host=three_nodes.address(1)), host=three_nodes.address(1), load_balance=True,
            application_name=app)
        assert {connection.info.port for connection in connections} == {5433}
        assert three_nodes.spread(app) == [1, 1, 1]
        close_all(connections)


# D4, P7: URIs

@pytest.mark.parametrize("query", [
    "load_balance=true&application_name={app}",
    "application_name={app}&load_balance=true",
    "load_balance=true&sslmode=disable&application_name={app}&connect_timeout=3",
    "load_balance=any&topology_keys=cloud.region.a%2Ccloud.region.%2A:2&application_name={app}",
    "topology%5Fkeys=cloud.region.*&load%2Dbalance=only-primary&application_name={app}",
])
@cold
def test_d04_properties_may_stand_anywhere_in_a_uri(three_nodes, app, query):
    uri = f"postgresql://yugabyte@{three_nodes.address(1)}:5433/yugabyte?" + query.format(app=app)
    connections = open_many(6, uri)
    keyed = "topology_keys" in query
    assert three_nodes.spread(app) == ([6, 0, 0] if keyed else [2, 2, 2])
    close_all(connections)


# D5: keywords

@pytest.mark.parametrize("keywords", [
    {"load_balance": "true"}, {"load_balance": True}, {"load_balance": 1}, {"load_balance": "ANY"},
    {"load-balance": "Only-Primary"},
    {"load_balance": True, "topology_keys": ["cloud.region.a", "cloud.region.b", "cloud.region.c:1"]},
    {"load_balance": True, "topology_keys": "cloud.region.*", "yb_servers_refresh_interval": 600,
     "failed_host_ttl_seconds": 60, "fallback_to_topology_keys_only": True},
])
@cold
def test_d05_properties_as_keywords_beside_a_string(three_nodes, app, keywords):
    assert spread_over_all(three_nodes, app, three_nodes.dsn(1), **keywords)


@pytest.mark.parametrize("keywords", [{"load_balance": False}, {"load_balance": 0}, {"load_balance": "false"}, {}])
@cold
def test_d05_properties_are_known_while_balancing_is_off(three_nodes, app, keywords):
    connections = open_many(
        3, three_nodes.dsn(2) + " topology_keys=cloud.region.a yb_servers_refresh_interval=1", application_name=app,
        **keywords)
    assert three_nodes.spread(app) == [0, 3, 0]
    assert psycopg2.apus.cluster_status() == []
    close_all(connections)


@cold
def test_d05_keywords_win_over_the_string(three_nodes, app):
    dsn = three_nodes.dsn(1, load_balance="any", topology_keys="cloud.region.a")
    connections = open_many(3, dsn, topology_keys="cloud.region.c", application_name=app)
    assert three_nodes.spread(app) == [0, 0, 3]
    close_all(connections)


def test_properties_have_their_names_in_parse_dsn():
    assert psycopg2.extensions.parse_dsn("host=h load-balance='true' Topology_Keys=a.b.c") == {
        "host": "h", "load_balance": "true", "topology_keys": "a.b.c"}
    dsn = psycopg2.extensions.make_dsn("postgresql://h/d?load_balance=any&topology_keys=a.b.c%3A2", load_balance=True)
    assert psycopg2.extensions.parse_dsn(dsn) == {
        "host": "h", "dbname": "d", "load_balance": "true", "topology_keys": "a.b.c:2"}


# D12: properties are not mixed up

@pytest.mark.timing
@cold
def test_d12_each_property_means_itself(mortal, app):
    """failed_host_ttl_seconds, given as a keyword, is the quarantine and not the interval of the refresh."""
    keywords = {"load_balance": True, "failed_host_ttl_seconds": 47, "application_name": app}
    connections = open_many(3, mortal.dsn(1), **keywords)
    mortal.kill_node(3)
    connections += open_many(3, mortal.dsn(1), **keywords)
    assert 40 < down(mortal)[2] <= 47
    assert mortal.logins(app) == 1 + 6
    close_all(connections)


# D13, P6: values that look like something else

PASSWORDS = ["Xhost=42", "my port=9 pw", "postgres://@x/", "a  b", "load_balance=false", "it's \\ here", "ü&?%3D"]


@pytest.mark.parametrize("password", PASSWORDS)
@cold
def test_d13_values_are_never_rewritten(scram_nodes, app, password):
    quoted = password.replace("'", "''")
    hosts = ",".join(scram_nodes.addresses)
    kept = "-c my.host=abc -c my.port=9"
    with scram_nodes.role(app, f"PASSWORD '{quoted}'") as role:
        text = (f"host={hosts} dbname=yugabyte user={role} password={quote(password)} options={quote(kept)}"
                f" load_balance=true application_name={app}")
        connections = open_many(3, text) + open_many(
            3, host=hosts, dbname="yugabyte", user=role, password=password, options=kept, load_balance="true",
            application_name=app)
        for connection in connections:
            with connection.cursor() as cursor:
                cursor.execute("SELECT current_setting('my.host'), current_setting('my.port')")
                assert cursor.fetchone() == ("abc", "9")
        assert scram_nodes.spread(app) == [2, 2, 2]
        close_all(connections)


@cold
def test_p06_white_space_in_values_is_kept(scram_nodes, app):
    with scram_nodes.role(app, "PASSWORD 'a  b'"):
        for balance in ("true", "false"):
            connection = psycopg2.connect(
                f"host={scram_nodes.address(1)} port=5433 dbname=yugabyte user={app} password='a  b'"
                f" application_name='x  y' load_balance={balance}")
            with connection.cursor() as cursor:
                cursor.execute("SHOW application_name")
                assert cursor.fetchone() == ("x  y",)
            connection.close()


# D14: contact points from elsewhere

@cold
def test_d14_contact_points_from_the_environment(three_nodes, app):
    os.environ.update(PGHOST=three_nodes.address(1), PGPORT="5433", PGUSER="yugabyte", PGDATABASE="yugabyte")
    assert spread_over_all(three_nodes, app, load_balance=True)
    os.environ.update(PGLOADBALANCE="any")
    assert spread_over_all(three_nodes, app + "2", "")


@cold
def test_d14_contact_points_from_a_service(three_nodes, app, tmp_path):
    file = tmp_path / "services"
    common = f"host={three_nodes.address(1)}\nport=5433\nuser=yugabyte\ndbname=yugabyte\n"
    file.write_text(f"[plain]\n{common}\n[balanced]\n{common}load_balance=true\n")
    os.environ["PGSERVICEFILE"] = str(file)
    assert spread_over_all(three_nodes, app, "service=plain load_balance=true")
    assert spread_over_all(three_nodes, app + "2", service="balanced")


@cold
def test_d14_a_host_address_leads_to_all_nodes(three_nodes, app):
    assert spread_over_all(
        three_nodes, app, hostaddr=three_nodes.address(1), user="yugabyte", dbname="yugabyte", load_balance=True)


# D15: quoted values, odd values, wrong values

@pytest.mark.parametrize("properties", [
    "load_balance='true'", "load_balance = 'any'", "load_balance=only-primary yb_servers_refresh_interval='0'",
    "load_balance=TRUE topology_keys='cloud.region.a:1, cloud.region.b:2 ,cloud.region.c:10' failed_host_ttl_seconds=0",
])
@cold
def test_d15_quoted_values_are_values(three_nodes, app, properties):
    keyed = "topology" in properties
    connections = open_many(3, three_nodes.dsn(1) + " " + properties, application_name=app)
    assert three_nodes.spread(app) == ([3, 0, 0] if keyed else [1, 1, 1])
    close_all(connections)


WRONG = [
    ("load_balance", "maybe", "true, any, only-primary, only-rr, prefer-primary, prefer-rr or false"),
    ("load_balance", "", "only-primary"),
    ("topology_keys", "c.r", "cloud.region.zone[:preference]"),
    ("topology_keys", "c.r.z:11", "1 to 10"),
    ("topology_keys", "c.r.z:0", "1 to 10"),
    ("topology_keys", "*.r.z", "zone may be *"),
    ("yb_servers_refresh_interval", "-1", "0 to 600"),
    ("yb_servers_refresh_interval", "601", "0 to 600"),
    ("yb_servers_refresh_interval", "abc", "0 to 600"),
    ("failed_host_ttl_seconds", "61", "0 to 60"),
    ("failed_host_ttl_seconds", "1.5", "0 to 60"),
    ("fallback_to_topology_keys_only", "perhaps", "true or false"),
]


@pytest.mark.parametrize("key, value, valid", WRONG)
def test_d15_wrong_values_raise_programming_error_and_are_named(key, value, valid):
    balance = "" if key == "load_balance" else "load_balance=true "
    for arguments, keywords in [((f"host=192.0.2.1 {balance}{key}={quote(value)}",), {}),
                                ((f"host=192.0.2.1 {balance}",), {key: value}),
                                ((f"host=192.0.2.1 {key}={quote(value)}",), {})]:
        with pytest.raises(psycopg2.ProgrammingError) as raised:
            psycopg2.connect(*arguments, **keywords)
        for words in (key, value, valid):
            assert words in str(raised.value)


@pytest.mark.parametrize("value", [object(), 1.5, ["c.r"], "c.r.z,"])
def test_d15_values_of_other_types_raise_programming_error(value):
    with pytest.raises(psycopg2.ProgrammingError, match="topology_keys"):
        psycopg2.connect("host=192.0.2.1", load_balance=True, topology_keys=value)


@pytest.mark.parametrize("dsn, words", [
    ("host=h load_balance", "load_balance"), ("load_balance='true", "unterminated"),
    ("postgresql://h/?load_balance", "load_balance"), ("postgresql://h/?load_balance=%zz", "%zz"),
    ("load_balanse=true", "load_balanse"), ("host=a,b port=1,2,3 load_balance=true", "3 port"),
])
def test_d15_malformed_strings_raise_programming_error(dsn, words):
    with pytest.raises(psycopg2.ProgrammingError, match=words):
        psycopg2.connect(dsn)


# D26, D28

@pytest.mark.parametrize("name", ["x load_balance=maybe y", "host=h'", "topology_keys=", "%s %(a)s {}"])
@cold
def test_d26_close_parses_nothing(three_nodes, name):
    for keywords in ({}, {"load_balance": True}):
        connection = psycopg2.connect(three_nodes.dsn(1), application_name=name, **keywords)
        connection.close()
        connection.close()
        assert connection.closed == 1
    assert counts(three_nodes) == [0, 0, 0]


@cold
def test_d28_no_variable_changes_what_is_asked(three_nodes, app):
    os.environ.update(TEST_YB_PUBLIC_IP="True", YB_DRIVER_LOG_LEVEL="DEBUG")
    assert spread_over_all(three_nodes, app, three_nodes.dsn(1), load_balance=True)


# P8

@pytest.mark.parametrize("ports", ["5433,5433", "5433"])
@cold
def test_p08_lists_of_hosts_and_ports(three_nodes, app, ports):
    hosts = ",".join(three_nodes.addresses[:2])
    common = {"user": "yugabyte", "dbname": "yugabyte"}
    assert spread_over_all(three_nodes, app, host=hosts, port=ports, load_balance=True, **common)
    uri = f"postgresql://yugabyte@{three_nodes.address(1)}:5433,{three_nodes.address(2)}:5433/yugabyte?load_balance=any"
    assert spread_over_all(three_nodes, app + "2", uri)
