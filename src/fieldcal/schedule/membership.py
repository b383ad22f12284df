"""A crew's members as one cell of its file: `Ana Berg [leads]; Ben Cole [from 2026-11-01, until 2026-12-31]`. Pure."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from fieldcal.schedule import moments

#: Who is a member from this day on was one always: bookings begin to be then.
ALWAYS = date(1990, 1, 1)
_LAST = 2100
_MARKS = re.compile(r"(.*?)\s*\[([^\[\]]*)\]")


@dataclass(frozen=True, slots=True, order=True)
class Joined:
    """One worker's time in a crew, in days of the crew's zone; `until`: with that day, None where no end was said."""

    worker: str
    since: date = ALWAYS
    until: date | None = None
    leads: bool = False

    def meets(self, other: Joined) -> bool:
        """Both are the same worker's, and share a day."""
        apart = (self.until is not None and self.until < other.since) or (
            other.until is not None and other.until < self.since
        )
        return self.worker == other.worker and not apart


#: A crew's members, in one order whatever their order in a file.
Members = tuple[Joined, ...]


def in_order(some: Iterable[Joined]) -> Members:
    """These members in the order by which two lists are compared."""
    return tuple(sorted(some, key=lambda one: (one.worker, one.since, one.until or date.max, one.leads)))


def told(members: Members, labels: Mapping[str, str]) -> str:
    """The cell that `read` takes back; `labels`: what workers are called, by id. Who leads stands first."""
    found = [(not one.leads, labels.get(one.worker, one.worker).lower(), one.since, one) for one in members]
    file = io.StringIO(newline="")
    cells = [_told(one, labels.get(one.worker, one.worker)) for *_, one in sorted(found, key=lambda each: each[:3])]
    csv.writer(file, delimiter=";", lineterminator="").writerow(cells)
    return "; ".join(cells) if file.getvalue() == ";".join(cells) else file.getvalue()


def _told(one: Joined, name: str) -> str:
    marks = ["leads"] if one.leads else []
    marks += [f"from {one.since}"] if one.since != ALWAYS else []
    marks += [f"until {one.until}"] if one.until else []
    return f"{name} [{', '.join(marks)}]" if marks or _MARKS.fullmatch(name) else name


def read(text: str, named: Mapping[str, str | None]) -> tuple[Members, list[str]]:
    """The members that stand in a cell, and what is wrong with it; `named`: ids by name in small letters.

    None where several are called so.
    """
    found: list[Joined] = []
    wrong: list[str] = []
    for cell in next(csv.reader([text.replace("\n", " ")], delimiter=";", skipinitialspace=True), []):
        if not cell.strip():
            continue
        one, problem = _one(cell.strip(), named)
        if one is None:
            wrong.append(problem)
        elif any(one.meets(other) for other in found):
            wrong.append(f"'members' names {cell.strip()[:60]!r} twice for some days")
        else:
            found.append(one)
    return in_order(found), wrong


def _one(cell: str, named: Mapping[str, str | None]) -> tuple[Joined | None, str]:
    match = _MARKS.fullmatch(cell)
    name, marks = (match[1], match[2]) if match else (cell, "")
    worker = named.get(name.lower())
    if worker is None:
        several = "several are called" if name.lower() in named else "there is no worker"
        return None, f"'members': {several} {name[:60]!r}"
    since, until, leads = ALWAYS, None, False
    for mark in filter(None, (one.strip() for one in marks.split(","))):
        word, _, day = mark.partition(" ")
        at = _day(day)
        if mark == "leads":
            leads = True
        elif word == "from" and at is not None:
            since = at
        elif word == "until" and at is not None:
            until = at
        else:
            return None, f"'members': {mark[:40]!r} is none of leads, from 2026-11-23, until 2026-11-23"
    if until is not None and until < since:
        return None, f"'members': the last day of {name[:60]!r} is before the first one"
    return Joined(worker, since, until, leads), ""


def _day(text: str) -> date | None:
    found = moments.read_day(text.strip())
    return found if found is not None and ALWAYS.year <= found.year <= _LAST else None
