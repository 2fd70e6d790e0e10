"""The state of the server, as another session sees it."""

import json
import time

from wire import ServerError, WireSession

SCHEMA = "s"

# In a schema that no script uses. It does not wait for a table that is locked because a change is not committed.
PREPARED = """
    CREATE SCHEMA watch;
    CREATE FUNCTION watch.tables() RETURNS json LANGUAGE plpgsql AS $$
    DECLARE
        seen json; found json := '{}'; name text;
    BEGIN
        FOR name IN SELECT relname FROM pg_class
            WHERE relnamespace = 's'::regnamespace AND relkind = 'r' ORDER BY 1 LOOP
            BEGIN
                EXECUTE format('LOCK TABLE s.%I IN ACCESS SHARE MODE NOWAIT', name);
                EXECUTE format('SELECT json_agg(t::text ORDER BY t::text) FROM s.%I t', name) INTO seen;
            EXCEPTION WHEN OTHERS THEN
                seen := to_json(SQLSTATE);
            END;
            found := (found::jsonb || jsonb_build_object(name, seen))::json;
        END LOOP;
        RETURN found;
    END $$;
    CREATE VIEW watch.everything AS SELECT
        watch.tables() AS "rows",
        (SELECT json_object_agg(pid, state) FROM pg_stat_activity
            WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid())
            AS sessions,
        (SELECT json_agg(gid ORDER BY gid) FROM pg_prepared_xacts WHERE database = current_database()) AS prepared,
        (SELECT json_agg(format('%s:%s:%s:%s', classid, objid, objsubid, mode) ORDER BY classid, objid, mode)
            FROM pg_locks WHERE locktype = 'advisory' AND granted
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS advisory,
        (SELECT json_agg(format('%s bytes %s', length(o.data), md5(o.data)) ORDER BY 1) FROM (
            SELECT string_agg(data, '' ORDER BY pageno) AS data FROM pg_largeobject_metadata m
            LEFT JOIN pg_largeobject l ON l.loid = m.oid GROUP BY m.oid) AS o) AS large_objects,
        (SELECT json_agg(relname ORDER BY relname) FROM pg_class WHERE relpersistence = 't' AND relkind = 'r')
            AS temporary;
"""

# Each script begins with this. A sequence also shows effects that a rollback does not undo.
FRESH = """
    SELECT lo_unlink(oid) FROM pg_largeobject_metadata;
    SET client_min_messages = warning;
    DROP SCHEMA IF EXISTS s CASCADE;
    CREATE SCHEMA s;
    CREATE TABLE s.t (id int PRIMARY KEY, n int CHECK (n <> 13), v text);
    CREATE TABLE s.child (id serial, t_id int NOT NULL REFERENCES s.t (id) DEFERRABLE INITIALLY DEFERRED);
    INSERT INTO s.t VALUES (1, 10, 'one'), (2, 20, 'two'), (3, NULL, NULL);
    CREATE TYPE s.mood AS ENUM ('sad', 'ok', 'happy');
    CREATE TYPE s.pair AS (a int, b text);
    CREATE DOMAIN s.small AS int CHECK (VALUE < 100);
    CREATE FUNCTION s.add(a int, b int DEFAULT 1) RETURNS int LANGUAGE sql AS 'SELECT a + b';
    CREATE FUNCTION s.shout(text, times int DEFAULT 1) RETURNS void LANGUAGE plpgsql AS
        'BEGIN FOR i IN 1..times LOOP RAISE NOTICE ''% %'', $1, i; END LOOP; END';
    CREATE FUNCTION s.fail(text) RETURNS void LANGUAGE plpgsql AS
        'BEGIN RAISE EXCEPTION ''%'', $1 USING ERRCODE = ''UE001'', DETAIL = ''the detail'', HINT = ''the hint'',
         COLUMN = ''a column'', CONSTRAINT = ''a constraint'', DATATYPE = ''a type'', TABLE = ''a table'',
         SCHEMA = ''a schema''; END';
    CREATE FUNCTION s.cur(name refcursor) RETURNS refcursor LANGUAGE plpgsql AS
        'BEGIN OPEN name FOR SELECT * FROM s.t ORDER BY id; RETURN name; END';
    CREATE PROCEDURE s.setting(name text, value text, how text) LANGUAGE plpgsql AS
        'BEGIN PERFORM set_config(name, value, false); COMMIT;
         IF how = ''fail'' THEN RAISE EXCEPTION ''after the commit''; END IF; END';
"""


class Observer:
    """The other session of one driver's database. It is connected to the same server without a driver."""

    def __init__(self, host, port, user, database):
        self._address = (host, port, user, database)
        self._session = None

    def prepare_database(self):
        """Creates the database again."""
        host, port, user, database = self._address
        session = WireSession(host, port, user, "postgres")
        session.query(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
        session.query(f"CREATE DATABASE {database}")
        for setting in ("lock_timeout = '40ms'", "statement_timeout = '4s'", "search_path = s, public",
                        "timezone = 'Europe/Rome'", "log_min_messages = 'fatal'"):
            session.query(f"ALTER DATABASE {database} SET {setting}")
        session.close()
        session = WireSession(*self._address)
        session.query(PREPARED)
        session.query("CREATE EXTENSION hstore WITH SCHEMA public")
        session.close()

    @property
    def session(self):
        if self._session is None:
            self._session = WireSession(*self._address)
            self._session.query("SET statement_timeout = '8s'")
        return self._session

    def begin_script(self):
        """Removes everything that the script before it has left."""
        self.end_script()
        self.session.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                           " WHERE datname = current_database() AND pid <> pg_backend_pid()")
        self.await_sessions(0)
        self.session.query(FRESH)

    def end_script(self):
        """Rolls prepared transactions back: all databases share their names, and the other driver may need them."""
        for gid, in self.session.query("SELECT gid FROM pg_prepared_xacts WHERE database = current_database()"):
            self.session.query("ROLLBACK PREPARED '" + gid.replace("'", "''") + "'")

    def await_sessions(self, count, seconds=3.0):
        """Waits until at most `count` sessions are connected. Returns how many are left at the end."""
        return self._ask_until(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'", lambda answer: int(answer) <= count, seconds)

    def await_state(self, pid, state, seconds=3.0):
        """Waits until a session is in that state: "gone", "active" (and sleeping) or "idle"."""
        return self._ask_until(
            f"SELECT coalesce((SELECT CASE WHEN state = 'active' THEN coalesce(wait_event, state) ELSE state END"
            f" FROM pg_stat_activity WHERE pid = {int(pid)}), 'gone')",
            lambda answer: answer == state or state == "idle" and answer.startswith("idle"), seconds)

    def _ask_until(self, sql, enough, seconds):
        end = time.monotonic() + seconds
        while True:
            (answer,), = self.session.query(sql)
            if enough(answer) or time.monotonic() > end:
                return answer
            time.sleep(0.001)

    def look(self):
        """Everything that watch.everything has, its sessions by their process ids."""
        (row,) = self.session.query("SELECT to_json(e) FROM watch.everything AS e")
        return json.loads(row[0])

    def run(self, sql):
        """Executes a text in the other session, in a transaction of its own. Returns its rows or its error code."""
        try:
            return self.session.query(sql)
        except ServerError as error:
            if error.fields.get("S") in ("FATAL", "PANIC"):
                self._session = None
            return {"error": error.fields.get("C"), "message": error.fields.get("M")}
        finally:
            if self._session is not None:
                self._session.query("ROLLBACK")
