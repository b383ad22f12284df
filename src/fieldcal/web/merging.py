"""One form and two administrators: each one's changes are kept, and a field that both changed is asked about. Pure.

A form carries digests of the values that it was shown with. So it is known which fields its sender has touched, and
which of them another has set to something else meanwhile.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

#: The form's field with the digests, and what the fields are called by which a person chooses.
SEEN, CHOICE = "seen", "choice_"


@dataclass(frozen=True, slots=True)
class Clash:
    """A field that both changed: what the other has set, and its digest, which a choice names."""

    theirs: str
    print: str


@dataclass(frozen=True, slots=True)
class Merged:
    """What the form comes to: `values` to be kept; of those in `clashes` nobody has decided yet."""

    values: dict[str, str]
    clashes: dict[str, Clash]
    #: the digests that the form is to carry when it is shown again
    seen: dict[str, str]


def digest(value: str) -> str:
    """Stands for a value without telling it."""
    return hashlib.sha256(value.encode()).hexdigest()[:16]


def prints(values: Mapping[str, str]) -> dict[str, str]:
    """The digests that a form carries which is shown with these values."""
    return {name: digest(value) for name, value in values.items()}


def carried(digests: Mapping[str, str]) -> str:
    """They as the form's field `SEEN` carries them."""
    return json.dumps(digests)


def seen(brought: object) -> dict[str, str]:
    """The digests that a form brought back; none where it brought anything else."""
    try:
        found = json.loads(str(brought or "{}"))
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {str(name): value for name, value in found.items() if isinstance(value, str)}


def merged(form: Mapping[str, object], mine: Mapping[str, str], now: Mapping[str, str]) -> Merged:
    """Put `mine`, as it was sent, over what is set `now`: only what the sender has touched counts.

    A form that carries no digests is taken as a whole.
    """
    known = seen(form.get(SEEN))
    values: dict[str, str] = {}
    clashes: dict[str, Clash] = {}
    for name, wanted in mine.items():
        there, shown = now[name], known.get(name)
        values[name] = there if digest(wanted) == shown else wanted
        if values[name] == there or shown in {None, digest(there)}:
            continue
        match str(form.get(CHOICE + name, "")).split():
            case ["mine", print_] if print_ == digest(there):
                continue
            case ["theirs", print_] if print_ == digest(there):
                values[name] = there
            case _:
                clashes[name] = Clash(there, digest(there))
    again = {name: known[name] if name in clashes else digest(now[name]) for name in mine}
    return Merged(values, clashes, again)
