"""Shorter scripts that show the same difference."""


def shrink(script, shows, most=80):
    """Leaves out steps as long as `shows(script)` is true: many at once, then single ones. Calls it `most` times."""
    steps, runs = list(script["steps"]), 0
    size = max(1, len(steps) // 2)
    while True:
        at, changed = 0, False
        while at < len(steps):
            shorter = steps[:at] + steps[at + size:]
            if runs >= most:
                return {**script, "steps": steps}
            runs += 1
            if shorter and shows({**script, "steps": shorter}):
                steps, changed = shorter, True
            else:
                at += size
        if size == 1 and not changed:
            return {**script, "steps": steps}
        size = max(1, size // 2)
