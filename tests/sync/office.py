"""What administrators and other installations do on the stage: set up, take over, approve and reject, give mailboxes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from sqlalchemy import insert
from tests.sync.oracle import Wrong
from tests.sync.truth import Stand
from tests.sync.world import ENVIRONMENT, PROFILE, SERVER

from fieldcal.errors import FieldcalError, Unavailable
from fieldcal.model import BookingId, Create, Event, MailboxId, Mark, ShowAs, Worker, WorkerId, WorkerKind
from fieldcal.plan.budget import AT_LEAST, SPAN
from fieldcal.plan.keys import create_key, fingerprint
from fieldcal.setup.bench import UNDER_WAY, Bench
from fieldcal.setup.claims import Claim
from fieldcal.setup.takeover import take_over
from fieldcal.setup_model import Actor, Endpoint, Environment, Method
from fieldcal.state import environments, mailboxes, plans, workers
from fieldcal.state.tables import removals
from fieldcal.sync.approve import approve, reject

if TYPE_CHECKING:
    from tests.sync.stage import Stage

OTHER = "other"
#: the organization of the environment that takes mailboxes over
ELSEWHERE = "11111111-0000-4000-8000-000000000001"
OPERATOR = Actor("operator")


# -- mailboxes on and off, and taken over (R13, R14)


def switches(stage: Stage, name: str) -> None:
    """Off, or on; one that somebody else has claimed is taken back first, one that nobody knows stays as it is."""
    box = stage.world.boxes[name]
    if stage.is_on(name):
        stage.switch_mailbox(name, on=False)
    elif box in stage.claimed:
        takes_back(stage, name)
    elif knows(stage, name):
        stage.switch_mailbox(name, on=True)


def knows(stage: Stage, name: str) -> bool:
    """Whether the state has a row of this mailbox: some technician was read who has it."""
    with stage.world.database.read() as tx:
        return mailboxes.load(tx, ENVIRONMENT, stage.world.boxes[name]) is not None


def is_taken_over(stage: Stage, name: str, whose: str) -> None:
    """Another environment takes the mailbox over and writes an appointment of its own into it.

    `whose`: of this installation (then ours is switched off at once) or another installation's (then the claim on the
    calendar is all that tells, and the next check finds it).
    """
    box = MailboxId(stage.world.boxes[name])
    if box in stage.claimed or not knows(stage, name):
        return
    if not stage.world.exchange.keeps_claims:
        whose = "environment"  # another installation would not be seen, and Test & Enable says so
    stage.says(f"{name}'s mailbox is taken over by another {whose}")
    stage.mends()
    if whose == "environment":
        _attach(stage, name)
        _takes_over(stage, OTHER, box)
        with stage.world.database.write() as tx:
            mailboxes.enable(tx, OTHER, box, [])
        stage.is_off(name)
    else:
        calendar = stage.world.site.calendars(SERVER).open(box, ELSEWHERE)
        text = Claim("another installation", ELSEWHERE, "main").text()
        stage.world.run(calendar.set_claim(text, lambda: None))
    stage.claimed.add(box)
    _writes(stage, box)


def takes_back(stage: Stage, name: str) -> None:
    """Taken over and enabled, as `fieldcal mailbox claim --take-over` and Test & Enable do it."""
    box = MailboxId(stage.world.boxes[name])
    if box not in stage.claimed:
        return
    stage.says(f"{name}'s mailbox is taken back")
    stage.mends()
    with stage.world.database.write() as tx:
        mailboxes.set_profile(tx, ENVIRONMENT, [box], PROFILE)  # one that was never set up here has none
    _takes_over(stage, ENVIRONMENT, box)
    stage.claimed.discard(box)
    if not stage.is_on(name):
        stage.switch_mailbox(name, on=True)


def _takes_over(stage: Stage, environment: str, box: MailboxId) -> None:
    """The product's own take-over; tried again when the lease of a dead process has ended."""
    site = stage.world.site
    bench = Bench(stage.world.database, stage.world.clock, site.calendars, f"office {uuid4()}", site.pace)
    try:
        stage.world.run(take_over(bench, OPERATOR, environment, box))
    except Unavailable:
        stage.world.clock.advance(UNDER_WAY)
        stage.world.run(take_over(bench, OPERATOR, environment, box))


def _attach(stage: Stage, name: str) -> None:
    """An environment of this installation for another organization, which knows the mailbox too."""
    box, now = MailboxId(stage.world.boxes[name]), stage.now
    with stage.world.database.write() as tx:
        if environments.find(tx, OTHER) is None:
            environments.add(tx, Environment(OTHER, Endpoint("http://elsewhere"), now, organization=ELSEWHERE))
        address = f"{name.lower()}@northwind-trades.example"
        told = Worker(WorkerId(box), name, WorkerKind.USER, True, box, address, address, "UTC")
        workers.store(tx, OTHER, [told], [], stage.world.settings.window(now), now)
        mailboxes.set_profile(tx, OTHER, [box], PROFILE)
        mailboxes.set_method(tx, OTHER, [box], Method.SERVER_SIDE_SYNC)
        mailboxes.approve(tx, OTHER, [box], "operator")


def _writes(stage: Stage, box: MailboxId) -> None:
    """The other environment's appointment carries a mark of its own organization: none of ours, whatever happens."""
    mark = Mark(ELSEWHERE, BookingId(str(uuid4())), box, 0)
    start = stage.now.replace(second=0, microsecond=0) + timedelta(hours=5)
    event = Event("A job of another organization", "<p>none of ours</p>", start, start + timedelta(hours=1), "",
                  ShowAs.BUSY)  # fmt: skip
    before = {stand.raw.key for stand in stage.look_into(box)}
    action = Create(mark, create_key(mark), event, fingerprint(event))
    calendar = stage.world.site.calendars(SERVER).open(box, ELSEWHERE)
    stage.world.run(calendar.write([action], lambda: None))
    for stand in stage.look_into(box):
        if stand.raw.key not in before:
            stage.oracle.hand_left(box, stand)


# -- removals that a person has to look at


def spends_the_removals(stage: Stage) -> None:
    """As many other removals have gone as the hour allows."""
    stage.says(f"{AT_LEAST} other removals go, as many as an hour allows")
    with stage.world.database.write() as tx:
        tx.execute(insert(removals), [{"environment": ENVIRONMENT, "at": stage.now}] * AT_LEAST)
    stage.oracle.persons.full_until = stage.now + SPAN


def decides(stage: Stage, word: str) -> None:
    """A person approves or rejects what is held; where the source does not answer, nothing is decided."""
    with stage.world.database.read() as tx:
        held = [plan.id for plan in plans.load(tx, ENVIRONMENT) if plan.state == "held"]
    work = approve if word == "approve" else reject
    for plan in held:
        try:
            stage.world.run(work(stage.world.site, plan, "operator", ""))
            stage.says(f"what is held is {word}{'d' if word == 'approve' else 'ed'}")
        except FieldcalError as error:
            stage.says(f"somebody wants to {word} what is held: {error}")
    stage.hears_of_plans()


# -- technicians and their mailboxes (D10)


def gives_mailbox(stage: Stage, worker: str, to: str | None) -> None:
    """The technician is from now on the user who has this mailbox, or no user at all."""
    world, known = stage.world, stage.oracle.workers[worker]
    stage.says(f"{worker} has {f'the mailbox {to}' if to else 'no mailbox'} from now on")
    bound = None
    if to is not None:
        users = world.ask("GET", "systemusers?$select=systemuserid,fullname")["value"]
        [user] = [one["systemuserid"] for one in users if one["fullname"] == to]
        bound = f"/systemusers({user})"
    world.ask("PATCH", f"bookableresources({world.resources[worker]})", {"UserId@odata.bind": bound})
    box = world.boxes[to] if to else None
    homes = known.homes | ({box} if box else set())
    stage.oracle.workers[worker] = replace(known, box=box, homes=homes)


# -- a booking that Exchange refuses


def poisons(stage: Stage, booking: str) -> None:
    """Exchange answers 400 to every creation and update of this booking's event, alone or in a batch (I7)."""
    stage.says(f"Exchange refuses {stage.oracle.name(booking)} from now on")
    stage.world.exchange.refuse(booking, [(box, each.raw) for box, each in stage.events() if each.booking == booking])
    stage.oracle.poisoned[booking] = True


def cannot_be_read(stage: Stage, booking: str, column: str) -> None:
    """The source shows a row of this booking that cannot be read, until `can_be_read`; a pass changes nothing of it (I7).

    What stands of it elsewhere is judged as ever, and so are all its neighbours.
    """
    stage.says(f"the row of {stage.oracle.name(booking)} cannot be read from now on: no {column}")
    stage.world.field_service.control.change(spoiled={booking: {column: None}})
    known = booking in stage.oracle.poisoned
    stage.oracle.poisoned.setdefault(booking, True)
    before = _of(stage, booking)
    stage.passes()
    if not stage.oracle.storm and _of(stage, booking) != before:
        raise Wrong(f"I7: {stage.oracle.name(booking)} was written though its row cannot be read")
    if not known:
        stage.oracle.poisoned.pop(booking, None)


def can_be_read(stage: Stage) -> None:
    """Every row is shown as it is again; no change tells of it."""
    stage.says("all rows can be read again")
    stage.world.field_service.control.change(spoiled={})


def _of(stage: Stage, booking: str) -> list[tuple[str, Stand]]:
    return [(box, stand) for box, stand in stage.events() if stand.booking == booking and stand.made_by_us]
