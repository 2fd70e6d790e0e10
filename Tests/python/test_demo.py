"""The demo expects what the rules say, and its page is complete, whatever the result."""

import re
import xml.etree.ElementTree as ElementTree
from collections import Counter

import pytest

from local_cluster import quote
from observer import Sample
from page import Span, write_page
from story import PARTS


@pytest.mark.parametrize("label, expected", [
    ("uniform", [2, 2, 2, 2, 2, 2]),
    ("preferred", [12, 0, 0, 0, 0, 0]),
    ("zone lost", [0, 6, 6, 0, 0, 0]),
    ("zone back", [12, 0, 0, 0, 0, 0]),
])
def test_expected_distributions(label, expected):
    part = next(part for part in PARTS if part.label == label)
    assert part.expected() == expected


def play(program, begin):
    """Samples, spans and results of a correct run, with one part per second."""
    samples, spans, results, open_now = [], [], [], [Counter() for _ in range(6)]
    for second, part in enumerate(PARTS):
        for node, count in enumerate(part.expected()):
            open_now[node] = open_now[node] + Counter({f"{program}, {part.label}": count})
        nodes = tuple(None if node == 0 and not part.home_is_up else open_now[node] for node in range(6))
        samples += [Sample(begin + second + fraction, nodes) for fraction in (0.2, 0.5, 0.8)]
        spans.append(Span(program, part, begin + second + 0.1, begin + second + 0.8))
        results.append((program, part, part.expected(), part.expected()))
    return samples, spans, results


def test_the_page_shows_both_programs(tmp_path):
    python, swift = play("Python", 100), play("Swift", 110)
    write_page(tmp_path / "page.html", python[0] + swift[0], python[1] + swift[1], python[2] + swift[2])
    page = (tmp_path / "page.html").read_text()
    assert "{{" not in page and "Every distribution is as expected." in page
    assert not re.search(r"(?:src|href)\s*=|url\(", page), "the page loads nothing"
    drawings = [ElementTree.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", page, re.DOTALL)]
    assert len(drawings) == 2
    for drawing in drawings:
        assert {"down", "part0", "part1", "part2", "part3"} <= {element.get("class") for element in drawing}


def test_the_page_says_what_is_wrong(tmp_path):
    samples, spans, results = play("Python", 0)
    program, part, expected, _ = results[1]
    results[1] = (program, part, expected, [11, 1, 0, 0, 0, 0])
    results.append(("Python", None, [], []))
    write_page(tmp_path / "page.html", samples, spans, results)
    page = (tmp_path / "page.html").read_text()
    assert "A distribution is not as expected." in page
    assert "11 <small>not 12</small>" in page
    assert "connections are left" in page


@pytest.mark.parametrize("value, text", [
    ("plain", "plain"), (5433, "5433"), ("two words", "'two words'"), ("it's", r"'it\'s'"), ("", "''"),
    ("a\\b", r"'a\\b'"),
])
def test_dsn_values_are_quoted(value, text):
    assert quote(value) == text
