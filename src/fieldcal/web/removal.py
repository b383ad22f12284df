"""Taking a customer or a type away in the browser: after a question that names what hangs on it, or what keeps it."""

from __future__ import annotations

from starlette.responses import Response

from fieldcal.errors import Overtaken
from fieldcal.schedule import removing
from fieldcal.setup.permissions import Action
from fieldcal.web import rooms
from fieldcal.web.rooms import Room
from fieldcal.web.section import Section
from fieldcal.web.visit import Here

#: The template of a form beside which a row can be taken away.
TEMPLATE = "record_removable.html"


def register(section: Section, room: Room) -> None:
    """The pages of this room, and the one that takes a row of it away."""
    rooms.register(section, room)

    @section.post(f"{room.path}/remove", Action.SCHEDULE)
    async def remove(visit: Here) -> Response:
        """Take it away, after a confirmation; what is named by others stays, and is told by whom."""
        form = await visit.form()
        found = await rooms.known(visit, room.sheet, str(form.get("id", "")))
        name, told = await visit.desk.read(removing.name, room.sheet, found.id), str(form.get("count", ""))
        held = await visit.desk.read(removing.hanging, room.sheet, found.id)
        kept, count = removing.refused(held), removing.losing(held)
        if told == str(count) and not kept:
            try:
                await visit.desk.write(removing.remove, room.sheet, found.id, count)
            except Overtaken:
                held = await visit.desk.read(removing.hanging, room.sheet, found.id)
                kept, count = removing.refused(held), removing.losing(held)
            else:
                await rooms.recorded(visit, f"{room.sheet.one} removed", found.id, name)
                return visit.say(visit.go(room.path), "records.remove.removed", {"name": name})
        loses = " and ".join(str(one) for one in held if not one.keeps)
        values = {
            "room": room,
            "one": found,
            "name": name,
            "kept": kept,
            "loses": loses,
            "count": count,
            "again": bool(told),
        }
        return visit.page("parts/record_remove.html" if visit.live else "record_remove.html", values)
