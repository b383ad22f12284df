"""Workers, equipment and crews that can be booked."""

from __future__ import annotations

from fieldcal.schedule.sheets import CREWS, WORKERS
from fieldcal.web import rooms
from fieldcal.web.rooms import Room
from fieldcal.web.section import Entry, Section

SECTION = Section("workers", Entry("work", 14, "person", scheduling=True))
_TABS = (("workers", "/workers"), ("crews", "/workers/crews"))
ROOM = Room(WORKERS, "/workers", "workers", "person", ("name", "e-mail", "hours", "zone", "kind", "active"), _TABS)
CREW_ROOM = Room(CREWS, "/workers/crews", "workers", "people", ("name", "zone", "active"), _TABS)

rooms.register(SECTION, ROOM)
rooms.register(SECTION, CREW_ROOM)
