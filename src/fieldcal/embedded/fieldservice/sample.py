"""Fills a field service with a sample organization: a trades company with people, customers, work orders, bookings.

The same seed, size and day give the same rows, so a demo can be told and a test repeated.
"""

from __future__ import annotations

import math
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import partial
from itertools import cycle, islice
from typing import Any
from zoneinfo import ZoneInfo

from fieldcal.embedded.fieldservice.sample_mail import Person, load_mail
from fieldcal.embedded.fieldservice.sample_texts import (
    DOMAIN,
    JOBS,
    ORDER_TYPES,
    PHONES,
    PRIORITIES,
    REGIONS,
    Job,
    Region,
    Site,
)
from fieldcal.embedded.fieldservice.store import Store
from fieldcal.embedded.fieldservice.times import instant_text

SPACE = uuid.UUID("7f3c9a52-5d0b-4c1e-9d7a-2b8e6f104c93")
DAYS_BACK, DAYS_AHEAD = 10, 25
OPENS = time(8)
#: bookings of the first technician that Microsoft's own synchronization wrote, until it was switched off
_SERVED, _SERVED_UNTIL = 3, timedelta(days=60)
WORKDAY = 9 * 60  # minutes
STATUSES = {
    "Proposed": (1, None),
    "Scheduled": (2, 690970000),
    "Traveling": (2, 690970001),
    "On Break": (2, 690970002),
    "In Progress": (2, 690970003),
    "Completed": (2, 690970004),
    "Canceled": (3, 690970005),
}


@dataclass(frozen=True, slots=True)
class SampleMailbox:
    """A mailbox that must exist for a technician. `object_id` is the user's in Entra; `zone` an IANA name."""

    object_id: str
    address: str
    name: str
    zone: str


@dataclass(frozen=True, slots=True)
class SampleBooking:
    """One booking as it was made. `kind`: job, crew, member, equipment, internal (no work order), unreachable."""

    id: str
    kind: str
    status: str
    worker: str
    work_order: str | None
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Sample:
    """What was made: the mailboxes that Exchange must have, and ids of rows."""

    mailboxes: tuple[SampleMailbox, ...]
    technicians: tuple[str, ...]
    work_orders: tuple[str, ...]
    bookings: tuple[SampleBooking, ...]
    statuses: dict[str, str]


def load_sample(
    store: Store, *, now: datetime | None = None, workers: int = 12, bookings: int = 150, seed: int = 1
) -> Sample:
    """Write the organization into an empty store, its bookings from 10 days before `now` to 25 days after.

    `workers`: technicians with a mailbox; there is one more without. `bookings` counts all of them; ValueError where
    they are too few to have one of each kind.
    """
    if workers < 3 or bookings < 20:  # noqa: PLR2004 - a crew has three members, and each kind of booking is there
        raise ValueError("a sample organization has at least 3 workers and 20 bookings")
    return _Company(store, now or store.clock.now(), workers, bookings, seed).load()


def _id(*parts: object) -> str:
    return str(uuid.uuid5(SPACE, "/".join(map(str, parts))))


class _Company:
    """The rows of one organization, while they are made."""

    def __init__(self, store: Store, now: datetime, workers: int, bookings: int, seed: int) -> None:
        self._store, self._now, self._wanted, self._seed = store, now, bookings, seed
        self._random = random.Random(seed)  # noqa: S311 - a repeatable sample, no secret
        self._regions: list[Region] = list(islice(cycle(REGIONS), workers + 1))
        self._workers = workers
        self._statuses = {name: _id(seed, "status", name) for name in STATUSES}
        self._sites = [
            (region, site, _id(seed, "account", site.company)) for region in REGIONS for site in region.sites
        ]
        self._technicians = [_id(seed, "technician", n) for n in range(workers + 1)]
        self._orders: list[dict[str, Any]] = []
        self._near: dict[int, Iterator[dict[str, Any]]] = {}
        self._free = self._slots()
        self._made: list[tuple[SampleBooking, dict[str, Any]]] = []
        self._people: list[Person] = []

    def load(self) -> Sample:
        self._load_lists()
        self._load_customers()
        mailboxes = self._load_technicians()
        self._load_work_orders(max(60, round(self._wanted * 0.4)))
        self._plan_bookings()
        self._store.load("bookableresourcebooking", [row for _, row in self._made])
        first = [booking.id for booking, _ in self._made if booking.worker == self._technicians[0]]
        ended = instant_text(self._now - _SERVED_UNTIL)
        load_mail(self._store, partial(_id, self._seed), self._people, first[:_SERVED], ended)
        return Sample(
            mailboxes,
            tuple(self._technicians),
            tuple(order["msdyn_workorderid"] for order in self._orders),
            tuple(booking for booking, _ in self._made),
            dict(self._statuses),
        )

    def _load_lists(self) -> None:
        rows = [
            {"bookingstatusid": self._statuses[name], "name": name, "status": status, "msdyn_fieldservicestatus": code}
            for name, (status, code) in STATUSES.items()
        ]
        self._store.load("bookingstatus", rows)
        self._store.load(
            "msdyn_priority",
            [
                {
                    "msdyn_priorityid": _id(self._seed, "priority", name),
                    "msdyn_name": name,
                    "msdyn_levelofimportance": level,
                    "msdyn_priorityvalue": value,
                }
                for name, level, value in PRIORITIES
            ],
        )
        types = [{"msdyn_workordertypeid": _id(self._seed, "type", name), "msdyn_name": name} for name in ORDER_TYPES]
        self._store.load("msdyn_workordertype", types)
        incidents = {job.incident: job.minutes for job in JOBS}
        rows = [
            {
                "msdyn_incidenttypeid": _id(self._seed, "incident", name),
                "msdyn_name": name,
                "msdyn_estimatedduration": minutes,
            }
            for name, minutes in incidents.items()
        ]
        self._store.load("msdyn_incidenttype", rows)

    def _load_customers(self) -> None:
        accounts, contacts = [], []
        for number, (region, site, account) in enumerate(self._sites):
            contact = _id(self._seed, "contact", site.company)
            accounts.append(
                {
                    "accountid": account,
                    "name": site.company,
                    "address1_line1": site.street,
                    "address1_city": site.city,
                    "address1_stateorprovince": site.region or None,
                    "address1_postalcode": site.postal_code,
                    "address1_country": site.country,
                    "primarycontactid": contact,
                }
            )
            contacts.append(
                {
                    "contactid": contact,
                    "firstname": site.first,
                    "lastname": site.last,
                    "emailaddress1": f"{site.first}.{site.last}@customers.example".lower().replace(" ", ""),
                    "telephone1": PHONES[region.zone_code].format(11 + number),
                    "parentcustomerid": account,
                }
            )
        self._store.load("account", accounts)
        self._store.load("contact", contacts)

    def _load_technicians(self) -> tuple[SampleMailbox, ...]:
        users, resources, boxes = [], [], []
        for number, (region, resource) in enumerate(zip(self._regions, self._technicians, strict=True)):
            reachable = number < self._workers
            first, last = self._name(number) if reachable else ("Milo", "Trainee")
            address = f"{first}.{last}@{DOMAIN}".lower()
            user, object_id = _id(self._seed, "user", number), _id(self._seed, "entra", number)
            users.append(
                {
                    "systemuserid": user,
                    "fullname": f"{first} {last}",
                    "internalemailaddress": address if reachable else None,
                    "azureactivedirectoryobjectid": object_id if reachable else None,
                    "domainname": address if reachable else None,
                }
            )
            resources.append(
                {
                    "bookableresourceid": resource,
                    "name": f"{first} {last}",
                    "resourcetype": 3,
                    "timezone": region.zone_code,
                    "userid": user,
                    "msdyn_primaryemail": address if reachable else None,
                }
            )
            if reachable:
                self._people.append(Person(user, f"{first} {last}", address))
                boxes.append(SampleMailbox(object_id, address, f"{first} {last}", region.zone))
        for name, kind, code in (("Lift crew", 6, 85), ("Scissor lift SL-12", 4, 85)):
            resource = _id(self._seed, "resource", name)
            resources.append({"bookableresourceid": resource, "name": name, "resourcetype": kind, "timezone": code})
        self._store.load("systemuser", users)
        self._store.load("bookableresource", resources)
        return tuple(boxes)

    def _name(self, number: int) -> tuple[str, str]:
        """The technician's name; after those of the texts are used up, numbered ones."""
        people, turn = self._regions[number].technicians, number // len(REGIONS)
        return people[turn] if turn < len(people) else ("Worker", f"{number + 1:05}")

    def _load_work_orders(self, count: int) -> None:
        jobs = list(JOBS)
        self._random.shuffle(jobs)
        sites = [self._sites[n % len(REGIONS) * 6 + n // len(REGIONS) % 6] for n in range(len(self._sites))]
        for number in range(count):
            region, site, account = sites[number % len(sites)]
            self._orders.append(self._order(number, jobs[number % len(jobs)], region, site, account))
        self._store.load("msdyn_workorder", self._orders)
        for region in REGIONS:
            orders = [order for order in self._orders if order["utcconversiontimezonecode"] == region.zone_code]
            self._near[region.zone_code] = cycle(orders)

    def _order(self, number: int, job: Job, region: Region, site: Site, account: str) -> dict[str, Any]:
        seed = self._seed
        return {
            "msdyn_workorderid": _id(seed, "order", number),
            "msdyn_workordersummary": job.summary,
            "msdyn_systemstatus": 690970001,
            "msdyn_addressname": site.company,
            "msdyn_address1": site.street,
            "msdyn_city": site.city,
            "msdyn_stateorprovince": site.region or None,
            "msdyn_postalcode": site.postal_code,
            "msdyn_country": site.country,
            "msdyn_totalestimatedduration": job.minutes,
            "msdyn_serviceaccount": account,
            "msdyn_billingaccount": account,
            "msdyn_reportedbycontact": _id(seed, "contact", site.company) if number % 3 else None,
            "msdyn_priority": _id(seed, "priority", job.priority),
            "msdyn_workordertype": _id(seed, "type", job.type),
            "msdyn_primaryincidenttype": _id(seed, "incident", job.incident),
            "utcconversiontimezonecode": region.zone_code,
        }

    def _plan_bookings(self) -> None:
        """The special ones first, soon; then jobs, one technician after the other."""
        soon = (self._now + timedelta(days=1), self._now + timedelta(days=12))
        crew, (leader, *others) = _id(self._seed, "resource", "Lift crew"), self._crew()
        start, end = self._take_slot(leader, *soon)
        order = self._take_order(leader)
        self._load_members(crew, [leader, *others])
        together = {"msdyn_crew": crew, "header": self._load_header(order, start, end)}
        self._book("crew", crew, start, end, order, "Scheduled", together)
        for member in (leader, *others):
            self._free[member] = [slot for slot in self._free[member] if slot[1] <= start or slot[0] >= end]
            technician = self._technicians[member]
            role = {
                "fieldcal_crewmember": technician,
                "msdyn_crewmembertype": 192350000 if member == leader else 192350001,
            }
            self._book("member", technician, start, end, order, "Scheduled", together | role)
        self._book("equipment", _id(self._seed, "resource", "Scissor lift SL-12"), start, end, order, "Scheduled", {})
        start, end = self._take_slot(1, *soon)
        self._book("internal", self._technicians[1], start, end, None, "Scheduled", {"name": "Van inspection"})
        for span in (soon, ()):
            start, end = self._take_slot(self._workers, *span)
            order = self._take_order(self._workers)
            self._book("unreachable", self._technicians[self._workers], start, end, order, self._status(end), {})
        for worker in islice(cycle(range(self._workers)), self._wanted - len(self._made)):
            start, end = self._take_slot(worker)
            self._book("job", self._technicians[worker], start, end, self._take_order(worker), self._status(end), {})

    def _load_members(self, crew: str, members: list[int]) -> None:
        """Who goes with the crew, for a year already and on; the first leads."""
        since = instant_text(self._now - timedelta(days=365))
        self._store.load(
            "bookableresourcegroup",
            [
                {"bookableresourcegroupid": _id(self._seed, "member", number), "name": "Lift crew",
                 "parentresource": crew, "childresource": self._technicians[number], "fromdate": since,
                 "todate": "2100-01-01T00:00:00Z", "fieldcal_leads": number == members[0]}
                for number in members
            ],
        )  # fmt: skip

    def _load_header(self, order: dict[str, Any], start: datetime, end: datetime) -> str:
        """What holds the crew's booking and its members' together."""
        header = _id(self._seed, "header", 0)
        span = {"starttime": instant_text(start), "endtime": instant_text(end)}
        row = {"bookableresourcebookingheaderid": header, "name": order["msdyn_addressname"], **span}
        self._store.load("bookableresourcebookingheader", [row])
        return header

    def _crew(self) -> list[int]:
        """Three technicians of one region, as far as there are so many."""
        mates = [n for n in range(self._workers) if self._regions[n] is REGIONS[0]]
        return [*mates, *(n for n in range(self._workers) if n not in mates)][:3]

    def _status(self, end: datetime) -> str:
        """One in twenty is canceled, a few are not firm yet, what is over is done."""
        number = len(self._made)
        if number % 20 == 15:  # noqa: PLR2004 - one in twenty
            return "Canceled"
        if end < self._now:
            return "Completed"
        return "Proposed" if number % 40 == 18 else "Scheduled"  # noqa: PLR2004 - one in forty

    def _take_order(self, worker: int) -> dict[str, Any]:
        return next(self._near[self._regions[worker].zone_code])

    def _take_slot(
        self, worker: int, after: datetime | None = None, before: datetime | None = None
    ) -> tuple[datetime, datetime]:
        """A free time of a technician, between the two instants where they are given; it is free no more."""
        free = self._free[worker]
        for position, (start, _) in enumerate(free if after and before else ()):
            if after and before and after <= start < before:
                return free.pop(position)
        return free.pop(0)

    def _book(
        self,
        kind: str,
        worker: str,
        start: datetime,
        end: datetime,
        order: dict[str, Any] | None,
        status: str,
        more: dict[str, Any],
    ) -> None:
        number = len(self._made)
        order_id = order["msdyn_workorderid"] if order else None
        booking = SampleBooking(_id(self._seed, "booking", number), kind, status, worker, order_id, start, end)
        row = {
            "bookableresourcebookingid": booking.id,
            "name": order["msdyn_addressname"] if order else None,
            "starttime": instant_text(start),
            "endtime": instant_text(end),
            "resource": worker,
            "bookingstatus": self._statuses[status],
            "msdyn_workorder": order_id,
            **more,
        }
        self._made.append((booking, row))

    def _slots(self) -> list[list[tuple[datetime, datetime]]]:
        """For each technician: free times in UTC, none twice, shuffled, but with both ends of the days first."""
        need = math.ceil(self._wanted / self._workers) + 4
        first = self._now.date() - timedelta(days=DAYS_BACK)
        days = [first + timedelta(days=n) for n in range(DAYS_BACK + DAYS_AHEAD + 1)]
        per_day = max(4, math.ceil(need / (len(days) * 0.6)))
        result = []
        for region in self._regions:
            zone = ZoneInfo(region.zone)
            opens = [
                datetime.combine(day, OPENS, zone) + timedelta(minutes=WORKDAY // per_day * turn)
                for day in days
                for turn in range(per_day)
                if day.weekday() < 5 or turn == 0  # noqa: PLR2004 - on weekends only the first, an emergency
            ]
            between = opens[1:-1]
            self._random.shuffle(between)
            result.append([self._slot(start, WORKDAY // per_day) for start in (opens[0], opens[-1], *between)])
        return result

    def _slot(self, start: datetime, room: int) -> tuple[datetime, datetime]:
        fitting = [minutes for minutes in (45, 60, 75, 90, 105, 120) if minutes < room]
        minutes = self._random.choice(fitting) if fitting else max(5, room - 5)
        begins = start.astimezone(UTC)
        return begins, begins + timedelta(minutes=minutes)
