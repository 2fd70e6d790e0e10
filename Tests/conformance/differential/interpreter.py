"""The process of one driver: it runs scripts, and reports the observable state after each step.

    python -B interpreter.py HOST PORT USER DATABASE [PLANT]

One script per line on standard input, one JSON object per line on standard output: {"ready": ...},
{"step": N, "seen": ...}, {"done": ...}. Nothing here depends on the driver.
"""

import builtins
import datetime
import decimal
import faulthandler
import gc
import importlib
import io
import ipaddress
import json
import os
import select
import sys
import uuid
import warnings

import aid
from describe import Describer, type_name
from observer import Observer

PATIENCE = 6.0


class Missing(Exception):
    """A step names a register that no step before it has filled."""


class Interpreter:
    def __init__(self, driver, observer, database, dsn):
        self.driver, self.dsn = driver, dsn
        self._observer, self._database = observer, database
        self._plant = None
        self._modules = {"psycopg2": driver, "aid": aid, "builtins": builtins, "decimal": decimal, "io": io,
                         "datetime": datetime, "uuid": uuid, "ipaddress": ipaddress, "DSN": dsn}
        for name in ("extensions", "extras", "sql", "errors", "errorcodes", "tz", "pool"):
            self._modules[name] = importlib.import_module(f"psycopg2.{name}")
        extensions = driver.extensions
        self._shared = [(table, dict(table)) for table in (
            extensions.string_types, extensions.binary_types, extensions.adapters, extensions.encodings)]

    # A script

    def run(self, script, tell):
        """Runs the steps, and reports the observation of each."""
        self._observer.begin_script()
        self._describer = Describer(self.driver, self._database)
        self._registers = self._describer.registers
        self._describer.learn_process(self._observer.session.pid, "the other session")
        # Process ids of the sessions by register, and those of sessions that are closed since the last look.
        self._open, self._ended = {}, []
        self._unraisable = []
        sys.unraisablehook = lambda what: self._unraisable.append(f"{type_name(what.exc_type)}: {what.exc_value}")
        for number, step in enumerate(script["steps"]):
            tell({"begin": number})
            tell({"step": number, "seen": self._step(step)})
        tell({"begin": len(script["steps"])})
        tell({"step": len(script["steps"]), "seen": self._end()})
        # An observation is complete only with its registers: what they hold goes now.
        self._describer = self._registers = None

    def _step(self, step):
        self._describer.shows_processes = "pid" in json.dumps(step)
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            try:
                outcome = {"value": self._describer.value(self._performed(step))}
            except Missing as missing:
                return {"outcome": {"missing": str(missing)}}
            except Exception as error:
                outcome = {"raised": self._describer.exception(error)}
            self._learn_processes()
            seen = {"outcome": outcome, "state": self._describer.state()}
        if warned:
            seen["warnings"] = [f"{type_name(each.category)}: {each.message}" for each in warned]
        if self._unraisable:
            seen["unraisable"], self._unraisable = self._unraisable[:], []
        if not self._is_at_work():
            seen["server"] = self._server()
        return seen

    def _end(self):
        """Releases all objects of a script; anything that is left after that is a leftover."""
        extensions = self.driver.extensions
        extensions.set_wait_callback(None)
        changed = []
        for table, before in self._shared:
            # By identity: typecasters are equal where they share a type.
            fresh = {shared_key(key) for key in table if table[key] is not before.get(key)}
            fresh |= {f"{shared_key(key)} is gone" for key in before if key not in table}
            if fresh:
                changed.append(sorted(fresh))
                table.clear()
                table.update(before)
        self._registers.clear()
        gc.collect()
        left = self._observer.await_sessions(0)
        seen = {"outcome": {"value": "None"}, "sessions left behind": left, "changed tables": changed}
        if self._unraisable:
            seen["unraisable"] = self._unraisable[:]
        seen["server"] = self._server()
        self._observer.end_script()
        return seen

    def _connections(self):
        connection = self.driver.extensions.connection
        return [(name, held) for name, held in self._registers.items() if isinstance(held, connection)]

    def _learn_processes(self):
        for name, connection in self._connections():
            if connection.closed and name in self._open:
                self._ended.append(self._open.pop(name))
            try:
                pid = connection.get_backend_pid()
            except Exception:
                continue
            if pid:
                self._describer.learn_process(pid, name)
                self._open[name] = pid

    def _is_at_work(self):
        """Whether an asynchronous statement runs, so that the state of the server depends on time."""
        return any(not held.closed and held.isexecuting() for _, held in self._connections())

    def _server(self):
        for pid in self._ended:
            # A session ends some time after its connection was closed.
            self._observer.await_state(pid, "gone", 1.0)
        self._ended.clear()
        look = self._observer.look()
        sessions = look.pop("sessions") or {}
        named = {}
        for name, connection in self._connections():
            if connection.closed == 0:
                try:
                    named[name] = sessions.get(str(connection.get_backend_pid()), "gone")
                except Exception as error:
                    named[name] = self._describer.raised(error)
        seen = {f"session of {name}": state for name, state in named.items()}
        for table, rows in (look.pop("rows") or {}).items():
            seen[f"rows of {table}"] = self._describer.text(json.dumps(rows, ensure_ascii=False))
        for what, found in look.items():
            seen[what.replace("_", " ")] = self._describer.text(json.dumps(found, ensure_ascii=False))
        return seen

    # A step

    def plant(self, plant):
        """A deliberate difference, see plants.py."""
        self._plant = plant

    def _performed(self, step):
        return self._plant(self, step, self._perform) if self._plant else self._perform(step)

    def _perform(self, step):
        verb = step["do"]
        if verb == "call":
            # Arguments first, because a step without its registers does nothing.
            arguments = [self._value(each) for each in step.get("a", ())]
            keywords = {name: self._value(each) for name, each in step.get("k", {}).items()}
            return self._keep(step, self.find(step["f"])(*arguments, **keywords))
        if verb == "get":
            return self._keep(step, self.find(step["f"]))
        if verb in ("set", "delete"):
            owner, _, name = step["f"].rpartition(".")
            if verb == "set":
                value = self._value(step["v"])
                return setattr(self.find(owner), name, value)
            return delattr(self.find(owner), name)
        if verb == "iterate":
            items = []
            for item in self.find(step["f"]):
                items.append(item)
                if len(items) >= step.get("n", 1000):
                    break
            return items
        if verb == "drop":
            if step["f"] not in self._registers:
                raise Missing(step["f"])
            del self._registers[step["f"]]
            gc.collect()
            return None
        if verb == "other":
            return self._observer.run(step["sql"])
        if verb == "wait":
            return self._wait(self.find(step["f"]), step.get("seconds", PATIENCE))
        if verb == "terminate":
            pid = self.find(step["f"]).get_backend_pid()
            self._observer.run(f"SELECT pg_terminate_backend({pid})")
            return self._observer.await_state(pid, "gone")
        if verb == "arrival":
            return bool(select.select([self.find(step["f"])], [], [], step.get("seconds", 0.3))[0])
        if verb == "await":
            return self._observer.await_state(self.find(step["f"]).get_backend_pid(), step["state"])
        raise ValueError(f"no such step: {verb}")

    def _keep(self, step, value):
        if "as" in step:
            self._registers[step["as"]] = value
        return value

    def find(self, path):
        first, *names = path.split(".")
        if first in self._registers:
            found = self._registers[first]
        elif first in self._modules:
            found = self._modules[first]
        else:
            raise Missing(first)
        for name in names:
            found = getattr(found, name)
        return found

    def _value(self, value):
        """The Python object of a value of the language, see values.py."""
        if isinstance(value, list):
            return [self._value(each) for each in value]
        if not isinstance(value, dict):
            return value
        if "ref" in value:
            return self.find(value["ref"])
        if "call" in value:
            arguments = [self._value(each) for each in value.get("a", ())]
            keywords = {name: self._value(each) for name, each in value.get("k", {}).items()}
            return self.find(value["call"])(*arguments, **keywords)
        if "tuple" in value:
            return tuple(self._value(each) for each in value["tuple"])
        if "dict" in value:
            return {self._value(key): self._value(each) for key, each in value["dict"]}
        if "bytes" in value:
            return bytes.fromhex(value["bytes"])
        raise ValueError(f"no such value: {value}")

    def _wait(self, connection, seconds):
        """Polls until the connection is ready. The number of polls depends on time and is not reported."""
        extensions = self.driver.extensions
        while True:
            state = connection.poll()
            if state == extensions.POLL_OK:
                return "ready"
            reading = [connection] if state == extensions.POLL_READ else []
            writing = [connection] if state == extensions.POLL_WRITE else []
            if not any(select.select(reading, writing, [], seconds)):
                return "nothing came"


def shared_key(key):
    """The server chooses the object ids of types that are not built in."""
    return "a type of the database" if type(key) is int and key >= 16384 else str(key)


def main():
    host, port, user, database, *planted = sys.argv[1:]
    # Output of a driver must not get between the observations.
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    faulthandler.enable()

    def tell(message):
        channel.write(json.dumps(message) + "\n")

    import psycopg2

    observer = Observer(host, int(port), user, database)
    observer.prepare_database()
    # Neither TLS nor GSS, because the messages of libpq about a broken connection depend on them.
    dsn = f"host={host} port={port} user={user} dbname={database} sslmode=disable gssencmode=disable"
    interpreter = Interpreter(psycopg2, observer, database, dsn)
    if planted:
        from plants import PLANTS

        interpreter.plant(PLANTS[planted[0]])
    tell({"ready": f"{psycopg2.__version__}, libpq {psycopg2.__libpq_version__}"})
    for line in sys.stdin:
        try:
            interpreter.run(json.loads(line), tell)
            tell({"done": True})
        except Exception as error:
            import traceback

            tell({"broken": f"{error!r}\n{traceback.format_exc()}"})


if __name__ == "__main__":
    main()
