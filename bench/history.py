"""A first pass over a long history: thin pages, bounded memory, and nothing kept of what ended long ago.

python -m bench.history [NUMBER]
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from bench.__main__ import client
from bench.ends import add_history, fill, started

OLD, WORKERS, BOOKINGS = 1_000_000, 50, 1_000


def main(old: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(folder, workers=WORKERS, bookings=BOOKINGS)
        began = time.perf_counter()
        add_history(folder, old)
        print(f"## A first pass beside {old:,} bookings that ended long ago\n")
        print("| | wall s | client CPU s | requests to the source | created | peak MB | state, MB |")
        print("|---|--:|--:|--:|--:|--:|--:|")
        with started(folder) as ends:
            client(folder, ends, "prepare")
            for what in ("first pass", "nothing changed"):
                told = client(folder, ends, "pass")
                state = sum(path.stat().st_size for path in folder.glob("state.sqlite3*")) / 2**20
                print(
                    f"| {what} | {told['wall']:.1f} | {told['cpu']:.1f} | {told['source_requests']} | {told['created']} | "
                    f"{told['peak_mb']:.0f} | {state:.1f} |"
                )
        print(f"\nFilled and measured in {time.perf_counter() - began:.0f} s.\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else OLD)
