"""What work orders are told apart by: their types, incident types and priorities."""

from __future__ import annotations

from fieldcal.schedule.sheets import INCIDENTS, PRIORITIES, TYPES
from fieldcal.web import rooms
from fieldcal.web.rooms import Room
from fieldcal.web.section import Entry, Section

SECTION = Section("types", Entry("work", 15, "list", scheduling=True))
_TABS = (("types", "/types"), ("incidents", "/types/incidents"), ("priorities", "/types/priorities"))

rooms.register(SECTION, Room(TYPES, "/types", "types", "list", ("name",), _TABS))
rooms.register(SECTION, Room(INCIDENTS, "/types/incidents", "types", "list", ("name", "description", "minutes"), _TABS))
rooms.register(SECTION, Room(PRIORITIES, "/types/priorities", "types", "list", ("name", "importance"), _TABS))
