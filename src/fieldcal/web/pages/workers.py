"""Workers and equipment that can be booked."""

from __future__ import annotations

from fieldcal.schedule.sheets import WORKERS
from fieldcal.web import rooms
from fieldcal.web.rooms import Room
from fieldcal.web.section import Entry, Section

SECTION = Section("workers", Entry("work", 40, "person", scheduling=True))
ROOM = Room(WORKERS, "/workers", "workers", "person", ("name", "e-mail", "hours", "zone", "kind", "active"))

rooms.register(SECTION, ROOM)
