"""The figures required of Apus, as ratios to psycopg2-binary in the same run; round trips are absolute."""

ASKED = {
    ("select1", "instructions"): 0.90,
    ("transaction", "round trips"): 2,
    ("transaction", "wall"): 0.75,
    ("fetch_mix", "instructions"): 0.35,
    ("fetch_mix", "peak RSS"): 0.70,
    ("fetch_timestamptz", "CPU"): 0.35,
    ("fetch_float8", "CPU"): 0.30,
    ("fetch_bytea", "CPU"): 0.20,
    ("fetch_intarray", "CPU"): 0.40,
    ("fetch_numeric", "CPU"): 0.60,
    ("fetch_int", "CPU"): 0.75,
    ("fetch_text", "CPU"): 0.75,
    ("fetch_bool", "CPU"): 0.75,
    ("executemany", "CPU"): 0.15,
    ("executemany", "wall"): 0.15,
    ("execute_values", "instructions"): 0.25,
    ("copy_out", "CPU"): 0.70,
    ("threads", "CPU"): 1.00,
}


def reached(workload, metric, ours, reference):
    """Return whether the figure is reached; None if none is required. A figure that was not measured is not reached."""
    asked = ASKED.get((workload, metric))
    if asked is None:
        return None
    if ours is None or not reference:
        return False
    return (ours if metric == "round trips" else ours / reference) <= asked
