"""Rows of files that people open in a spreadsheet, which must run nothing of what stands in them. Pure."""

from __future__ import annotations

from fieldcal.setup_model import AuditLine

#: A spreadsheet takes a cell that begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
#: The columns of the audit's file.
AUDIT = ("at", "operator", "actor", "action", "subject", "detail")


def cell(value: object) -> str:
    """A cell that no spreadsheet takes for a formula."""
    shown = str(value)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown


def audit_row(line: AuditLine) -> list[str]:
    """One line of the audit under the columns of `AUDIT`."""
    texts = (line.operator, line.actor, line.action, line.subject, line.detail)
    return [line.at.isoformat(), *map(cell, texts)]
