"""A field service with a handful of workers, statuses and orders, for the schedule's tests."""

from __future__ import annotations

from datetime import UTC, datetime

from fieldcal.embedded.control import SandboxClock
from fieldcal.embedded.fieldservice import Store
from fieldcal.embedded.fieldservice.sample import STATUSES
from fieldcal.schedule.values import Kind, Slot, Status, Step

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)  # a Monday


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC)


class Shop:
    """The store, and the ids of what it was filled with."""

    def __init__(self, database: str = ":memory:") -> None:
        self.store = Store(database, SandboxClock(lambda: NOW))
        make = self.store.create
        self.status = {
            name: make("bookingstatus", {"name": name, "status": kind, "msdyn_fieldservicestatus": step})
            for name, (kind, step) in STATUSES.items()
        }
        self.ana = make("bookableresource", {"name": "Ana", "timezone": 110})
        self.ben = make(
            "bookableresource", {"name": "Ben", "timezone": 35, "fieldcal_workinghours": "Mon-Sun 00:00-24:00"}
        )
        self.type = make("msdyn_workordertype", {"msdyn_name": "Repair"})
        self.high = make("msdyn_priority", {"msdyn_name": "High"})
        self.account = make("account", {"name": "Northwind Bakery"})
        self.order = self.opens("WO-1", msdyn_workordersummary="The oven is cold", msdyn_city="Graz")

    def opens(self, number: str, **more: object) -> str:
        values = {"msdyn_name": number, "msdyn_workordertype": self.type, "msdyn_serviceaccount": self.account}
        return self.store.create("msdyn_workorder", {**values, **more})

    def order_status(self, order: str = "") -> int:
        row = self.store.get("msdyn_workorder", order or self.order)
        assert row is not None
        return int(row["msdyn_systemstatus"])


def slot(name: str, begin: datetime, end: datetime, *, worker: str = "ana", step: Step = Step.SCHEDULED) -> Slot:
    kind = 3 if step is Step.CANCELED else 2
    return Slot(name, 1, name, worker, begin, end, Status("s", step.name, Kind(kind), step))
