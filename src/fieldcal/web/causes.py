"""Alerts of one kind by what caused them, which their messages tell. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from fieldcal.state.alerts import Worded

#: An answer as every connector words it: `HTTP 403 ErrorAccessDenied`.
_ANSWER = re.compile(r"HTTP (\d{3})(?: [A-Za-z][\w.-]*)?")
#: What differs between messages of one cause: addresses, and whatever holds a digit.
_OWN = re.compile(r"\S+@\S+|\S*\d\S*")
#: What helps, by the status of the answer.
_HELPS = {"400": "refused", "401": "sign_in", "403": "denied", "404": "lost", "429": "busy", "503": "busy"}


@dataclass(frozen=True, slots=True)
class Cause:
    """So many alerts of one cause, with the newest message and the mailbox of that one."""

    alerts: int
    message: str
    mailbox: str
    #: the text that helps, "" where none does better than that of the kind
    help: str


def cause(message: str) -> str:
    """What two messages of one cause have in common."""
    answer = _ANSWER.search(message)
    return answer[0] if answer else " ".join(_OWN.sub("…", message).split())


def causes(worded: Sequence[Worded]) -> list[Cause]:
    """The alerts by cause, the most first; `worded`: the newest first."""
    found: dict[str, Cause] = {}
    for one in worded:
        key = cause(one.message)
        answer = _ANSWER.search(one.message)
        new = Cause(0, one.message, one.mailbox, _HELPS.get(answer[1], "") if answer else "")
        before = found.get(key, new)
        found[key] = Cause(before.alerts + one.alerts, before.message, before.mailbox, before.help)
    return sorted(found.values(), key=lambda one: -one.alerts)
