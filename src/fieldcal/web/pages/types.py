"""What work orders are told apart by: their types, incident types and priorities."""

from __future__ import annotations

from fieldcal.schedule.sheets import INCIDENTS, PRIORITIES, TYPES
from fieldcal.web import removal
from fieldcal.web.rooms import Room
from fieldcal.web.section import Entry, Section

SECTION = Section("types", Entry("work", 15, "list", scheduling=True))
_TABS = (("types", "/types"), ("incidents", "/types/incidents"), ("priorities", "/types/priorities"))

for sheet, path, columns in (
    (TYPES, "/types", ("name",)),
    (INCIDENTS, "/types/incidents", ("name", "description", "minutes")),
    (PRIORITIES, "/types/priorities", ("name", "importance")),
):
    removal.register(SECTION, Room(sheet, path, "types", "list", columns, _TABS, template=removal.TEMPLATE))
