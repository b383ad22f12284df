"""What the application user may do there: the privilege that a refusal names, and whether it may do more than read.

Asked: https://learn.microsoft.com/power-apps/developer/data-platform/webapi/reference/retrieveuserprivileges
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus

from fieldcal.answer import Answer
from fieldcal.model import Check
from fieldcal.sources.dataverse.reader import Reader

NAME = "role"
_ASKED = "Microsoft.Dynamics.CRM.RetrieveUserPrivileges"
_CHANGES = re.compile(r"prv(Create|Write|Delete|AppendTo|Append|Assign|Share)(\w+)", re.IGNORECASE)
#: What is read, as privileges name it: that of the table `systemuser` is called User.
_READ = frozenset({
    "bookableresourcebooking", "bookableresource", "bookingstatus", "user", "msdyn_workorder", "msdyn_priority",
    "msdyn_workordertype", "msdyn_incidenttype", "account", "contact", "mailbox", "emailserverprofile", "organization",
})  # fmt: skip
#: Who may do one of these may give itself everything, as a System Administrator may.
_EVERYTHING = frozenset({"prvassignrole", "prvwriterole", "prvcreaterole"})
_NAMED_AT_MOST = 4


async def examine(reader: Reader) -> Check:
    """Whether the application user may do more than read; two GETs. A doubt is no fault. Raises as `Reader.get` does.

    Privileges that come from a team are told too, though not how far they reach, which is not asked here.
    """
    user = _text(await reader.get(reader.path("WhoAmI")), "UserId")
    answer = await reader.get(reader.path(f"systemusers({user})/{_ASKED}"))
    rows = _object(answer).get("RolePrivileges")
    if answer.status != HTTPStatus.OK or not isinstance(rows, list):
        return Check(NAME, ok=True, detail=f"cannot be told: the organization answers HTTP {answer.status}")
    held = [row["PrivilegeName"] for row in rows if isinstance(row, dict) and isinstance(row.get("PrivilegeName"), str)]
    if not held:
        return Check(NAME, ok=True, detail="cannot be told: the organization names no privilege of this user")
    return judged(held)


def judged(held: Iterable[str]) -> Check:
    """What to think of a user with these privileges. Pure."""
    found = {name.casefold(): name for name in held}
    remedy = (
        "take the role away and give one that only reads these tables (docs/set-up-dataverse.md): whoever gets hold "
        "of the secret may do what the role may"
    )
    if everything := sorted(found[name] for name in _EVERYTHING & found.keys()):
        detail = f"the application user may give itself any role, as a System Administrator may: {_some(everything)}"
        return Check(NAME, ok=False, detail=detail, remedy=remedy, transient=True)
    changes = sorted(name for name in found.values() if (told := _CHANGES.fullmatch(name)) and told[2].lower() in _READ)
    if changes:
        detail = f"the application user may change what is only read: {_some(changes)}"
        return Check(NAME, ok=False, detail=detail, remedy=remedy, transient=True)
    return Check(NAME, ok=True, detail="the application user may change nothing of what is read")


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED_AT_MOST} more" if len(names) > _NAMED_AT_MOST else ""
    return f"{', '.join(names[:_NAMED_AT_MOST])}{more}"


def _object(answer: Answer) -> dict[str, object]:
    told = answer.json()
    return told if isinstance(told, dict) else {}


def _text(answer: Answer, name: str) -> str:
    told = _object(answer).get(name)
    return told if isinstance(told, str) and re.fullmatch(r"[0-9A-Fa-f-]{36}", told) else ""
