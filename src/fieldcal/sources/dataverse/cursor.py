"""Where the change feeds of one organization go on, as text that is kept. Pure."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from fieldcal.errors import one_line
from fieldcal.sources.dataverse.wire import Malformed


class Cursor(Struct, frozen=True, omit_defaults=True):
    """Where the feed goes on. Links are kept without scheme and host, so that a moved server is no new beginning."""

    #: link of the next page of bookings, or of the next changes; "" begins
    bookings: str = ""
    #: the same of work orders; None where they are not asked for
    work_orders: str | None = None
    #: the first read of work orders is over: what comes now has changed
    primed: bool = False
    #: the next request asks for work orders
    orders_next: bool = False
    #: the links read each booking's own place
    place: bool = False


def write_cursor(cursor: Cursor) -> str:
    return msgspec.json.encode(cursor).decode()


def read_cursor(text: str) -> Cursor:
    """The cursor; `Malformed` for a text that this version did not write."""
    try:
        return msgspec.json.decode(text, type=Cursor)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Malformed(one_line(error)) from None


def turn(cursor: Cursor, *, orders: bool, place: bool) -> Cursor | None:
    """The cursor as it is to be asked under these settings; None where everything has to be read again.

    Work orders asked for anew begin with their own first read; a place asked for anew is in no link.
    """
    if place and not cursor.place and cursor.bookings:
        return None
    if not orders:
        return msgspec.structs.replace(cursor, work_orders=None, primed=False, orders_next=False, place=place)
    if cursor.work_orders is None:
        return msgspec.structs.replace(cursor, work_orders="", primed=False, orders_next=True, place=place)
    return msgspec.structs.replace(cursor, place=place)
