"""What people do on the stage: dispatchers book, workers use their hands, administrators set up. Each deed is a sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from tests.hostile.proxy import Trouble
from tests.sync.oracle import Oracle
from tests.sync.truth import Order, Stand, Version, rows_of
from tests.sync.world import ENVIRONMENT, MARK, PROFILE, World

from fieldcal.embedded.exchange.document import StoredEvent
from fieldcal.embedded.faults import Fault
from fieldcal.state import environments, profiles

STATUSES = ("Scheduled", "Traveling", "In Progress", "Completed", "Canceled", "Proposed")


class People:
    """Everybody who acts; the oracle is told of each deed as it is done."""

    def __init__(self, world: World, oracle: Oracle, tell: Callable[[str], None]) -> None:
        self.world, self.oracle, self._tell = world, oracle, tell
        #: the calendars that there are: mailbox to whose it is
        self.boxes: dict[str, str] = {}
        self._numbers = 0
        self._profile_on = self._environment_on = True
        self._boxes_on: set[str] = set()
        #: mailboxes that another environment has claimed, noticed or not
        self.claimed: set[str] = set()
        #: work orders that were not deleted
        self.standing_orders: set[str] = set()

    # -- telling

    @property
    def now(self) -> datetime:
        return self.world.clock.now()

    def tells_to(self, tell: Callable[[str], None]) -> None:
        self._tell = tell

    def says(self, sentence: str) -> None:
        self._tell(f"{self.now:%a %d %b %H:%M}  {sentence}")

    def _deed(self, sentence: str) -> None:
        self.oracle.step += 1
        self.says(sentence)

    # -- dispatchers

    def books(
        self, worker: str, start: datetime, hours: float, *, order: str | None = None, status: str = "Scheduled"
    ) -> str:
        self._numbers += 1
        name = f"Job {self._numbers}"
        number = self.oracle.orders[order].number if order else "no work order"
        self._deed(f"{name} is booked for {worker}, {start:%a %d %b %H:%M}, {hours:g} h, {number}, {status}")
        booking = self.world.book(worker, start, hours, work_order=order, status=status, name=name)
        end = start + timedelta(hours=hours)
        self.oracle.book(booking, name, Version(self.now, start, end, worker, status, order))
        return booking

    def moves(self, booking: str, start: datetime, hours: float) -> None:
        self._deed(f"{self._name(booking)} is moved to {start:%a %d %b %H:%M}, {hours:g} h")
        self.world.move(booking, start, hours)
        self.oracle.change(booking, self.now, start=start, end=start + timedelta(hours=hours))

    def sets_status(self, booking: str, status: str) -> None:
        self._deed(f"{self._name(booking)} is set to {status}")
        self.world.set_status(booking, status)
        self.oracle.change(booking, self.now, status=status)

    def reassigns(self, booking: str, worker: str) -> None:
        self._deed(f"{self._name(booking)} is given to {worker}")
        self.world.reassign(booking, worker)
        self.oracle.change(booking, self.now, worker=worker)

    def deletes(self, booking: str) -> None:
        self._deed(f"{self._name(booking)} is deleted")
        self.world.delete(booking)
        self.oracle.change(booking, self.now, deleted=True)

    def activates(self, booking: str, *, active: bool) -> None:
        self._deed(f"{self._name(booking)} is {'activated' if active else 'deactivated'}")
        self.world.change(booking, statecode=0 if active else 1)
        self.oracle.change(booking, self.now, active=active)

    def opens_order(self) -> str:
        number, summary = f"WO-{len(self.oracle.orders) + 1}", "Oven does not heat"
        self._deed(f"the work order {number} is opened")
        order = self.world.work_order(number, msdyn_workordersummary=summary)
        self.oracle.orders[order] = Order(number, [(self.oracle.step, summary)])
        self.standing_orders.add(order)
        return order

    def edits_order(self, order: str) -> None:
        known = self.oracle.orders[order]
        summary = f"Edition {len(known.summaries)}"
        self._deed(f"the summary of {known.number} is now {summary!r}")
        self.world.ask("PATCH", f"msdyn_workorders({order})", {"msdyn_workordersummary": summary})
        self.oracle.edit_order(order, summary, self.now)

    def swaps_order(self, booking: str, order: str) -> None:
        self._deed(f"{self._name(booking)} now belongs to {self.oracle.orders[order].number}")
        self.world.change(booking, **{"msdyn_workorder@odata.bind": f"/msdyn_workorders({order})"})
        self.oracle.change(booking, self.now, order=order)

    def deletes_order(self, order: str) -> None:
        self._deed(f"the work order {self.oracle.orders[order].number} is deleted")
        self.world.ask("DELETE", f"msdyn_workorders({order})")
        self.oracle.delete_order(order, self.now)
        self.standing_orders.discard(order)

    # -- workers' hands

    def events(self) -> list[tuple[str, Stand]]:
        """Every event of every calendar, those made first first."""
        found = [(box, stand) for box in self.boxes for stand in self.look_into(box)]
        return sorted(found, key=lambda each: each[1].raw.row)

    def hand_edits(self, box: str, stand: Stand, **changes: Any) -> None:
        self._deed(f"{self.boxes[box]} changes {stand.raw.subject!r}: {', '.join(changes)}")
        left = self.world.exchange.edit(box, stand.raw, changes)
        if "categories" in changes and stand.made_by_us:
            self.oracle.categories[stand.raw.key] = changes["categories"]
        self.oracle.hand_left(box, self._stand(left))

    def hand_deletes(self, box: str, stand: Stand) -> None:
        self._deed(f"{self.boxes[box]} deletes {stand.raw.subject!r}")
        self.world.exchange.delete(box, stand.raw)
        self.oracle.hand_took(box, stand)

    def hand_copies(self, box: str, stand: Stand) -> None:
        self._deed(f"{self.boxes[box]} copies {stand.raw.subject!r}")
        self.oracle.hand_left(box, self._stand(self.world.exchange.copy(box, stand.raw)))

    def hand_adds(self, box: str, start: datetime) -> None:
        self._deed(f"{self.boxes[box]} has a dentist's appointment, {start:%a %d %b %H:%M}")
        times = {"start": start, "end": start + timedelta(hours=1)}
        moments = {name: {"dateTime": f"{at:%Y-%m-%dT%H:%M:%S}", "timeZone": "UTC"} for name, at in times.items()}
        made = self.world.exchange.add(box, {"subject": "Dentist", **moments})
        self.oracle.hand_left(box, self._stand(made))

    # -- administrators

    def switch_mailbox(self, name: str, *, on: bool) -> None:
        self._deed(f"{name}'s mailbox is {'enabled' if on else 'switched off'}")
        (self.world.enable if on else self.world.disable)(name)
        (self._boxes_on.add if on else self._boxes_on.discard)(self.world.boxes[name])
        if on:
            self.oracle.opened[self.world.boxes[name]] = self.now
        self._agree()

    def switch_profile(self, *, on: bool) -> None:
        self._deed(f"the server profile is {'activated' if on else 'deactivated'}")
        with self.world.database.write() as tx:
            profiles.save(tx, replace(profiles.get(tx, PROFILE), active=on))
        self._profile_on = on
        self._agree()

    def switch_environment(self, *, on: bool) -> None:
        self._deed(f"the environment is switched {'on' if on else 'off'}")
        with self.world.database.write() as tx:
            environments.save(tx, replace(environments.get(tx, ENVIRONMENT), enabled=on))
        self._environment_on = on
        self._agree()

    def is_on(self, name: str) -> bool:
        return self.world.boxes[name] in self._boxes_on

    def _agree(self) -> None:
        self.oracle.on = set(self._boxes_on) if self._profile_on and self._environment_on else set()

    def sets(self, **changes: Any) -> None:
        self._deed(f"the settings are changed: {', '.join(f'{name} {value}' for name, value in changes.items())}")
        self.world.change_settings(**changes)
        self.oracle.set_rules(**changes)

    def is_off(self, name: str) -> None:
        """The product has switched this mailbox off by itself."""
        self._deed(f"{name}'s mailbox is switched off: somebody else serves it")
        self._boxes_on.discard(self.world.boxes[name])
        self._agree()

    def waits(self, by: timedelta) -> None:
        self.world.clock.advance(by)
        self._deed(f"({by} later)")

    # -- what goes wrong

    def plants(self, where: str, fault: Fault) -> None:
        """Have one end of the wire do this to requests."""
        match = fault.match
        what = f"{fault.kind} {fault.status}" if fault.kind == "status" else fault.kind
        which = f"{'item ' if match.item else ''}{match.method or 'request'} no. {match.nth} {match.path or ''}"
        self._deed(f"{where}: {what} on {which.strip()}, {fault.times or 'all'} times")
        self.oracle.storm = True
        if where == "Exchange":
            self.world.exchange.plant(fault)
        else:
            self.world.field_service.control.add_fault(fault)

    def roughens(self, where: str, trouble: Trouble) -> None:
        """Have the network before one end do this to requests."""
        which = f"{trouble.method or 'request'} no. {trouble.nth} {trouble.path}".strip()
        self._deed(f"on the way to {where}: {trouble.kind} on {which}, {trouble.times or 'all'} times")
        self.oracle.storm = True
        # What arrives after all when nobody counts with it any more is found by the check alone.
        self.oracle.blind |= trouble.kind == "late"
        self.world.proxies[where == "Exchange"].plant(trouble)

    def mends(self) -> None:
        """Every fault is taken back; pauses last."""
        self._deed("the faults stop")
        for proxy in self.world.proxies:
            self.world.run(proxy.calms())
        for end in (self.world.exchange, self.world.field_service):
            end.control.clear_faults()
        self.world.exchange.blinds(blind=False)
        self.oracle.poisoned = dict.fromkeys(self.oracle.poisoned, False)

    # -- looking

    def look_into(self, box: str) -> list[Stand]:
        return [self._stand(event) for event in self.world.exchange.look(box)]

    def _stand(self, event: StoredEvent) -> Stand:
        properties = self.world.exchange.properties(event)
        mark = next((value for name, value in properties.items() if MARK in name), "")
        # Another organization's mark is none of ours.
        booking = mark.split("/")[2] if f"/{self.world.site.organization}/" in mark else ""
        start, end = (datetime.fromisoformat(at.rstrip("Z")[:26] + "+00:00") for at in (event.start, event.end))
        return Stand(event, properties, start, end, rows_of(event.document.body), booking)

    def _name(self, booking: str) -> str:
        return self.oracle.name(booking)
