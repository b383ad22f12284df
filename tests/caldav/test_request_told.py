"""How a write is told to people: what was asked for, and nothing of whose calendar it is."""

from __future__ import annotations

from typing import Any, cast

import pytest
from tests.values import BOOKING, BOX, ORGANIZATION, WORKER

from fieldcal.calendars.caldav.calendar import CalDavCalendar
from fieldcal.calendars.caldav.wire import href_of
from fieldcal.model import Create, Delete, EventId, Known, Mark, Update, Write
from fieldcal.plan.render import render
from fieldcal.plan.settings import Settings

MARK = Mark(ORGANIZATION, BOOKING.id, BOX, 0)
EVENT = render(Known(BOOKING), WORKER, Settings(), BOOKING.start)
HREF = EventId(f"/calendars/{WORKER.address}/jobs/0123456789abcdef.ics")


@pytest.mark.parametrize(
    ("action", "told"),
    [
        (Create(MARK, "key", EVENT, "stamp"), f"PUT …{href_of('', MARK)[-12:]}"),
        (Update(MARK, HREF, "e", EVENT, "stamp"), "PUT …89abcdef.ics"),
        (Delete(MARK, HREF, "e"), "DELETE …89abcdef.ics"),
    ],
)
def test_of_a_caldav_request_the_end_of_the_address_is_told(action: Write, told: str) -> None:
    said = CalDavCalendar(cast("Any", None), BOX, ORGANIZATION).request(action)
    assert said == told
    assert WORKER.address not in said
