"""Rows of files that people open in a spreadsheet, which must run nothing of what stands in them. Pure."""

from __future__ import annotations

import re

from fieldcal.setup_model import AuditLine

#: A spreadsheet takes a cell that begins so for a formula; one with an apostrophe before it may be a guarded one.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
#: The columns of the audit's file.
AUDIT = ("at", "operator", "actor", "action", "subject", "detail")


def cell(value: object) -> str:
    """A cell that no spreadsheet takes for a formula; `plain` gives the text back."""
    shown = str(value)
    return f"'{shown}" if _FORMULA.match(shown) else shown


def plain(shown: str) -> str:
    """The text that `cell` guarded."""
    return shown[1:] if shown.startswith("'") and _FORMULA.match(shown) else shown


def audit_row(line: AuditLine) -> list[str]:
    """One line of the audit under the columns of `AUDIT`."""
    texts = (line.operator, line.actor, line.action, line.subject, line.detail)
    return [line.at.isoformat(), *map(cell, texts)]
