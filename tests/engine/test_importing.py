"""`set_up_there=automatic` (R6, D9): when an import is due, whom it takes over and whom never, and what stops nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import NewState
from tests.engine.test_service import TOMORROW, Served
from tests.sync.world import ENVIRONMENT, NOW, PROFILE, TENANT, World

from fieldcal.embedded.faults import Fault, Match
from fieldcal.embedded.fieldservice.sample_mail import _SET_UP as SET_UP
from fieldcal.engine import importing
from fieldcal.engine.importing import EVERY
from fieldcal.engine.service import TESTS
from fieldcal.model import MailboxId, SetUpList
from fieldcal.plan.settings import parse
from fieldcal.setup_model import Alert, Endpoint, Environment, Mailbox
from fieldcal.state import alerts, audit, environments, feeds, mailboxes, pauses, profiles
from fieldcal.state.database import Database

HOUR = timedelta(hours=1)
AUTOMATIC = {"set_up_there": "automatic"}


class Importing(Served):
    """Counts how often the source was asked who is set up there."""

    asked = 0

    async def there(self, environment: str) -> SetUpList:
        self.asked += 1
        return await super().there(environment)


@pytest.fixture
def world(new_sqlite: NewState, tmp_path: Path) -> Iterator[World]:
    """Anna is set up there; Bernd too, and Microsoft's own sync serves him; Clara waits for approval there."""
    made = World(tmp_path, new_sqlite())
    store = made.field_service.store
    profile = store.create("emailserverprofile", {"name": "Exchange"})
    for name in ("Anna", "Bernd", "Clara"):
        made.worker(name, enabled=False)
        address = f"{name.lower()}@northwind-trades.example"
        [user] = [row["systemuserid"] for row in store.rows("systemuser") if row["internalemailaddress"] == address]
        row = {
            "name": name,
            "emailaddress": address,
            "regardingobjectid": user,
            "emailserverprofile": profile,
            **SET_UP,
        }
        store.create("mailbox", row | ({"emailrouteraccessapproval": 2} if name == "Clara" else {}))
        if name == "Bernd":
            store.create("bookableresourcebookingexchangesyncidmapping", {"userid": user})
        made.book(name, TOMORROW)
    organization = str(made.field_service.organization_id)
    with made.database.write() as tx:
        place = replace(environments.get(tx, ENVIRONMENT), organization=organization, tenant=str(TENANT))
        environments.save(tx, replace(place, settings=parse(AUTOMATIC)))
    yield made
    made.close()


@pytest.fixture
def served(world: World) -> Iterator[Importing]:
    made = Importing(world)
    yield made
    if not made.task.done():
        made.end()


def told(world: World) -> Alert | None:
    with world.database.read() as tx:
        return next((one for one in alerts.standing(tx, ENVIRONMENT) if one.code == importing.ALERT), None)


def boxes(world: World) -> dict[str, Mailbox]:
    """Those that are known, by the worker's name."""
    with world.database.read() as tx:
        found = {name: mailboxes.load(tx, ENVIRONMENT, MailboxId(box)) for name, box in world.boxes.items()}
    return {name: box for name, box in found.items() if box is not None}


def enabled(world: World) -> list[str]:
    return [name for name, box in boxes(world).items() if box.enabled]


def look(served: Importing, after: timedelta = timedelta(seconds=TESTS)) -> None:
    served.later(after)
    served.tick()


@pytest.mark.parametrize(
    ("environment", "feed", "expected"),
    [
        ({}, {}, True),
        ({"settings": parse({})}, {}, False),
        ({"settings": parse({"set_up_there": "ask"})}, {}, False),
        ({"enabled": False}, {}, False),
        ({}, {"workers_read_at": None}, False),
        ({}, {"imported_at": NOW}, False),
        ({}, {"imported_at": NOW - EVERY + HOUR}, False),
        ({}, {"imported_at": NOW - EVERY}, True),
        ({}, {"imported_at": NOW + HOUR}, True),
    ],
)
def test_d9_when_an_import_is_due(
    sqlite_database: Database, environment: dict[str, Any], feed: dict[str, Any], expected: bool
) -> None:
    place = Environment(ENVIRONMENT, Endpoint("http://127.0.0.1:1"), NOW, settings=parse(AUTOMATIC))
    with sqlite_database.write() as tx:
        environments.add(tx, replace(place, **environment))
        feeds.change(tx, ENVIRONMENT, **({"workers_read_at": NOW - HOUR} | feed))
        assert importing.due(tx, ENVIRONMENT, NOW) is expected
        pauses.pause(tx, f"source:{ENVIRONMENT}", NOW + HOUR, "it asked us to wait")
        assert not importing.due(tx, ENVIRONMENT, NOW)
        assert not importing.due(tx, "gone", NOW)


def test_r6_d9_who_is_set_up_there_starts_by_itself_and_who_is_served_there_never_does(served: Importing) -> None:
    world = served.world
    served.until(served.done(1))
    look(served)
    served.until(lambda: enabled(world) == ["Anna"])
    served.later(timedelta(seconds=1))
    served.until(lambda: len(world.events("Anna")) == 1)
    alert = told(world)
    assert alert is not None
    assert (alert.level, alert.message[:22]) == ("information", "1 imported from the so")
    assert "1 left out" in alert.message
    with world.database.read() as tx:
        lines = {(line.operator, line.action, line.subject) for line in audit.latest(tx)}
    box = f"{ENVIRONMENT}/{world.box('Anna')}"
    assert {("service", "mailbox import", box), ("service", "mailbox test", box)} == lines

    sent = served.asked
    look(served, EVERY - HOUR)
    assert served.asked == sent, "not twice within a day"
    look(served, HOUR)
    served.until(lambda: served.asked > sent)
    assert (enabled(world), world.events("Bernd"), world.events("Clara")) == (["Anna"], [], [])


@pytest.mark.parametrize(
    ("trouble", "message"),
    [("denied", "may not read the table mailboxes"), ("profiles", "name the server profile"), ("doubt", "0 imported")],
)
def test_an_import_that_fails_enables_nobody_is_told_and_stops_no_pass(
    served: Importing, trouble: str, message: str
) -> None:
    world = served.world
    path = {"denied": r"/mailboxes\?", "doubt": "idmappings"}.get(trouble)
    if path:
        fault = Fault(kind="status", status=403, code="0x80040220", match=Match(path=path), times=None)
        number = world.field_service.control.add_fault(fault)
    else:
        with world.database.write() as tx:
            profiles.add(tx, replace(profiles.get(tx, PROFILE), id="Second"))
    served.until(served.done(1))
    look(served)
    served.until(lambda: told(world) is not None)
    alert = told(world)
    assert alert is not None
    assert message in alert.message
    assert [box.approved for box in boxes(world).values()] == [False] * 3
    look(served, HOUR)
    served.until(lambda: served.done(2)() and told(world) == alert)

    if path:
        world.field_service.control.clear_faults(number)
    else:
        with world.database.write() as tx:
            profiles.save(tx, replace(profiles.get(tx, "Second"), active=False))
    look(served, EVERY)
    served.until(lambda: enabled(world) == ["Anna"])
    after = told(world)
    assert after is not None
    assert after.level == "information"


def test_a_source_that_asks_the_import_to_wait_is_left_alone_until_then(served: Importing) -> None:
    world = served.world
    fault = Fault(kind="status", status=429, headers={"Retry-After": "90"}, match=Match(path=r"/mailboxes\?"))
    world.field_service.control.add_fault(fault)
    served.until(served.done(1))
    look(served)
    served.until(lambda: told(world) is not None)
    with world.database.read() as tx:
        assert pauses.until(tx, [f"source:{ENVIRONMENT}"], served.clock.now()) is not None
    assert enabled(world) == []
