"""The language of scripts: steps and values that JSON can hold, and how they read as Python.

A script is {"title": ..., "steps": [...]}. A step is one of

    {"do": "call", "f": "k0.execute", "a": [values], "k": {name: value}, "as": register}
    {"do": "get", "f": "k0.rowcount"}    {"do": "set", "f": "c0.autocommit", "v": value}    {"do": "delete", "f": ...}
    {"do": "iterate", "f": "k0", "n": 3}    all items, or so many
    {"do": "drop", "f": "k0"}    the register is emptied, and what it held collected
    {"do": "other", "sql": ...}    the other session executes a text, and commits
    {"do": "wait", "f": "c0"}    an asynchronous connection is polled until it is ready
    {"do": "await", "f": "c0", "state": "PgSleep"}    until the server has the session in that state
    {"do": "arrival", "f": "c0"}    until something has come for a connection, but not long
    {"do": "terminate", "f": "c0"}    the other session ends the session of c0, and waits until it is gone

A path begins with a register or a module: c0, c1 are connections, k0, k1 cursors, o0 large objects, v0 others. A value
is what JSON has, or {"ref": path}, {"call": path, "a": [...], "k": {...}}, {"tuple": [...]}, {"bytes": hexadecimal},
{"dict": [[key, value], ...]}.
"""

import re


def ref(path):
    return {"ref": path}


def made(path, *arguments, **keywords):
    """An object that a call makes."""
    value = {"call": path}
    if arguments:
        value["a"] = list(arguments)
    if keywords:
        value["k"] = keywords
    return value


def tup(*items):
    return {"tuple": list(items)}


def mapping(pairs):
    return {"dict": [[key, value] for key, value in pairs]}


def octets(content):
    return {"bytes": content.hex()}


def kind(step):
    """What a step does, without the numbers of its registers: "k.execute", "set c.autocommit"."""
    if step["do"] == "other":
        return "other"
    path = re.sub(r"^([a-z])\d+(?=\.|$)", r"\1", step["f"])
    return path if step["do"] == "call" else f"{step['do']} {path}"


# Reading


def show_step(step):
    """A step as a line of Python, or similar."""
    verb = step["do"]
    if verb == "call":
        text = f"{step['f']}({_arguments(step)})"
        return f"{step['as']} = {text}" if "as" in step else text
    if verb == "get":
        return f"{step['as']} = {step['f']}" if "as" in step else step["f"]
    if verb == "set":
        return f"{step['f']} = {show_value(step['v'])}"
    if verb == "delete":
        return f"del {step['f']}"
    if verb == "iterate":
        return f"list({step['f']})" if "n" not in step else f"list(itertools.islice({step['f']}, {step['n']}))"
    if verb == "drop":
        return f"del {step['f']}  # and gc.collect()"
    if verb == "other":
        return f"# another session: {step['sql']!r}"
    if verb == "wait":
        return f"wait({step['f']})"
    if verb == "arrival":
        return f"select.select([{step['f']}], [], [], 0.3)"
    if verb == "await":
        return f"# until the session of {step['f']} is in state {step['state']}"
    return f"# another session: pg_terminate_backend({step['f']}.get_backend_pid())"


def _arguments(call):
    words = [show_value(each) for each in call.get("a", ())]
    words += [f"{name}={show_value(each)}" for name, each in call.get("k", {}).items()]
    return ", ".join(words)


def show_value(value):
    if isinstance(value, list):
        return "[" + ", ".join(map(show_value, value)) + "]"
    if not isinstance(value, dict):
        return repr(value)
    if "ref" in value:
        return _spelled(value["ref"])
    if "call" in value:
        return f"{_spelled(value['call'])}({_arguments(value)})"
    if "tuple" in value:
        return "(" + "".join(show_value(each) + ", " for each in value["tuple"]).removesuffix(" ") + ")"
    if "dict" in value:
        return "{" + ", ".join(f"{show_value(key)}: {show_value(each)}" for key, each in value["dict"]) + "}"
    return repr(bytes.fromhex(value["bytes"]))


def _spelled(path):
    return path.removeprefix("builtins.")


def show_script(script, marked=None):
    """One line per step; the marked one has a sign."""
    return "\n".join(f"{'>' if number == marked else ' '} {number:2} {show_step(step)}"
                     for number, step in enumerate(script["steps"]))
