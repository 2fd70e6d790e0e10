"""The report of `make bench-python` on the figures required."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

BENCHMARK = Path(__file__).resolve().parents[2] / "Benchmarks" / "python"


@pytest.fixture
def report(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARK))
    for name in ("figures", "report", "meter", "workloads"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import report

    return report


def shown(report, results, **options):
    workloads = [SimpleNamespace(name="select1", unit="query")]
    peers = [SimpleNamespace(name="psycopg2-binary"), SimpleNamespace(name="Apus")]
    return report.show(results, workloads, peers, **options)


@pytest.mark.parametrize("ours, missed", [(89, 0), (90, 0), (91, 1), (None, 1)])
def test_a_figure_missed_or_not_measured_is_counted(report, capsys, ours, missed):
    results = {("select1", "instructions", "psycopg2-binary"): 100, ("select1", "instructions", "Apus"): ours}
    assert shown(report, results) == missed
    assert ("MISSED" in capsys.readouterr().out) == bool(missed)


def test_nothing_measured_is_missed_unless_it_was_left_out(report):
    assert shown(report, {}) == 1
    assert shown(report, {}, metrics=["CPU", "wall"]) == 0


def test_memory_counts_from_where_the_measuring_begins(report):
    from meter import Meter

    # Blocks of more than 32 MiB are mapped and unmapped, however much of the heap is free.
    before = bytearray(96 << 20)
    before[::4096] = b"x" * len(before[::4096])
    del before
    meter = Meter()
    with meter:
        during = bytearray(40 << 20)
        during[::4096] = b"x" * len(during[::4096])
    assert 32 << 20 < meter.sample()["peak RSS"] < 80 << 20 or sys.platform != "linux"
