"""What outlives a session on a server: a test that leaves some of it behind would change the tests after it."""

# Of the whole server. The roles and databases that a server begins with are there before the first test.
OF_A_SERVER = """
    SELECT 'role ' || rolname FROM pg_roles
    UNION ALL SELECT 'database ' || datname FROM pg_database
    UNION ALL SELECT 'prepared transaction ' || gid FROM pg_prepared_xacts
    UNION ALL SELECT 'replication slot ' || slot_name FROM pg_replication_slots WHERE NOT temporary
    """

# Of one database, without the members of extensions, which go with their extension, and without temporary objects,
# which go with their session.
OF_A_DATABASE = """
    WITH schemas AS (SELECT oid, nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema')
    SELECT 'schema ' || nspname FROM schemas
    UNION ALL SELECT 'extension ' || extname FROM pg_extension
    UNION ALL SELECT 'large object ' || oid FROM pg_largeobject_metadata
    UNION ALL
    SELECT kind || ' ' || nspname || '.' || name FROM schemas JOIN (
        SELECT 'pg_class'::regclass AS catalog, oid, relnamespace AS schema, 'relation' AS kind, relname AS name
            FROM pg_class
        UNION ALL SELECT 'pg_type'::regclass, oid, typnamespace, 'type', typname FROM pg_type
            WHERE typrelid = 0 AND typelem = 0
        UNION ALL SELECT 'pg_proc'::regclass, oid, pronamespace, 'function', proname FROM pg_proc
    ) objects ON schema = schemas.oid
    WHERE NOT EXISTS (
        SELECT FROM pg_depend WHERE classid = catalog AND objid = objects.oid AND deptype = 'e')
    """


def inventory(nodes):
    """All that outlives a session on the nodes of a cluster, as a set of texts that name node, database and object."""
    found = set()
    for number in range(1, nodes.size + 1):
        found |= {f"node {number}: {thing}" for thing, in nodes.ask(number, OF_A_SERVER)}
        for database, in nodes.ask(number, "SELECT datname FROM pg_database WHERE datallowconn"):
            found |= {f"node {number}, database {database}: {thing}"
                      for thing, in nodes.ask(number, OF_A_DATABASE, dbname=database)}
    return found
