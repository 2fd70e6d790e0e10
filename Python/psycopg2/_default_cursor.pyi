from psycopg2._psycopg import connection, cursor

class ConnectionOfCursors(connection):
    default_cursor: type[cursor]
