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
    from fieldcal.model import BookingId
    from fieldcal.seeing import Match
    from fieldcal.setup_model import Actor
    from fieldcal.sync.stations import Station


def why(
    booking: Annotated[
        str, typer.Argument(metavar="BOOKING", help="Its id, its name, or its work order's number, in whatever case.")
    ],
    environment: In = None,
    as_user: AsUser = None,
    json: Json = False,
) -> None:
    """Say why a booking is, or is not, in the calendar. The answer first, then each station of its way.

    Several of that name or number are told one after the other. Exit status 1 where none is known.
    """
    from fieldcal.cli import show
    from fieldcal.cli.session import working

    async def work(app: App, actor: Actor) -> list[Match]:
        return await _matches(app, actor, environment, booking)

    found = working(as_user, work, ends=False)
    if len(found) > 1:
        if json:
            show.as_json({"matches": [_in_short(one) for one in found]})
        else:
            _print_several(booking, found)
    elif json:
        told = found[0].told
        show.as_json({
            "environment": found[0].environment, "booking": told.booking, "answer": told.answer,
            "missing": told.missing, "stations": told.stations, "history": told.history,
        })  # fmt: skip
    else:
        _print(found[0])


async def _matches(app: App, actor: Actor, environment: str | None, text: str) -> list[Match]:
    """The bookings that are meant, each with its answer; a `ConfigError` where there is none."""
    from fieldcal import seeing
    from fieldcal.sites import Sites

    meant = await app.database.reading(_visible, actor, environment, text)
    found: list[Match] = []
    async with Sites(app) as sites:
        for place, ids in meant.items():
            found += await app.database.reading(seeing.explained, await sites.unasked(place), ids)
    found += await _fresh(app, actor, environment, text)
    if not found:
        raise ConfigError(
            f"no booking {one_line(text, 80)!r} is known: write its id, its name or its work order's number; "
            "one that was made just now is known after the next pass (`fieldcal sync`)"
        )
    return sorted(found, key=lambda one: (one.booking.start.timestamp() if one.booking else 0.0, one.told.booking))


async def _fresh(app: App, actor: Actor, environment: str | None, text: str) -> list[Match]:
    """Those of the embedded Field Service that no pass has read yet."""
    from fieldcal import runfile, unread
    from fieldcal.ends import is_embedded, schedule_store
    from fieldcal.schedule.called import called
    from fieldcal.state import environments

    places = await app.database.reading(environments.everyone)
    here = [one for one in places if is_embedded(one.end) and environment in {None, one.id}]
    if not here:
        return []
    with schedule_store(app.config) as store, store.reading() as tx:
        made = called(tx, text)
    served, found = runfile.find(app.config.data) is not None, list["Match"]()
    for place in here:
        found += await app.database.reading(unread.matches, actor, place, made, app.clock.now(), served=served)
    return found


def _visible(tx: Connection, actor: Actor, environment: str | None, text: str) -> dict[str, list[BookingId]]:
    """The bookings of this id, name or number that this person may see, by environment."""
    from fieldcal import seeing
    from fieldcal.state import environments

    places = [environments.get(tx, environment).id] if environment else environments.names(tx)
    found = {place: seeing.called(tx, actor, place, text) for place in places}
    return {place: ids for place, ids in found.items() if ids}


def _in_short(one: Match) -> dict[str, object]:
    return {
        "environment": one.environment, "booking": one.booking or {"id": one.told.booking},
        "worker": one.worker.name if one.worker else "",
        "zone": one.worker.zone if one.worker else "UTC", "subject": one.subject, "answer": one.told.answer,
    }  # fmt: skip


def _heading(one: Match) -> str:
    from fieldcal.cli import report

    if one.booking is None:
        return f"Booking {one.told.booking}, which could never be read"
    return f"{report.when(one.booking, one.worker)}: {one.worker.name if one.worker else 'nobody'}, {one.subject}"


def _print_several(text: str, found: Sequence[Match]) -> None:
    from fieldcal.cli import show

    show.line(f"{len(found)} bookings are called {text.strip()!r}; `fieldcal why ID` tells all of one.")
    for one in found:
        show.line("")
        show.line(_heading(one))
        show.line(f"  {one.told.answer}")
        status = one.booking.status_name or one.booking.kind if one.booking else "set aside"
        show.line(f"  id {one.told.booking}, {status}, environment {one.environment}")


def _print(one: Match) -> None:
    from fieldcal.cli import show
    from fieldcal.sync.answer import request_told, told

    signs = {True: "ok", False: "no", None: "-"}
    show.line(one.told.answer)
    show.line("")
    show.line(_heading(one))
    show.pairs([(f"{signs[station.good]:<3} {station.name}", _station(station)) for station in one.told.stations])
    if one.told.history:
        show.line("")
        show.line("What was done, the newest first:")
        asked = [f" [{said}]" if (said := request_told(line)) else "" for line in one.told.history]
        lines = zip(one.told.history, asked, strict=True)
        show.pairs([(f"{line.at:%Y-%m-%d %H:%M:%SZ}", f"{told(line)}{said}") for line, said in lines])


def _station(station: Station) -> str:
    from fieldcal.sync.answer import instant

    text = f"{station.text} ({station.remedy})" if station.remedy else station.text
    return f"{text} [{instant(station.at)}]" if station.at else text
