"""The attributes of a driver's objects, as text that two processes can compare.

Values that always differ between processes get names: addresses, process ids, object ids that the server has chosen,
and the database's name. Everything else is kept, above all the exact type of every value.
"""

import array
import datetime
import decimal
import io
import re
import uuid

ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{5,}\b")
TOAST = re.compile(r"\bpg_toast_\d+")
# Quoted ones are SQLSTATEs, or text of the script.
NUMBER = re.compile(r"(?<![\w.'])\d{5,10}(?!['\w]|\.\d)")
PLAIN = (type(None), bool, int, float, str, bytes, bytearray, complex, decimal.Decimal, datetime.date, datetime.time,
         datetime.datetime, datetime.timedelta, uuid.UUID, range, type(Ellipsis))

CONNECTION_ATTRIBUTES = (
    "closed", "status", "autocommit", "isolation_level", "readonly", "deferrable", "encoding", "async", "async_",
    "notices", "notifies", "cursor_factory", "dsn", "server_version", "protocol_version", "string_types",
    "binary_types")
CONNECTION_CALLS = ("get_transaction_status", "isexecuting")
INFO_ATTRIBUTES = (
    "status", "transaction_status", "dbname", "user", "password", "host", "port", "options", "error_message",
    "server_version", "protocol_version", "needs_password", "used_password", "ssl_in_use")
# From dsn_parameters only those that every version of libpq knows.
DSN_PARAMETERS = ("user", "password", "dbname", "host", "port", "options", "sslmode", "application_name",
                  "client_encoding",
                  "connect_timeout", "target_session_attrs", "gssencmode", "service")
PARAMETERS = ("standard_conforming_strings", "client_encoding", "DateStyle", "IntervalStyle", "TimeZone",
              "application_name", "is_superuser", "session_authorization", "no_such_parameter")
CURSOR_ATTRIBUTES = (
    "closed", "rowcount", "rownumber", "description", "statusmessage", "query", "lastrowid", "arraysize", "itersize",
    "name", "scrollable", "withhold", "row_factory", "tzinfo_factory", "connection", "string_types", "binary_types",
    "typecaster")
DIAGNOSTICS = (
    "severity", "severity_nonlocalized", "sqlstate", "message_primary", "message_detail", "message_hint",
    "statement_position", "internal_position", "internal_query", "context", "schema_name", "table_name",
    "column_name", "datatype_name", "constraint_name", "source_file", "source_line", "source_function")


class Describer:
    """The names of one script: the same thing has the same name in each of its steps."""

    def __init__(self, driver, database):
        self.driver = driver
        self.registers = {}
        self._database = re.compile(rf"\b{re.escape(database)}\b")
        self._processes = {}
        self._oids = {}
        # Whether numbers may be process ids: only a step that asks for them shows them, and notifications do.
        self.shows_processes = False

    # What is known by another name

    def learn_process(self, pid, name):
        self._processes.setdefault(pid, f"<pid of {name}>")

    def learn_oid(self, oid):
        """Object ids from 16384 on are chosen by the server; they are numbered in the order of their appearance."""
        if type(oid) is int and oid >= 16384:
            self._oids.setdefault(oid, f"<oid {len(self._oids) + 1}>")

    def text(self, text):
        """A text without the parts that differ between any two runs."""
        text = ADDRESS.sub("0x..", text)
        text = TOAST.sub("pg_toast_..", self._database.sub("trial", text))
        return NUMBER.sub(lambda found: self._oids.get(int(found[0]), found[0]), text)

    def name_of(self, thing):
        for name, held in self.registers.items():
            if held is thing:
                return name
        return None

    # Values

    def value(self, value, depth=0):
        return self.text(self._value(value, depth))

    def _value(self, value, depth):
        kind = type(value)
        if kind is int and self.shows_processes and value in self._processes:
            return self._processes[value]
        if kind in PLAIN:
            return repr(value)
        if depth > 8:
            return f"<{type_name(kind)}, nested too deeply>"
        deeper = depth + 1
        if kind is list:
            return "[" + ", ".join(self._value(item, deeper) for item in value) + "]"
        if kind is tuple:
            return "(" + "".join(self._value(item, deeper) + ", " for item in value) + ")"
        if kind is dict:
            for key in value:
                self.learn_oid(key)
            return "{" + ", ".join(f"{self._value(key, deeper)}: {self._value(item, deeper)}"
                                   for key, item in value.items()) + "}"
        if kind is memoryview:
            return f"<memoryview {bytes(value)!r} {value.format} {value.shape} {value.readonly}>"
        if isinstance(value, BaseException):
            return f"<{type_name(kind)}: {value}>"
        if isinstance(value, type):
            return f"<class {type_name(value)}>"
        return self._object(value, kind, deeper)

    def _object(self, value, kind, deeper):
        extensions = self.driver.extensions
        name = type_name(kind)
        if isinstance(value, (extensions.connection, extensions.cursor, extensions.lobject)):
            return f"<{self.name_of(value) or 'unnamed'} {name}>"
        if isinstance(value, extensions.Column):
            return self.column(value)
        if isinstance(value, extensions.Notify):
            pid = self._processes.get(value.pid, value.pid)
            return f"{name}({pid!s}, {value.channel!r}, {value.payload!r})"
        if isinstance(value, extensions.Diagnostics):
            return name + self._value(self.diagnostics(value), deeper)
        if name == "psycopg2._psycopg.type":
            for oid in value.values:
                self.learn_oid(oid)
            return f"<typecaster {value.name} of {value.values}>"
        if isinstance(value, tuple):
            named = getattr(value, "_fields", None)
            return f"{name}{named or ''}" + self._value(tuple(value), deeper)
        if isinstance(value, list):
            keys = list(value.keys()) if hasattr(value, "keys") else ""
            return f"{name}{keys}" + self._value(list(value), deeper)
        if isinstance(value, dict):
            return name + self._value(dict(value), deeper)
        if isinstance(value, (set, frozenset)):
            return name + repr(sorted(map(repr, value)))
        if isinstance(value, array.array):
            return repr(value)
        if isinstance(value, (str, bytes, int, float, datetime.datetime)):
            return f"{name}({value!r})"
        if isinstance(value, io.StringIO):
            return f"{name} with {value.getvalue()!r}"
        if isinstance(value, io.BytesIO):
            return f"{name} with {value.getvalue()!r}"
        if name.startswith(("psycopg2.", "ipaddress.", "decimal.", "datetime.")):
            return f"<{name} {value!r}>"
        return f"<{name}>"

    def column(self, column):
        """All fields of a column of description, in one line."""
        self.learn_oid(column.table_oid)
        self.learn_oid(column.type_code)
        names = ("name", "type_code", "display_size", "internal_size", "precision", "scale", "null_ok", "table_oid",
                 "table_column")
        length = len(column)
        return f"{type_name(type(column))}({length}: " + " ".join(
            f"{name}={getattr(column, name)!r}" for name in names) + ")"

    # Exceptions

    def exception(self, error):
        """The attributes of a caught exception."""
        kind = type(error)
        seen = {
            "class": type_name(kind),
            "mro": " ".join(type_name(base) for base in kind.__mro__),
            "str": self.text(str(error)),
            "args": self.value(error.args),
        }
        for name in ("__cause__", "__context__"):
            inner = getattr(error, name)
            if inner is not None:
                seen[name] = f"{type_name(type(inner))}: {self.text(str(inner))}"
        if isinstance(error, self.driver.Error):
            for name in ("pgcode", "pgerror", "cursor"):
                seen[name] = self.attribute(error, name)
            for name, text in self.diagnostics(error.diag).items():
                seen[f"diag.{name}"] = text
        return seen

    def diagnostics(self, diag):
        return {name: self.attribute(diag, name) for name in DIAGNOSTICS}

    # State

    def attribute(self, owner, name):
        try:
            value = getattr(owner, name)
        except Exception as error:
            return self.raised(error)
        # A count is not a process id, even if it happens to be the same number.
        return repr(value) if type(value) is int and name != "oid" else self.value(value)

    def called(self, function, *arguments):
        try:
            value = function(*arguments)
        except Exception as error:
            return self.raised(error)
        return self.value(value)

    def raised(self, error):
        return f"raises {type_name(type(error))}: {self.text(str(error))}"

    def state(self):
        """{register: {attribute: text}} of all connections, cursors and large objects that a script holds."""
        extensions = self.driver.extensions
        states = {}
        for name, held in self.registers.items():
            if isinstance(held, extensions.connection):
                states[name] = self.connection(held)
            elif isinstance(held, extensions.cursor):
                states[name] = self.cursor(held)
            elif isinstance(held, extensions.lobject):
                self.learn_oid(getattr(held, "oid", None))
                states[name] = {each: self.attribute(held, each) for each in ("closed", "mode", "oid")}
            elif isinstance(held, (io.StringIO, io.BytesIO)) and not held.closed:
                states[name] = {"content": self.value(held.getvalue()), "tell": str(held.tell())}
        return states

    def connection(self, connection):
        seen = {name: self.attribute(connection, name) for name in CONNECTION_ATTRIBUTES}
        for name in CONNECTION_CALLS:
            seen[name] = self.called(getattr(connection, name))
        for name in PARAMETERS:
            seen[f"parameter.{name}"] = self.called(connection.get_parameter_status, name)
        try:
            info = connection.info
        except Exception as error:
            seen["info"] = self.raised(error)
        else:
            for name in INFO_ATTRIBUTES:
                seen[f"info.{name}"] = self.attribute(info, name)
            seen["info.dsn_parameters"] = self.dsn_parameters(info)
        seen["repr"] = self.text(repr(connection))
        return seen

    def dsn_parameters(self, info):
        try:
            found = info.dsn_parameters
        except Exception as error:
            return self.raised(error)
        return self.value({name: found[name] for name in DSN_PARAMETERS if name in found} if found else found)

    def cursor(self, cursor):
        seen = {name: self.attribute(cursor, name) for name in CURSOR_ATTRIBUTES}
        seen["repr"] = self.text(repr(cursor))
        return seen


def type_name(kind):
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
