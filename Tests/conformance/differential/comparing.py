"""The comparison of the observations of two drivers, and the known differences."""

import configparser
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from language import kind

KNOWN = Path(__file__).resolve().parent / "known-differences.ini"
ABSENT = "(nothing)"


@dataclass(frozen=True)
class Difference:
    """A value of one step that differs between the drivers. `what` is a path such as "k0.rowcount", "raised.class",
    "server.rows of t"."""

    step: int
    kind: str
    what: str
    reference: str
    subject: str
    raised: str = ""

    def __str__(self):
        return f"{self.what}\n        psycopg2: {self.reference}\n        Apus:     {self.subject}"


def flattened(seen):
    """{path: text} of an observation."""
    flat = {}
    outcome = seen["outcome"]
    for name, value in outcome.items():
        if isinstance(value, dict):
            flat["outcome"] = "raised"
            flat.update({f"{name}.{inner}": str(text) for inner, text in value.items()})
        else:
            flat["outcome"] = name
            # Where a process hangs or how it crashed is printed, but not compared.
            flat[name] = str(value).split("\n")[0] if name == "process" else str(value)
    for register, attributes in seen.get("state", {}).items():
        flat.update({f"{register}.{name}": str(text) for name, text in attributes.items()})
    for name, value in seen.items():
        if name == "server":
            flat.update({f"server.{inner}": str(text) for inner, text in value.items()})
        elif name not in ("outcome", "state"):
            flat[name] = str(value)
    return flat


class Known:
    """A known difference with its reason, and the patterns that it has to match completely."""

    def __init__(self, name, section):
        self.name = name
        for key in section:
            if key not in ("step", "what", "class", "psycopg2", "apus", "with", "reason", "then", "why", "seen"):
                raise ValueError(f"{KNOWN.name}: [{name}] has an unknown key: {key}")
        self.why = section.get("why", "")
        if self.why not in ("purpose", "libpq", "psycopg2", "wording", "defect", "open"):
            raise ValueError(f"{KNOWN.name}: [{name}] needs why = purpose, libpq, psycopg2, wording, defect or open")
        self.reason = section.get("reason")
        if not self.reason:
            raise ValueError(f"{KNOWN.name}: [{name}] has no reason")
        # Whether the rest of the script is useless after it, because the drivers are no longer in the same state.
        self.ends = section.get("then") == "stop"
        # Whether it may be absent in a run, because it depends on the version of libpq or on time.
        self.sometimes = section.get("seen") == "sometimes" or self.why == "libpq"
        self._patterns = {key: re.compile(section[key].replace("\n", " "), re.DOTALL)
                          for key in ("step", "what", "class", "psycopg2", "apus") if key in section}
        self._with = re.compile(section["with"], re.DOTALL) if "with" in section else None

    def matches(self, difference, shown):
        given = {"step": difference.kind, "what": difference.what, "psycopg2": difference.reference,
                 "apus": difference.subject, "class": difference.raised}
        return all(pattern.fullmatch(given[key]) for key, pattern in self._patterns.items()) \
            and (self._with is None or self._with.search(shown) is not None)


class KnownDifferences:
    def __init__(self, path=KNOWN):
        parser = configparser.ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=("#",),
                                           inline_comment_prefixes=None, default_section="no defaults")
        parser.optionxform = str
        if path:
            parser.read_string(Path(path).read_text(), str(path))
        self.all = [Known(name, parser[name]) for name in parser.sections()]
        self.used = Counter()

    def find(self, difference, shown):
        for known in self.all:
            if known.matches(difference, shown):
                self.used[known.name] += 1
                return known
        return None

    def unused(self):
        return [known for known in self.all if not self.used[known.name]]


@dataclass
class Verdict:
    """The first step with an unknown difference, and all its differences; or none."""

    step: int = -1
    differences: tuple = ()
    known: tuple = ()
    note: str = ""

    def __bool__(self):
        return bool(self.differences)

    @property
    def classes(self):
        """The kind of the difference, to recognise it in another script: what differs, at which kind of step."""
        pairs = {each.what: (each.reference, each.subject) for each in self.differences}
        step = self.differences[0].kind if self.differences else None
        found = set()
        for what, pair in pairs.items():
            if what == "outcome":
                found.add((step, what, *(each.split(":")[0] for each in pair)))
            elif follows(what, pairs):
                continue
            elif what in ("raised.class", "process"):
                found.add((step, what, *pair))
            else:
                found.add((step, generic(what)))
        return found

    @property
    def told(self):
        """The differences without those that follow from another."""
        pairs = {each.what: (each.reference, each.subject) for each in self.differences}
        return [each for each in self.differences
                if each.what in ("raised.class", "raised.str") or not follows(each.what, pairs)]


def follows(what, pairs):
    """Whether this difference only follows from a greater one of the same step."""
    if "outcome" in pairs:
        # One of the two has an exception, or an object, that the other one has not.
        return what != "outcome" and (
            what.startswith(("raised.", "value", "process")) or ABSENT in pairs[what])
    return "raised.class" in pairs and what.startswith("raised.") and what != "raised.class"


def generic(what):
    return re.sub(r"^([a-z])\d+\.", r"\1.", what)


def compare(script, reference, subject, known, shown=str):
    """Compares step by step. A known difference may persist, as long as it does not change."""
    carried, used = {}, []
    for number in range(max(len(reference), len(subject))):
        one = flattened(reference[number]) if number < len(reference) else {"process": ABSENT}
        two = flattened(subject[number]) if number < len(subject) else {"process": ABSENT}
        at_end = number >= len(script["steps"])
        step_kind = "end" if at_end else kind(script["steps"][number])
        text = "the end" if at_end else shown(script["steps"][number])
        pairs = {}
        for what in [*one, *(each for each in two if each not in one)]:
            pair = one.get(what, ABSENT), two.get(what, ABSENT)
            if pair[0] == pair[1]:
                carried.pop(what, None)
            elif carried.get(what) != pair:
                pairs[what] = pair
        fresh, stop, explained = [], False, set()
        for what, pair in pairs.items():
            if what == "outcome":
                pair = outcome(one), outcome(two)
            difference = Difference(number, step_kind, what, *pair, raised=one.get("raised.class", ""))
            entry = known.find(difference, text)
            if entry is None:
                fresh.append(difference)
            else:
                used.append(entry.name)
                if lasts(what):
                    carried[what] = pairs[what]
                explained.add(what)
                stop = stop or entry.ends
        if stop:
            return Verdict(known=tuple(used))
        greater = {what: pairs[what] for what in explained if what in ("outcome", "raised.class")}
        fresh = [each for each in fresh if not follows(each.what, {each.what: pairs[each.what], **greater})]
        if fresh:
            return Verdict(number, tuple(fresh), tuple(used), note(one, two, reference, subject, number))
        if "outcome" in explained:
            # From here on one of the drivers has objects that the other does not have.
            return Verdict(known=tuple(used))
    return Verdict(known=tuple(used))


def lasts(what):
    """Whether an attribute is a state, which persists from step to step, and not a result of one step."""
    return not what.startswith(("outcome", "raised.", "value", "process", "warnings", "unraisable"))


def outcome(flat):
    """The result of a step, in a line that the known differences can match."""
    kind = flat.get("outcome", ABSENT)
    if kind == "raised":
        return f"raised {flat['raised.class']}: {flat['raised.str']}"
    return f"process {flat['process']}" if kind == "process" else kind


def note(one, two, reference, subject, number):
    """The output of a process that crashed or hung."""
    for flat, seen in ((one, reference), (two, subject)):
        if "process" in flat and number < len(seen):
            return seen[number]["outcome"]["process"]
    return ""
