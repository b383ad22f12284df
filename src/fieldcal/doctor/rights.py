"""What doctor sees in a few mailboxes of a server profile: can their calendars be read, and who claims them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from fieldcal.app import App
from fieldcal.doctor import remedies
from fieldcal.doctor.lines import Level, Line
from fieldcal.errors import FieldcalError, Forbidden, NotAMailbox, Unavailable
from fieldcal.model import MailboxId
from fieldcal.plan.remedy import remedy
from fieldcal.setup import bench, claims, takeover
from fieldcal.setup_model import CALDAV, EXCHANGE, Actor, Environment, Mailbox, Selection, ServerProfile
from fieldcal.state import mailboxes, profiles

#: Mailboxes of each environment that are looked into; one read each, under its lease.
SAMPLE = 3


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one mailbox showed."""

    mailbox: Mailbox
    claim: str | None = None
    error: FieldcalError | None = None
    #: somebody is at work there, so it was left alone
    busy: bool = False


async def look(
    app: App, actor: Actor, places: Sequence[Environment], profile: ServerProfile, named: Sequence[str] = ()
) -> AsyncIterator[Line]:
    """What mailboxes of each environment show that are switched on through this profile: a few, or those named."""
    # Where anything is switched off nothing is sent (R13), by us neither.
    for place in places if profile.active else ():
        if place.enabled:
            async for line in _in(app, actor, place.id, profile, named):
                yield line


def wanted(tx: Connection, place: str, named: Sequence[str]) -> list[Mailbox]:
    """The mailboxes of these ids or addresses; a `ConfigError` names those that are not known."""
    if not named:
        return []
    return mailboxes.some(tx, place, mailboxes.ids(tx, place, Selection(names=tuple(named))))


def closed(tx: Connection, places: Sequence[Environment], named: Sequence[str]) -> list[Line]:
    """Those of the mailboxes named that are not looked into, since nothing is written there, each with what helps."""
    found: list[Line] = []
    for place in places:
        for box in wanted(tx, place.id, named):
            if (why := mailboxes.why_not(tx, place.id, box.id)) is not None:
                profile = profiles.find(tx, box.profile) if box.profile else None
                helps = remedy(box, profile, place)
                found.append(Line(Level.WARN, f"environment {place.id}: {box.address or box.id}", why, helps))
    return found


def _chosen(tx: Connection, place: str, profile: str, named: Sequence[str]) -> list[Mailbox]:
    if not named:
        return mailboxes.on_through(tx, place, profile, SAMPLE)
    return [box for box in wanted(tx, place, named) if box.enabled and box.profile == profile]


async def _in(
    app: App, actor: Actor, place: str, through: ServerProfile, named: Sequence[str]
) -> AsyncIterator[Line]:  # fmt: skip
    profile, kind = through.id, through.kind
    boxes = await app.database.reading(_chosen, place, profile, named)
    seen = [await _one(app, actor, place, box) for box in boxes]
    looked, what = [one for one in seen if not one.busy], f"server profile {profile}: {place}"
    if not looked:
        return
    yield _reached(what, looked, kind, profile)
    read = [one for one in looked if one.error is None]
    if read:
        yield await _claimed(app, what, place, read)


async def _one(app: App, actor: Actor, place: str, box: Mailbox) -> _Seen:
    try:
        return _Seen(box, await takeover.claim_of(app.bench(), actor, place, box.id))
    except Unavailable:
        return _Seen(box, busy=True)
    except FieldcalError as error:
        return _Seen(box, error=error)


#: What helps where a calendar is denied, or not there, by the kind of the profile.
_DENIED = {
    EXCHANGE: "let the application into this mailbox: docs/set-up-exchange-online.md, step 3; "
    "a changed scope takes up to two hours",
    CALDAV: "give the account that signs in the right to write into this calendar: docs/set-up-caldav.md",
}
_MISSING = {
    EXCHANGE: "give the user a mailbox there, or `fieldcal mailbox disable` it",
    CALDAV: "run `fieldcal mailbox test` for it, which looks for its calendar anew",
}


def _reached(what: str, looked: list[_Seen], kind: str, profile: str) -> Line:
    what = f"{what}: calendars"
    refused = [one for one in looked if one.error is not None]
    if not refused:
        return Line(Level.OK, what, f"{len(looked)} looked into, all can be read")
    first, error = refused[0], refused[0].error or FieldcalError()
    helps = remedies.of(error, f"fieldcal profile set {profile}")
    if isinstance(error, Forbidden):
        helps = _DENIED[kind]
    elif isinstance(error, NotAMailbox):
        helps = _MISSING[kind]
    return Line(Level.FAIL, what, f"{len(refused)} of {len(looked)}: {first.mailbox.address}: {error}", helps)


async def _claimed(app: App, what: str, place: str, read: list[_Seen]) -> Line:
    what = f"{what}: claims"
    bare = 0
    for one in read:
        ours = (await app.database.reading(bench.load, place, MailboxId(one.mailbox.id))).claim
        check = claims.still_ours(one.claim, ours)
        if not check.ok:
            return Line(Level.FAIL, what, f"{one.mailbox.address}: {check.detail}", check.remedy)
        bare += one.claim is None and not one.mailbox.claimless
    if not bare and all(one.mailbox.claimless for one in read):
        return Line(Level.OK, what, "the server keeps none, so another installation would not be seen")
    if bare:
        detail = f"{bare} of {len(read)} looked at carry no claim, so another installation may take them unseen"
        return Line(Level.WARN, what, detail, "`fieldcal mailbox test` claims them")
    return Line(Level.OK, what, f"{len(read)} looked at, all claimed by this installation")
