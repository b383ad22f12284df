"""The audit as a file, a piece at a time: CSV for a spreadsheet, or JSON lines. However long it is, all of it."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Sequence
from enum import StrEnum

import msgspec

from fieldcal import spreadsheet
from fieldcal.setup_model import AuditLine
from fieldcal.state import audit
from fieldcal.state.audit import Key, Wanted
from fieldcal.state.database import Database

#: Lines of one piece; each is read in a transaction of its own, so that a slow reader holds nothing up.
AT_ONCE = 1_000


class Kind(StrEnum):
    """How it is written."""

    CSV = "csv"
    LINES = "jsonl"


#: What each kind is called on the wire.
MEDIA = {Kind.CSV: "text/csv", Kind.LINES: "application/x-ndjson"}


async def pieces(database: Database, wanted: Wanted, kind: Kind) -> AsyncIterator[str]:
    """Every line that is meant, the oldest first; the first piece of CSV names the columns."""
    if kind is Kind.CSV:
        yield _csv([spreadsheet.AUDIT])
    after: Key | None = None
    while found := await database.reading(audit.following, wanted, AT_ONCE, after):
        after = found[-1][0]
        yield _written([line for _, line in found], kind)
        if len(found) < AT_ONCE:
            return


def _written(lines: Sequence[AuditLine], kind: Kind) -> str:
    if kind is Kind.CSV:
        return _csv([spreadsheet.audit_row(line) for line in lines])
    return "".join(f"{msgspec.json.encode(line).decode()}\n" for line in lines)


def _csv(rows: Sequence[Sequence[str]]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    return file.getvalue()
