"""Field Service through Dataverse, for the source contract: the embedded one over HTTP, and a dispatcher's hands."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from tests.hostile.proxy import Road

from fieldcal.clock import SystemClock
from fieldcal.embedded.faults import Fault, Match
from fieldcal.embedded.fieldservice import FieldService
from fieldcal.embedded.server import serving
from fieldcal.http import Http, TokenCredential
from fieldcal.model import BookingId
from fieldcal.sources.dataverse import DataverseSource

START = datetime(2026, 11, 23, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
WORK_ORDER_FIELDS = {
    "number": "00042",
    "type": "Repair",
    "priority": "High",
    "incident_type": "Pump leaks",
    "summary": "Leak in the cellar",
    "service_account": "Contoso",
    "billing_account": "Fabrikam",
    "reported_by": "Kim Meyer",
    "account_contact": "Lee Novak",
    "location": "Main Street 1, Springfield, 12345",
}


class DataverseEnd:
    """A small organization: three booking statuses, two workers and a van, one work order. Times in UTC.

    `swept`: it tracks no changes of any table.
    """

    def __init__(self, path, *, swept=False):
        self.server = FieldService(path, sandbox=True)
        self.store = self.server.store
        if swept:
            self.server.control.change(untracked=["bookableresourcebooking", "bookableresource", "msdyn_workorder"])
        self.source = None
        self.options = {}
        self.root = ""
        self.clock = SystemClock()
        self.road = Road()
        make = self.store.create
        self.statuses = {
            "scheduled": make("bookingstatus", {"name": "Scheduled", "status": 2, "msdyn_fieldservicestatus": 690970000}),
            "proposed": make("bookingstatus", {"name": "Maybe", "status": 1}),
            "canceled": make("bookingstatus", {"name": "Dropped", "status": 3}),
            "field canceled": make("bookingstatus", {"name": "Off", "status": 2, "msdyn_fieldservicestatus": 690970005}),
        }  # fmt: skip
        self.workers = {"Anna": self.adds_worker("Anna", 110), "Bert": self.adds_worker("Bert", 35)}
        self.van = make("bookableresource", {"name": "Van", "resourcetype": 4})
        self.order = self.adds_work_order()

    @asynccontextmanager
    async def serve(self):
        async with serving(self.server.app) as straight, self.road.to(straight) as url:
            credential = TokenCredential(lambda: self.server.tokens.grant(url))
            http = Http(url + self.root, credential, self.clock, timeout=self.road.patience)
            self.source = DataverseSource(http, self.clock, **self.options)
            try:
                yield self
            finally:
                await self.source.close()

    def close(self):
        self.server.close()

    # a dispatcher's hands

    def adds_worker(self, name, zone=92):
        user = {
            "fullname": name,
            "internalemailaddress": f"{name}@Contoso.test",
            "domainname": f"{name}@contoso.test",
            "azureactivedirectoryobjectid": f"0b000000-0000-4000-8000-{ord(name[0]):012}",
        }
        made = self.store.create("systemuser", user)
        return self.store.create(
            "bookableresource", {"name": name, "resourcetype": 3, "timezone": zone, "userid": made}
        )

    def adds_work_order(self, number="00042"):
        make = self.store.create
        contact = make("contact", {"firstname": "Lee", "lastname": "Novak"})
        values = {
            "msdyn_name": number,
            "msdyn_workordersummary": "Leak in the cellar",
            "msdyn_serviceaccount": make("account", {"name": "Contoso", "primarycontactid": contact}),
            "msdyn_billingaccount": make("account", {"name": "Fabrikam"}),
            "msdyn_reportedbycontact": make("contact", {"firstname": "Kim", "lastname": "Meyer"}),
            "msdyn_priority": make("msdyn_priority", {"msdyn_name": "High"}),
            "msdyn_workordertype": make("msdyn_workordertype", {"msdyn_name": "Repair"}),
            "msdyn_primaryincidenttype": make("msdyn_incidenttype", {"msdyn_name": "Pump leaks"}),
            "msdyn_address1": "Main Street 1",
            "msdyn_postalcode": "12345",
            "msdyn_city": "Springfield",
            "msdyn_timefrompromised": "2026-11-23T08:00:00Z",
        }
        return make("msdyn_workorder", values)

    def books(self, number=0, **changes):
        start = START + number * HOUR
        values = {
            "name": f"{number:04}",
            "starttime": _text(start),
            "endtime": _text(start + HOUR),
            "resource": self.workers["Anna"],
            "bookingstatus": self.statuses["scheduled"],
            "msdyn_workorder": self.order,
        }
        return BookingId(self.store.create("bookableresourcebooking", values | changes))

    def changes(self, booking, **values):
        self.store.change("bookableresourcebooking", booking, values)

    def deletes(self, booking):
        self.store.remove("bookableresourcebooking", booking)

    def fault(self, kind, *, method=None, path=None, nth=1, times=1, **more):
        self.server.control.add_fault(
            Fault(kind=kind, match=Match(method=method, path=path, nth=nth), times=times, **more)
        )

    def requests(self):
        """(method, path with its query) of each request that came."""
        return [(entry.method, entry.url) for entry in self.server.control.ledger()]

    def forget_requests(self):
        self.server.control.clear_ledger()


def _text(instant):
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")
