"""Very many mailboxes and bookings, as tables in Markdown; exit status 1 where a target is missed.

python -m bench.scale [--small] [passes|memory] [sqlite|postgresql]
"""

from __future__ import annotations

import os
import sys

from bench.scale import databases, memory, passes

SIZES, BOXES, EACH, TURNS = (10_000, 100_000, 1_000_000), 10_000, 30, 5
SMALL = (500, 5_000, 20_000), 500, 3, 2


def main(words: list[str]) -> int:
    sizes, boxes, each, turns = SMALL if "--small" in words else (SIZES, BOXES, EACH, TURNS)
    kinds = {"sqlite": databases.files, "postgresql": databases.postgres}
    places = [kinds[name] for name in kinds if name in words or not set(kinds) & set(words)]
    chosen = {"passes", "memory"} & set(words) or {"passes", "memory"}
    print(f"Load of the machine as it began: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.\n", flush=True)
    good = []
    if "passes" in chosen:
        good.append(passes.main(places, boxes, sizes, turns))
    if "memory" in chosen:
        good.append(memory.main(boxes, each))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
