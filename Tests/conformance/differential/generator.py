"""Scripts of API calls, made from a seed: the same seed makes the same script, whatever the driver."""

import random

from actions.themes import THEMES
from language import ref


class Writer:
    """A script that is being written, and the state of its objects so far."""

    def __init__(self, r):
        self.r = r
        self.steps = []
        self.connections = []
        self.cursors = []
        self.lobjects = []
        self.asynchronous = set()
        self._others = 0

    # Steps

    def call(self, path, *values, into=None, **keywords):
        if path.rpartition(".")[2] == "poll" and path.rpartition(".")[0] in self.asynchronous:
            # The result of a single poll depends on time.
            return self.wait(path.rpartition(".")[0])
        step = {"do": "call", "f": path}
        if values:
            step["a"] = list(values)
        if keywords:
            step["k"] = keywords
        if into:
            step["as"] = into
        self.steps.append(step)
        return into

    def get(self, path):
        self.steps.append({"do": "get", "f": path})

    def set(self, path, value):
        self.steps.append({"do": "set", "f": path, "v": value})

    def add(self, verb, path, **more):
        self.steps.append({"do": verb, "f": path, **more})

    def other(self, sql):
        self.steps.append({"do": "other", "sql": sql})

    # Objects

    def connect(self, *values, asynchronous=False, **keywords):
        name = f"c{len(self.connections)}"
        self.connections.append(name)
        if asynchronous:
            self.asynchronous.add(name)
            keywords["async_"] = True
        self.call("psycopg2.connect", *(values or [ref("DSN")]), into=name, **keywords)
        if asynchronous:
            self.wait(name)
        return name

    def cursor(self, connection=None, *values, **keywords):
        name = f"k{len(self.cursors)}"
        self.cursors.append(name)
        self.call(f"{connection or self.a_connection()}.cursor", *values, into=name, **keywords)
        return name

    def a_connection(self):
        return self.r.choice(self.connections)

    def a_cursor(self):
        """One of the last cursors more often than an early one."""
        if not self.cursors:
            return self.cursor()
        return self.cursors[-1] if self.r.random() < 0.7 else self.r.choice(self.cursors)

    def a_register(self):
        self._others += 1
        return f"v{self._others}"

    def wait(self, connection):
        self.add("wait", connection)

    def settle(self):
        """After a statement: asynchronous connections are waited for, most of the time."""
        if self.asynchronous and self.r.random() < 0.9:
            for name in sorted(self.asynchronous):
                self.wait(name)

    def execute(self, cursor, *values, **keywords):
        self.call(f"{cursor}.execute", *values, **keywords)
        self.settle()


def generate(seed, number):
    """The script with this number."""
    r = random.Random(f"{seed}/{number}")
    name = r.choices(list(THEMES), [theme.weight for theme in THEMES.values()])[0]
    theme = THEMES[name]
    writer = Writer(r)
    theme.begin(writer)
    length = r.randrange(4, 22)
    actions, weights = list(theme.actions), list(theme.actions.values())
    while len(writer.steps) < length:
        r.choices(actions, weights)[0](writer)
    return {"title": f"{name} {seed}/{number}", "steps": writer.steps}
