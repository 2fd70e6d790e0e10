"""Tests of the differential tests, because a difference that they cannot see would pass for none.

    APUS_CLI=... python -m unittest discover -s Tests/conformance/differential

Tests that need a server and a driver use the psycopg2 of the Python in REFERENCE_PYTHON, on both sides.
"""

import json
import os
import random
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[2] / "Demo")]

import differential  # noqa: E402
from actions.themes import THEMES  # noqa: E402
from comparing import KnownDifferences, compare, flattened  # noqa: E402
from describe import Describer  # noqa: E402
from drivers import Driver, run_both  # noqa: E402
from generator import generate  # noqa: E402
from language import kind, made, mapping, octets, ref, show_script, show_step, show_value, tup  # noqa: E402
from plants import PLANTS  # noqa: E402
from shrinking import shrink  # noqa: E402


def script(*steps):
    return {"title": "test", "steps": list(steps)}


def seen(value="None", server=None, **state):
    return {"outcome": {"value": value}, "state": state, "server": server or {}}


def raised(name, text):
    return {"outcome": {"raised": {"class": name, "str": text, "pgcode": "None"}}, "state": {}, "server": {}}


EXECUTE = {"do": "call", "f": "k0.execute", "a": ["select 1"]}
FETCH = {"do": "call", "f": "k0.fetchall"}


def known(text):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "known.ini"
        path.write_text(text)
        return KnownDifferences(path)


NOTHING_KNOWN = known("")


class GeneratorTests(unittest.TestCase):
    def test_a_seed_makes_the_same_script_each_time(self):
        self.assertEqual(generate("7", 123), generate("7", 123))
        self.assertNotEqual(generate("7", 123)["steps"], generate("8", 123)["steps"])

    def test_scripts_are_json_and_can_be_printed(self):
        for number in range(300):
            made_script = generate("test", number)
            self.assertEqual(json.loads(json.dumps(made_script)), made_script)
            self.assertEqual(len(show_script(made_script).split("\n")), len(made_script["steps"]))

    def test_every_theme_and_every_kind_of_step_comes_about(self):
        scripts = [generate("test", number) for number in range(900)]
        self.assertEqual({each["title"].rpartition(" ")[0] for each in scripts}, set(THEMES))
        kinds = {kind(step) for each in scripts for step in each["steps"]}
        for wanted in ("psycopg2.connect", "c.cursor", "c.commit", "c.rollback", "c.reset", "c.close", "c.set_session",
                       "set c.autocommit", "set c.isolation_level", "set c.readonly", "set c.deferrable",
                       "k.execute", "k.executemany", "k.callproc", "k.mogrify", "k.fetchone", "k.fetchmany",
                       "k.fetchall", "k.scroll", "iterate k", "k.copy_from", "k.copy_to", "k.copy_expert",
                       "c.tpc_begin", "c.tpc_prepare", "c.tpc_commit", "c.tpc_rollback", "c.tpc_recover", "c.lobject",
                       "o.read", "o.write", "o.seek", "other", "wait c", "await c", "terminate c", "c.__enter__",
                       "c.__exit__", "c.poll", "c.cancel", "drop k", "psycopg2.extensions.set_wait_callback",
                       "psycopg2.extensions.register_type", "psycopg2.extras.execute_values",
                       "psycopg2.extras.execute_batch", "c.set_client_encoding"):
            self.assertIn(wanted, kinds)

    def test_the_state_of_random_is_the_generators_own(self):
        random.seed(1)
        first = generate("7", 5)
        random.seed(2)
        self.assertEqual(generate("7", 5), first)


class LanguageTests(unittest.TestCase):
    def test_values_read_as_python(self):
        value = [made("decimal.Decimal", "1"), tup(1), tup(), mapping([["a", octets(b"\0")]]),
                 ref("builtins.ValueError"), None]
        self.assertEqual(show_value(value), "[decimal.Decimal('1'), (1,), (), {'a': b'\\x00'}, ValueError, None]")

    def test_the_kind_of_a_step_has_no_numbers_of_registers(self):
        self.assertEqual(kind({"do": "call", "f": "k12.execute"}), "k.execute")
        self.assertEqual(kind({"do": "set", "f": "c0.autocommit", "v": True}), "set c.autocommit")
        self.assertEqual(kind({"do": "iterate", "f": "k3"}), "iterate k")


class DescriptionTests(unittest.TestCase):
    def setUp(self):
        names = ("connection", "cursor", "lobject", "Column", "Notify", "Diagnostics")
        extensions = mock.Mock(**{name: type(name, (), {}) for name in names})
        self.describer = Describer(mock.Mock(extensions=extensions), "differential_2")

    def test_types_that_look_alike_are_told_apart(self):
        import datetime
        import decimal

        values = [1, True, 1.0, decimal.Decimal(1), decimal.Decimal("1.0"), "1", b"1", bytearray(b"1"),
                  memoryview(b"1"), (1,), [1],
                  datetime.date(2020, 1, 1), datetime.datetime(2020, 1, 1), None, "None", float("nan"), -0.0, 0.0,
                  datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc), type("int", (int,), {})(1)]
        descriptions = [self.describer.value(value) for value in values]
        self.assertEqual(len(set(descriptions)), len(values))

    def test_types_of_items_count(self):
        self.assertNotEqual(self.describer.value([(1, "a")]), self.describer.value([(1, b"a")]))
        self.assertNotEqual(self.describer.value([(1, "a")]), self.describer.value([[1, "a"]]))

    def test_addresses_and_the_database_have_names(self):
        self.assertEqual(self.describer.text("<connection at 0x7f2a3c dbname=differential_2>"),
                         "<connection at 0x.. dbname=trial>")

    def test_object_ids_are_numbered_as_they_come(self):
        self.describer.learn_oid(70000)
        self.describer.learn_oid(23)
        self.describer.learn_oid(16999)
        self.assertEqual(self.describer.text("large object 16999 and 70000, type 23"),
                         "large object <oid 2> and <oid 1>, type 23")

    def test_no_sqlstate_is_an_object_id(self):
        self.describer.learn_oid(23514)
        self.assertEqual(self.describer.value("23514"), "'23514'")

    def test_process_ids_have_names_only_where_they_are_asked_for(self):
        self.describer.learn_process(700, "c0")
        self.assertEqual(self.describer.value([700]), "[700]")
        self.describer.shows_processes = True
        self.assertEqual(self.describer.value([700]), "[<pid of c0>]")

    def test_an_attribute_that_raises_is_told(self):
        class Raising:
            @property
            def query(self):
                raise ValueError("no")

        self.assertEqual(self.describer.attribute(Raising(), "query"), "raises ValueError: no")


class ComparisonTests(unittest.TestCase):
    def test_the_same_is_no_difference(self):
        self.assertFalse(compare(script(FETCH), [seen("[(1, )]"), seen()], [seen("[(1, )]"), seen()], NOTHING_KNOWN))

    def test_a_value_a_state_and_the_servers_rows_are_differences(self):
        for one, two, what in (
            (seen("[(1, )]"), seen("[('1', )]"), "value"), (seen(k0={"rowcount": "1"}), seen(k0={"rowcount": "-1"}),
                                                            "k0.rowcount"),
            (seen(server={"rows of t": "[]"}), seen(server={"rows of t": "[1]"}), "server.rows of t"),
            (raised("A", "x"), raised("B", "x"), "raised.class"), (raised("A", "x"), raised("A", "y"), "raised.str"),
            (seen(), raised("A", "x"), "outcome"), (seen(), {"outcome": {"process": "hangs\nsomewhere"}}, "outcome"),
            (seen(k0={}), {**seen(k0={}), "warnings": ["w"]}, "warnings"), (seen(), {**seen(), "unraisable": ["e"]},
                "unraisable")):
            verdict = compare(script(FETCH), [one], [two], NOTHING_KNOWN)
            self.assertTrue(verdict, what)
            self.assertIn(what, [each.what for each in verdict.told])

    def test_an_observation_that_is_missing_is_a_difference(self):
        self.assertTrue(compare(script(FETCH), [seen(), seen()], [seen()], NOTHING_KNOWN))

    def test_what_is_left_at_the_end_is_compared(self):
        verdict = compare(script(FETCH), [seen(), {**seen(), "sessions left behind": "0"}], [seen(), {**seen(),
            "sessions left behind": "1"}],
                          NOTHING_KNOWN)
        self.assertEqual([(each.kind, each.what) for each in verdict.differences], [("end", "sessions left behind")])

    def test_what_follows_from_an_exception_is_not_told_apart(self):
        verdict = compare(script(FETCH), [seen("1")], [raised("A", "x")], NOTHING_KNOWN)
        self.assertEqual({each.what for each in verdict.told}, {"outcome", "raised.class", "raised.str"})

    def test_where_a_process_ended_is_told_but_not_compared(self):
        one, two = {"outcome": {"process": "hangs\nhere"}}, {"outcome": {"process": "hangs\nthere"}}
        self.assertEqual(flattened(one), flattened(two))


class KnownTests(unittest.TestCase):
    ENTRY = ("[entry]\nstep = k.fetchall\nwhat = k0.rowcount\npsycopg2 = -1\napus = \\d\n"
             "why = purpose\nreason = A reason.\n")

    def rowcounts(self, *pairs, steps=(FETCH, FETCH, FETCH), entries=ENTRY):
        entries = known(entries)
        one, two = ([seen(k0={"rowcount": pair[place]}) for pair in pairs] for place in (0, 1))
        return compare(script(*steps), one, two, entries, show_step), entries

    def test_an_entry_explains_what_all_its_patterns_match(self):
        verdict, entries = self.rowcounts(("-1", "3"))
        self.assertFalse(verdict)
        self.assertEqual(entries.unused(), [])

    def test_it_explains_nothing_else(self):
        for pairs, steps in ((("-1", "33"),), (FETCH,)), ((("1", "3"),), (FETCH,)), ((("-1", "3"),), (EXECUTE,)):
            verdict, entries = self.rowcounts(*pairs, steps=steps)
            self.assertTrue(verdict)
            self.assertEqual([each.name for each in entries.unused()], ["entry"])

    def test_an_explained_difference_may_stay_but_not_change(self):
        self.assertFalse(self.rowcounts(("-1", "3"), ("-1", "3"), steps=(FETCH, EXECUTE))[0])
        self.assertTrue(self.rowcounts(("-1", "3"), ("-1", "4"), steps=(FETCH, EXECUTE))[0])
        self.assertTrue(self.rowcounts(("-1", "3"), ("1", "1"), ("-1", "3"), steps=(FETCH, EXECUTE, EXECUTE))[0])

    def test_an_entry_may_end_the_comparison(self):
        stopping = self.ENTRY + "then = stop\n"
        self.assertFalse(self.rowcounts(("-1", "3"), ("7", "8"), steps=(FETCH, EXECUTE), entries=stopping)[0])
        self.assertTrue(self.rowcounts(("-1", "3"), ("7", "8"), steps=(FETCH, EXECUTE))[0])

    def test_an_entry_may_ask_for_words_of_the_step(self):
        entries = self.ENTRY.replace("step = k.fetchall", "with = select 1")
        self.assertFalse(self.rowcounts(("-1", "3"), steps=(EXECUTE,), entries=entries)[0])
        self.assertTrue(self.rowcounts(("-1", "3"), steps=(FETCH,), entries=entries)[0])

    def test_a_known_exception_explains_its_own_texts(self):
        entries = known("[entry]\nwhat = raised.class\npsycopg2 = A\napus = B\nwhy = purpose\nreason = A reason.\n")
        self.assertFalse(compare(script(FETCH), [raised("A", "x")], [raised("B", "y")], entries))
        self.assertTrue(compare(script(FETCH), [raised("A", "x")], [raised("C", "y")], entries))
        state = {**raised("B", "y"), "state": {"c0": {"status": "2"}}}
        self.assertTrue(compare(script(FETCH), [raised("A", "x")], [state], entries))

    def test_entries_without_a_reason_and_unknown_keys_are_refused(self):
        for text in ("[entry]\nwhat = x\nwhy = purpose\n", "[entry]\nwhat = x\nreason = y\n",
                     self.ENTRY + "because = x\n",
                     self.ENTRY.replace("purpose", "mood")):
            with self.assertRaises(ValueError):
                known(text)

    def test_the_list_itself_can_be_read(self):
        self.assertTrue(KnownDifferences().all)


class ShrinkingTests(unittest.TestCase):
    def test_only_what_is_needed_stays_in_its_order(self):
        steps = [{"do": "get", "f": f"v{number}"} for number in range(30)]
        needed = [steps[3], steps[17], steps[29]]
        short = shrink(script(*steps), lambda each: all(step in each["steps"] for step in needed))
        self.assertEqual(short["steps"], needed)

    def test_it_ends_after_so_many_runs(self):
        steps, runs = [{"do": "get", "f": f"v{number}"} for number in range(200)], []
        shrink(script(*steps), lambda each: runs.append(1), most=20)
        self.assertEqual(len(runs), 20)


CONNECT = {"do": "call", "f": "psycopg2.connect", "a": [ref("DSN")], "as": "c0"}
CURSOR = {"do": "call", "f": "c0.cursor", "as": "k0"}


def call(path, *values):
    return {"do": "call", "f": path, "a": list(values)}


SHOWING = {
    "lost_row": [call("k0.execute", "select 1"), call("k0.fetchall")],
    "other_type": [call("k0.execute", "select 1"), call("k0.fetchone")],
    "early_commit": [call("k0.execute", "insert into t values (9, 9, 'x')")],
    "other_error": [call("k0.execute", "select 1/0")],
    "swallowed_error": [call("k0.execute", "select 1/0")],
    "open_session": [call("k0.close")],
    "changed_state": [call("k0.execute", "select 1"), call("c0.rollback")],
    "crash": [call("k0.callproc", "add", [1, 2])],
    "hang": [call("k0.callproc", "add", [1, 2])],
}


@unittest.skipUnless(os.environ.get("REFERENCE_PYTHON") and os.environ.get("APUS_CLI"), "needs a server and psycopg2")
class PlantedTests(unittest.TestCase):
    """psycopg2 compared with itself: nothing differs, and each planted difference is found."""

    @classmethod
    def setUpClass(cls):
        server = differential.local_server()
        address = server.__enter__()
        cls.addClassCleanup(server.__exit__, None, None, None)
        cls.pair = lambda self, plant=None: (
            Driver("one", os.environ["REFERENCE_PYTHON"], address, "differential_1"),
            Driver("other", os.environ["REFERENCE_PYTHON"], address, "differential_2", plant, patience=5))

    def test_psycopg2_does_not_differ_from_itself(self):
        one, other = self.pair()
        with one, other:
            for number in range(40):
                each = generate("self", number)
                verdict = compare(each, *run_both((one, other), each), NOTHING_KNOWN, show_step)
                self.assertFalse(verdict, f"{show_script(each, verdict.step)}\n{verdict.told}")

    def test_each_plant_is_found(self):
        self.assertEqual(set(SHOWING), set(PLANTS))
        for plant, steps in SHOWING.items():
            one, other = self.pair(plant)
            with self.subTest(plant), one, other:
                each = script(CONNECT, CURSOR, *steps)
                verdict = compare(each, *run_both((one, other), each), NOTHING_KNOWN, show_step)
                self.assertTrue(verdict)
                # The processes continue, and the next script does not show it.
                plain = script(CONNECT, CURSOR, call("k0.execute", "select 2"))
                self.assertFalse(compare(plain, *run_both((one, other), plain), NOTHING_KNOWN, show_step))

    def test_a_planted_difference_is_found_in_made_scripts_and_shrunk(self):
        one, other = self.pair("lost_row")
        with one, other:
            for number in range(200):
                each = generate("planted", number)
                verdict = compare(each, *run_both((one, other), each), NOTHING_KNOWN, show_step)
                if verdict:
                    break
            short, verdict = differential.shortest((one, other), each, verdict, NOTHING_KNOWN)
        self.assertEqual(verdict.differences[0].kind, "k.fetchall")
        self.assertLessEqual(len(short["steps"]), 5)


if __name__ == "__main__":
    unittest.main()
