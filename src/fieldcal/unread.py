"""Bookings that the embedded Field Service has and no pass has read yet: where one stands that was made just now.

The pages, the REST API and the command line tell of them alike, in the words of `sync.explain`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from fieldcal import seeing
from fieldcal.model import Booking, BookingId, StatusKind, Window, Worker, WorkerId, WorkOrderId
from fieldcal.plan.rules import SENTENCES, Moment, Reason, home
from fieldcal.schedule.values import Kind, Slot
from fieldcal.seeing import Match
from fieldcal.setup_model import Actor, Environment
from fieldcal.state import bookings, feeds, pauses, workers
from fieldcal.sync import stations
from fieldcal.sync.answer import NOT_IN, instant
from fieldcal.sync.explain import Why
from fieldcal.sync.stations import Station

#: A booking of the field service, and when it was last changed.
Found = tuple[Slot, datetime | None]
#: Within so long a pass follows a change that was made beside a running service.
_FOLLOWS = timedelta(seconds=15)
_KINDS: Mapping[Kind, StatusKind] = {
    Kind.PROPOSED: StatusKind.PROPOSED, Kind.COMMITTED: StatusKind.COMMITTED, Kind.CANCELED: StatusKind.CANCELED,
}  # fmt: skip


def matches(
    tx: Connection, actor: Actor, place: Environment, found: Sequence[Found], now: datetime, *, served: bool
) -> list[Match]:
    """Where those of these stand of which nothing is known yet, as far as this person may see them.

    `served`: a service runs, which reads them by itself.
    """
    known = bookings.load(tx, place.id, [BookingId(slot.id) for slot, _ in found])
    told: list[Match] = []
    for slot, changed in found:
        row = as_booking(slot)
        if row.id in known or not seeing.may_see(tx, actor, place.id, row):
            continue
        worker, gone = workers.load(tx, place.id, [row.worker]).get(row.worker or "", (None, False))
        subject = " · ".join(filter(None, (slot.number, slot.type, slot.account))) or slot.name or "Booking"
        ahead = _ahead(tx, place, now, changed, served=served)
        told.append(Match(place.id, row, worker, subject, _why(tx, place, row, (worker, gone), now, changed, ahead)))
    return told


def as_booking(slot: Slot) -> Booking:
    """The booking as a pass will read it."""
    return Booking(
        BookingId(slot.id), slot.name, slot.start, slot.end, WorkerId(slot.worker), slot.status.id, slot.status.name,
        _KINDS[slot.status.kind], WorkOrderId(slot.order) if slot.order else None, active=True, version=slot.version,
    )  # fmt: skip


def _why(
    tx: Connection, place: Environment, row: Booking, whose: tuple[Worker | None, bool], now: datetime,
    changed: datetime | None, ahead: tuple[str, datetime | None],
) -> Why:  # fmt: skip
    feed, window = feeds.load(tx, place.id), place.settings.window(now)
    moment = Moment(now, Window(window.near, max(window.far, feed.far_edge or window.far)))
    text, at = ahead
    answer, then = f"{NOT_IN}: it has not been read yet; {text}.", [Station("next read", None, text, at)]
    if row.end <= moment.window.near:
        answer, then = f"{NOT_IN}: {SENTENCES[Reason.BEFORE_WINDOW]}.", []
    read = f"{row.status_name}, {instant(row.start)} to {instant(row.end)}, version {row.version}; not read yet"
    way = (
        Station("source", None, read, changed), stations.window(place.settings, row, moment),
        stations.worker(whose[0], home(row, *whose), feed), *then,
    )  # fmt: skip
    return Why(row.id, answer, way, (), missing=False)


def _ahead(
    tx: Connection, place: Environment, now: datetime, changed: datetime | None, *, served: bool
) -> tuple[str, datetime | None]:  # fmt: skip
    """When it is read, in words, and the instant where one is known."""
    if not place.enabled:
        return f"the environment is switched off (`fieldcal environment set {place.id} --enable`)", None
    if pause := pauses.lasting(tx, now).get(f"source:{place.id}"):
        return f"nothing is read until {instant(pause[0])}: {pause[1]}", pause[0]
    if not served:
        return "the next pass reads it (`fieldcal sync`)", None
    due, soon = feeds.load(tx, place.id).next_pull_at, now + _FOLLOWS
    at = changed + _FOLLOWS if changed is not None and now < changed + _FOLLOWS <= soon else due
    at = at if at is not None and at > now else soon
    return f"it will be within {max(1, math.ceil((at - now).total_seconds()))} seconds", at
