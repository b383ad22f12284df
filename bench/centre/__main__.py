"""The measures of the admin centre, as tables in Markdown; exit status 1 where one is missed.

python -m bench.centre [--quick] [pages|bulk]
"""

from __future__ import annotations

import os
import sys

from bench.centre import bulk, pages


def main(words: list[str]) -> int:
    quick, chosen = "--quick" in words, {"pages", "bulk"} & set(words) or {"pages", "bulk"}
    print(f"Load of the machine as it began: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.\n", flush=True)
    good = []
    if "bulk" in chosen:
        good.append(bulk.main(100 if quick else 1_000))
    if "pages" in chosen:
        good.append(pages.main(500, 10_000, looks=5, loads=2) if quick else pages.main(10_000, 200_000))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
