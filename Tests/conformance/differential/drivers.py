"""The processes of the drivers: each runs scripts one after the other, and is replaced when it crashes or hangs."""

import json
import os
import queue
import re
import signal
import subprocess
import tempfile
import threading
from pathlib import Path

HERE = Path(__file__).resolve().parent
# No step of a script may take longer. The server ends each statement after four seconds.
PATIENCE = 20
# Names of prepared transactions are shared by all databases of a server.
SHARED = re.compile(r"tpc_|prepare", re.IGNORECASE)


class Driver:
    """The interpreter of one driver, with a database of its own."""

    def __init__(self, name, python, server, database, plant=None, patience=PATIENCE):
        """`plant` is a deliberate difference of this driver, see plants.py, which tests the comparison."""
        self.name = name
        self.version = None
        self._command = [str(python), "-B", str(HERE / "interpreter.py"), *map(str, server), database]
        if plant:
            self._command.append(plant)
        self._process = None
        self._patience = patience

    def __enter__(self):
        self._start()
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def has_ended(self):
        return self._process is None

    def run(self, script):
        """The observations of all steps. If the process ended, the last one says how."""
        if self._process is None:
            self._start()
        self._process.stdin.write(json.dumps(script) + "\n")
        seen, begun = [], 0
        while True:
            message = self._next()
            if message is None:
                seen.append({"outcome": {"process": self._fate()}})
                self.stop()
                return seen
            if "done" in message:
                return seen
            if "broken" in message:
                seen.append({"outcome": {"process": "the interpreter failed: " + message["broken"]}})
                return seen
            if "seen" in message:
                seen.append(message["seen"])
            begun = message.get("begin", begun)

    def _start(self):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        environment.update(PYTHONHASHSEED="0", PYTHONFAULTHANDLER="1", LC_ALL="C.UTF-8", TZ="UTC",
                           PGPASSFILE=os.devnull,
                           PGSERVICEFILE=os.devnull)
        self._chatter = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(self._command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=self._chatter, text=True, bufsize=1)
        self._messages = queue.Queue()
        threading.Thread(target=self._read, args=(self._process, self._messages), daemon=True).start()
        message = self._next(60)
        if message is None or "ready" not in message:
            raise RuntimeError(f"the process of {self.name} did not start: {message} {self._fate()}")
        self.version = message["ready"]

    @staticmethod
    def _read(process, messages):
        for line in process.stdout:
            messages.put(json.loads(line))
        messages.put(None)

    def _next(self, seconds=None):
        try:
            return self._messages.get(timeout=seconds or self._patience)
        except queue.Empty:
            return None

    def _fate(self):
        """Text that says that it hangs, or how it ended."""
        try:
            status = self._process.wait(0.5)
        except subprocess.TimeoutExpired:
            # Its faulthandler prints where it hangs.
            self._process.send_signal(signal.SIGABRT)
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
            return f"hangs\n{self._traceback()}"
        return f"ended by {signal.Signals(-status).name if status < 0 else status}\n{self._traceback()}"

    def _traceback(self):
        self._chatter.seek(0)
        return self._chatter.read()[-3000:]

    def stop(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process.stdin.close()
            self._process.stdout.close()
            self._process = None
            self._chatter.close()


def run_both(drivers, script):
    """The lists of observations of a script, run on both at the same time where it uses nothing of the whole server."""
    results = [None, None]

    def run(place):
        try:
            results[place] = drivers[place].run(script)
        except BrokenPipeError:
            drivers[place].stop()
            results[place] = [{"outcome": {"process": "ended before the script began"}}]

    if SHARED.search(json.dumps(script["steps"])):
        run(0)
        run(1)
    else:
        other = threading.Thread(target=run, args=(1,))
        other.start()
        run(0)
        other.join()
    if any(driver.has_ended for driver in drivers):
        # Leftovers of a script in its process must not exist for only one of the drivers.
        for driver in drivers:
            driver.stop()
    return results
