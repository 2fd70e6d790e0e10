"""The parts of the demo, and the distributions that the load-balancing rules predict for them."""

from dataclasses import dataclass

# Two regions of three zones, one node in each.
PLACEMENTS = [f"cloud.{region}.{zone}" for region in ("east", "west") for zone in ("a", "b", "c")]

# First zone a of the east; if it is down, anywhere in the east; if that is down, anywhere.
HOME = "cloud.east.a"
LEVELS = [[HOME], ["cloud.east.*"], ["cloud.*.*"]]
TOPOLOGY_KEYS = f"{HOME}:1,cloud.east.*:2"

COUNT = 12


@dataclass(frozen=True)
class Part:
    """One of the demo's four parts: something happens to the home zone, then connections are opened."""
    label: str
    title: str
    levels: list
    home_is_up: bool = True

    def expected(self):
        """Return the expected new connections per node: evenly in the first level that has a node up."""
        up = [place for place in PLACEMENTS if self.home_is_up or place != HOME]
        for level in self.levels:
            eligible = [place for place in up if any(matches(place, pattern) for pattern in level)]
            if eligible:
                return [COUNT // len(eligible) if place in eligible else 0 for place in PLACEMENTS]
        raise ValueError("no level has a node")


def matches(place, pattern):
    return all(wanted in ("*", part) for part, wanted in zip(place.split("."), pattern.split(".")))


PARTS = [
    Part("uniform", f"no keys, {COUNT} anywhere", [["cloud.*.*"]]),
    Part("preferred", f"topology keys, {COUNT} more", LEVELS),
    Part("zone lost", f"zone lost, {COUNT} more", LEVELS, home_is_up=False),
    Part("zone back", f"zone back, {COUNT} more", LEVELS),
]
