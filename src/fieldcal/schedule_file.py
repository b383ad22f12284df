"""What a loaded CSV file leaves on record: asked alike by the command line, the pages and the REST API."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from fieldcal.schedule.importing import Preview
from fieldcal.schedule.sheets import ORDERS, Sheet
from fieldcal.setup_model import Actor
from fieldcal.state import audit


def record(
    tx: Connection, actor: Actor, now: datetime, environment: str, sheet: Sheet, name: str, found: Preview,
    written: Sequence[str],
) -> None:  # fmt: skip
    """One line for the file of this name, and one for each work order, which has a history; nothing for no change."""
    if not written:
        return
    counts = f"{len(found.new)} new, {len(found.changed)} changed, {found.same} as before: {name}"
    audit.record(tx, actor, now, f"{sheet.name} imported", [f"{environment}/{sheet.kind}"], counts)
    if sheet is ORDERS:
        audit.record(tx, actor, now, f"{sheet.one} imported", [f"{environment}/{row}" for row in written])
