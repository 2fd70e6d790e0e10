"""Writes the page of the demo: one HTML file without external resources, with the timeline as SVG."""

from dataclasses import dataclass
from html import escape
from pathlib import Path

from story import COUNT, HOME, PARTS, PLACEMENTS, TOPOLOGY_KEYS, Part

# In units of the drawing.
LEFT, RIGHT, WIDTH = 72, 8, 960
LANE, GAP, REGION_GAP, TOP = 44, 8, 18, 58


@dataclass(frozen=True)
class Span:
    """The time during which a program played a part, on the monotonic clock."""
    program: str
    part: Part
    begin: float
    end: float


def write_page(path, samples, spans, results):
    """Write the page. samples come from the observer; results are (program, part or None, expected, seen)."""
    template = (Path(__file__).parent / "page.html").read_text()
    programs = list(dict.fromkeys(span.program for span in spans))
    sections = [section(program, samples, [span for span in spans if span.program == program],
                        [result for result in results if result[0] == program]) for program in programs]
    right = all(part is not None and expected == seen for _, part, expected, seen in results)
    values = {
        "verdict": f"{'Every distribution is' if right else 'A distribution is not'} as expected.",
        "verdict-class": "good" if right else "bad",
        "count": str(COUNT),
        "home": HOME,
        "keys": TOPOLOGY_KEYS,
        "legend": "".join(f'<li><i class="part{index}"></i>{escape(part.title)}</li>'
                          for index, part in enumerate(PARTS)),
        "sections": "\n".join(sections),
    }
    for name, value in values.items():
        template = template.replace("{{" + name + "}}", value)
    Path(path).write_text(template)


def section(program, samples, spans, results):
    return f"<section>\n<h2>The {escape(program)} driver</h2>\n{timeline(program, samples, spans)}\n" \
           f"{table(results)}\n</section>"


def timeline(program, samples, spans):
    begin, end = spans[0].begin - 0.4, spans[-1].end + 0.8
    samples = [sample for sample in samples if begin <= sample.time <= end]
    most = max((sum(node.values()) for sample in samples for node in sample.nodes if node), default=1) or 1
    tops = [TOP + index * (LANE + GAP) + (REGION_GAP if place.startswith("cloud.west") else 0)
            for index, place in enumerate(PLACEMENTS)]
    height = tops[-1] + LANE + 34

    def x(time):
        return LEFT + (time - begin) / (end - begin) * (WIDTH - LEFT - RIGHT)

    def count(sample, index, part):
        node = sample.nodes[index]
        return 0 if node is None else node[f"{program}, {part.label}"]

    out = [f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Connections per node over time, '
           f'{escape(program)} driver">']
    for index, place in enumerate(PLACEMENTS):
        columns = [[count(sample, index, part) for sample in samples] for part in PARTS]
        out += lane(place, tops[index], [x(sample.time) for sample in samples] + [x(end)], columns, most)
        out += [down(x(start), x(stop), tops[index]) for start, stop in spans_down(index, samples, end)]
        for span in spans:
            last = [sample for sample in samples if sample.time <= span.end][-1]
            out += total(x(span.end), tops[index], sum(count(last, index, part) for part in PARTS), most)
    for span in spans:
        left = x(span.begin)
        out.append(f'<line class="mark" x1="{left:.1f}" x2="{left:.1f}" y1="{TOP - 42}" y2="{tops[-1] + LANE}"/>')
        for row, word in enumerate(span.part.title.split(", ")):
            out.append(f'<text class="part" x="{left + 6:.1f}" y="{TOP - 32 + 15 * row}">{escape(word)}</text>')
    step = max(1, round((end - begin) / 10))
    for second in range(0, int(end - begin) + 1, step):
        out.append(f'<text class="tick" x="{x(begin + second):.1f}" y="{height - 10}">{second} s</text>')
    out.append("</svg>")
    return "\n".join(out)


def lane(place, top, xs, columns, most):
    """Draw one node: its connections as stacked steps, coloured by the part that opened them."""
    _, region, zone = place.split(".")
    yield f'<rect class="lane" x="{LEFT}" y="{top}" width="{WIDTH - LEFT - RIGHT}" height="{LANE}"/>'
    yield f'<text class="node" x="{LEFT - 12}" y="{top + LANE / 2 + 4:.0f}">{escape(region)}.{escape(zone)}</text>'
    floor = [0] * (len(xs) - 1)
    for number, column in enumerate(columns):
        ceiling = [low + value for low, value in zip(floor, column)]
        if any(column):
            yield area(f"part{number}", xs, [top + LANE - value / most * LANE for value in floor],
                       [top + LANE - value / most * LANE for value in ceiling])
        floor = ceiling


def total(right, top, count, most):
    """Draw the number at the end of a part, on its bar or, if the bar is too low, above it."""
    if count:
        height = count / most * LANE
        inside = height > 18
        y = top + LANE - height + (14 if inside else -4)
        yield f'<text class="{"total inside" if inside else "total"}" x="{right - 5:.1f}" y="{y:.1f}">{count}</text>'


def down(left, right, top):
    return (f'<rect class="down" x="{left:.1f}" y="{top}" width="{right - left:.1f}" height="{LANE}"/>'
            f'<text class="down-word" x="{(left + right) / 2:.1f}" y="{top + LANE / 2 + 4:.0f}">down</text>')


def area(style, xs, floor, ceiling):
    """Draw the area between two step lines; each step lasts until the next x."""
    upper, lower = [], []
    for position, (low, high) in enumerate(zip(floor, ceiling)):
        if position and (low, high) == (floor[position - 1], ceiling[position - 1]) and position + 1 < len(floor) \
                and (low, high) == (floor[position + 1], ceiling[position + 1]):
            continue
        upper += [(xs[position], high), (xs[position + 1], high)]
        lower += [(xs[position], low), (xs[position + 1], low)]
    points = " ".join(f"{px:.1f},{py:.1f}" for px, py in upper + lower[::-1])
    return f'<polygon class="{style}" points="{points}"/>'


def spans_down(index, samples, end):
    start = None
    for sample in samples:
        if sample.nodes[index] is None and start is None:
            start = sample.time
        elif sample.nodes[index] is not None and start is not None:
            yield start, sample.time
            start = None
    if start is not None:
        yield start, end


def table(results):
    head = "".join(f"<th>{escape(place.split('.', 1)[1])}</th>" for place in PLACEMENTS)
    rows = []
    for _, part, expected, seen in results:
        if part is None:
            rows.append(f'<tr class="bad"><th>all closed</th><td colspan="{len(PLACEMENTS)}">connections are left</td>'
                        "<td>✗</td></tr>")
            continue
        cells = "".join(f"<td>{count}</td>" if count == wanted else f"<td>{count} <small>not {wanted}</small></td>"
                        for count, wanted in zip(seen, expected))
        mark, style = ("✓", "good") if seen == expected else ("✗", "bad")
        rows.append(f'<tr class="{style}"><th>{escape(part.title)}</th>{cells}<td>{mark}</td></tr>')
    return f'<table><caption>New connections per node, counted by the servers</caption>' \
           f"<thead><tr><th></th>{head}<th></th></tr></thead><tbody>{''.join(rows)}</tbody></table>"
