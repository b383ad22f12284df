"""What this process has done since it began, for whoever watches it: plain sums that only grow, kept nowhere else.

`metrics` gives them the names and words under which they are shown. Labels are words of ours and environments' names,
never a mailbox, a booking or a person.
"""

from __future__ import annotations

from collections import defaultdict
from threading import Lock

#: by name and labels; written by the loop and by threads of the state alike
_sums: dict[str, dict[tuple[str, ...], float]] = defaultdict(dict)
_lock = Lock()


def add(name: str, *labels: str, number: float = 1.0) -> None:
    """Count so many more of this."""
    with _lock:
        known = _sums[name]
        known[labels] = known.get(labels, 0.0) + number


def sums(name: str) -> dict[tuple[str, ...], float]:
    """What was counted under this name, by its labels."""
    with _lock:
        return dict(_sums[name]) if name in _sums else {}
