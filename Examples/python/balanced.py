import psycopg2

dsn = "host=127.0.0.1 user=yugabyte dbname=yugabyte load_balance=true"

connections = [psycopg2.connect(dsn) for _ in range(6)]
for connection in connections:
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT host(inet_server_addr()), %s + %s", (40, 2))
        print(*cursor.fetchone())
for connection in connections:
    connection.close()
