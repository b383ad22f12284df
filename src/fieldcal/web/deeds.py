"""What can be done to mailboxes, what each deed takes, and which one helps where nothing is written into a mailbox."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from sqlalchemy import Connection

from fieldcal.model import MailboxId
from fieldcal.plan.remedy import Lack, lack, remedy
from fieldcal.setup.permissions import Action
from fieldcal.setup_model import Environment, Mailbox, ServerProfile
from fieldcal.state import mailboxes, profiles
from fieldcal.web.visit import Visit


@dataclass(frozen=True, slots=True)
class Deed:
    """What can be done to one mailbox and to many at once."""

    name: str
    action: Action
    #: asked in red
    risky: bool = False


DEEDS = {
    deed.name: deed
    for deed in (
        Deed("defaults", Action.SET_UP), Deed("approve", Action.APPROVE), Deed("test", Action.SET_UP),
        Deed("reject", Action.APPROVE, risky=True), Deed("disable", Action.SET_UP, risky=True),
    )
}  # fmt: skip
#: Deeds that begin with a look at the mailboxes' servers, each with the address where it is asked about.
FARTHER = {"take_over": "/take-over/ask", "clean": "/cleaning/ask"}
_HELPS = {
    Lack.PROFILE: "defaults", Lack.TENANT: "defaults", Lack.METHOD: "defaults", Lack.APPROVAL: "approve",
    Lack.TEST: "test",
}  # fmt: skip


def due(mailbox: Mailbox, profile: ServerProfile | None, place: Environment) -> str:
    """The deed that comes next in setting this mailbox up; "" where none of them would help."""
    missing = lack(mailbox, profile, place)
    return _HELPS.get(missing, "") if missing else ""


@dataclass(frozen=True, slots=True)
class Help:
    """What puts right that nothing is written into a mailbox."""

    box: Mailbox
    lack: Lack
    #: the button for it, or the page where it is done; both "" where this person may not
    deed: str
    path: str
    #: the same on the command line
    command: str


def helps(tx: Connection, visit: Visit, place: Environment, mailbox: MailboxId) -> Help | None:
    """What helps there, as far as the viewer may do it; None where nothing stands in the way."""
    box = mailboxes.load(tx, place.id, mailbox)
    if box is None:
        return None
    profile = profiles.find(tx, box.profile) if box.profile else None
    missing = lack(box, profile, place)
    if missing is None:
        return None
    deed, path = due(box, profile, place), ""
    if missing is Lack.ENVIRONMENT and visit.may(Action.ENVIRONMENTS):
        path = f"/environments/one?environment={quote(place.id)}"
    elif missing is Lack.INACTIVE and visit.may(Action.PROFILES):
        path = f"/profiles/one?name={quote(box.profile or '')}"
    deed = deed if deed and visit.may(DEEDS[deed].action) else ""
    return Help(box, missing, deed, path, remedy(box, profile, place))
