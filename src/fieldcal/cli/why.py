"""`fieldcal why`: where a booking stands, in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fieldcal.cli.options import AsUser, In, Json
from fieldcal.errors import ConfigError, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from fieldcal.app import App
    from fieldcal.model import Booking, BookingId
    from fieldcal.setup_model import Actor
    from fieldcal.sync.explain import Why


def why(
    booking: Annotated[str, typer.Argument(metavar="BOOKING", help="Its id, its name, or its work order's number.")],
    environment: In = None,
    as_user: AsUser = None,
    json: Json = False,
) -> None:
    """Say why a booking is, or is not, in the calendar: the answer first, then each station of its way."""
    from fieldcal.cli import show
    from fieldcal.cli.session import working

    async def work(app: App, actor: Actor) -> tuple[list[tuple[str, Booking]], Why | None]:
        return await _answer(app, actor, environment, booking)

    matches, told = working(as_user, work, ends=False)
    if told is None:
        if json:
            show.as_json({"matches": [{"environment": place, "booking": row} for place, row in matches]})
        else:
            rows = [(row.id, row.name, row.start, row.end, row.status_name, place) for place, row in matches]
            show.table(("booking", "name", "start", "end", "status", "environment"), rows)
            show.line(f"{len(matches)} bookings are called that; ask for one by its id.")
    elif json:
        show.as_json({"environment": matches[0][0], **_as_told(told)})
    else:
        _print(told)


async def _answer(
    app: App, actor: Actor, environment: str | None, text: str
) -> tuple[list[tuple[str, Booking]], Why | None]:
    """The bookings that are meant, and the answer where it is only one."""
    from fieldcal.sites import Sites
    from fieldcal.sync.explain import explain

    matches = await app.database.reading(_visible, actor, environment, text)
    if not matches:
        raise ConfigError(
            f"no booking {one_line(text, 80)!r} is known: write its id, its name or its work order's number; "
            "one that was made just now is known after the next pass (`fieldcal sync`)"
        )
    if len(matches) > 1:
        return matches, None
    place, row = matches[0]
    async with Sites(app) as sites:
        site = await sites.unasked(place)
        return matches, await app.database.reading(explain, site, row.id)


def _visible(tx: Connection, actor: Actor, environment: str | None, text: str) -> list[tuple[str, Booking]]:
    """The bookings of this id, name or number that this person may see; a worker sees the own ones."""
    from fieldcal.setup.permissions import Action, allowed, allowed_own, require
    from fieldcal.state import bookings, environments

    if not allowed_own(actor, Action.SEE_BOOKINGS):
        require(actor, Action.SEE_BOOKINGS)
    places = [environments.get(tx, environment).id] if environment else environments.names(tx)
    found: list[tuple[str, Booking]] = []
    for place in places:
        ids: Sequence[BookingId] = bookings.search(tx, place, text)
        stored = bookings.load(tx, place, ids)
        rows = [stored[key].known.booking for key in ids]
        if not allowed(actor, Action.SEE_BOOKINGS):
            rows = [row for row in rows if _is_own(tx, actor, place, row)]
        found += [(place, row) for row in rows]
    return found


def _is_own(tx: Connection, actor: Actor, place: str, row: Booking) -> bool:
    from fieldcal.state import mailboxes, workers

    worker, _ = workers.load(tx, place, [row.worker]).get(row.worker or "", (None, False))
    if worker is None or worker.mailbox is None:
        return False
    box = mailboxes.load(tx, place, worker.mailbox)
    return box is not None and actor.owns(box)


def _as_told(told: Why) -> dict[str, object]:
    return {"booking": told.booking, "answer": told.answer, "stations": told.stations, "history": told.history}


def _print(told: Why) -> None:
    from fieldcal.cli import show

    signs = {True: "ok", False: "no", None: ""}
    show.line(told.answer)
    show.table(
        ("station", "", "what is known"), [(one.name, signs[one.good], one.text) for one in told.stations]
    )  # fmt: skip
    if told.history:
        rows = [(line.at, line.action, line.reason, line.answer) for line in told.history]
        show.table(("when", "what was done", "why", "what came of it"), rows)
