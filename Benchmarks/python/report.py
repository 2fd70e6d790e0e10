"""Prints the table of results."""

from figures import ASKED, reached

SCALES = {"CPU": (1e6, "us"), "wall": (1e6, "us"), "instructions": (1, "instr."), "peak RSS": (1, "B"),
          "round trips": (1, "")}


def show(results, workloads, peers, metrics=tuple(SCALES)):
    """Print a line for each workload and metric, and return the number of missed figures.

    The keys of `results` are (workload name, metric, peer name); the values are per operation. A required figure of
    `metrics` that was not measured is missed.
    """
    reference, others = peers[0].name, [peer.name for peer in peers[1:]]
    lines = [["", "", reference, *others, "asked", ""]]
    missed = 0
    for workload in workloads:
        for metric, (scale, unit) in SCALES.items():
            values = {peer.name: results.get((workload.name, metric, peer.name)) for peer in peers}
            is_asked = metric in metrics and (workload.name, metric) in ASKED
            if not is_asked and not any(value is not None for value in values.values()):
                continue
            base = values[reference]
            verdict = reached(workload.name, metric, values.get("Apus"), base)
            missed += verdict is False
            lines.append([
                workload.name, metric,
                "-" if base is None else f"{base * scale:.4g} {unit}/{workload.unit}",
                *(compared(metric, values[name], base) for name in others),
                f"{ASKED[workload.name, metric]:.4g}" if verdict is not None else "",
                {True: "PASS", False: "MISSED", None: ""}[verdict]])
    widths = [max(map(len, column)) for column in zip(*lines)]
    for line in lines:
        left, right = line[:2], line[2:]
        print("  ".join([*(word.ljust(width) for word, width in zip(left, widths)),
                         *(word.rjust(width) for word, width in zip(right, widths[2:]))]).rstrip())
    return missed


def compared(metric, value, base):
    if value is None:
        return "-"
    if metric == "round trips":
        return f"{value:.4g}"
    return f"{value / base:.2f}" if base else "-"
