"""Test & Enable at a CalDAV server of odd habits: what is no fault is said and let pass, what is one is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar
from urllib.parse import unquote

import pytest
from sqlalchemy import update
from tests.dav.gate import Gate, Habits
from tests.dav.servers import DavServer, User
from tests.setup.room import HastyClock
from tests.values import BOX, ENVIRONMENT, NOW, ORGANIZATION, WINDOW, WORKER

from fieldcal.accounts import MailboxAccounts
from fieldcal.calendars.caldav import Account, CalDavCalendars
from fieldcal.embedded.server import LocalServer
from fieldcal.engine.pace import StoredPace
from fieldcal.http import Http
from fieldcal.model import Check
from fieldcal.secrets import Secrets
from fieldcal.setup import claims, takeover, trial
from fieldcal.setup.bench import Bench
from fieldcal.setup_model import CALDAV, Actor, Endpoint, Environment, Mailbox, Method, ServerProfile, TrialStatus
from fieldcal.state import environments, mailboxes, profiles, tables, workers
from fieldcal.state.database import Database
from fieldcal.sync import gate as entrance

OPERATOR = Actor("root")
T = TypeVar("T")


class Clinic:
    """One mailbox, ready for its test, whose server stands behind a gate."""

    def __init__(self, database: Database, server: DavServer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.database, self.server, self.clock = database, server, HastyClock(NOW)
        self.user: User = server.new_user("anna")
        monkeypatch.setenv("HERS", self.user.password)
        with database.write() as tx:
            environments.add(tx, Environment(ENVIRONMENT, Endpoint("http://x"), NOW, organization=ORGANIZATION))
            profiles.add(tx, ServerProfile("dav", Endpoint("http://127.0.0.1:1/"), NOW, CALDAV))
            workers.store(tx, ENVIRONMENT, [WORKER], [], WINDOW, NOW)
            mailboxes.set_profile(tx, ENVIRONMENT, [BOX], "dav")
            mailboxes.set_method(tx, ENVIRONMENT, [BOX], Method.SERVER_SIDE_SYNC)
            mailboxes.approve(tx, ENVIRONMENT, [BOX], "root")
            tx.execute(update(tables.mailboxes).values(user_name=self.user.name, secret="env:HERS"))

    def at_work(self, habits: Habits, work: Callable[[Bench, Gate], Awaitable[T]]) -> T:
        async def run() -> T:
            door = Gate(self.server)
            door.control.settings = habits
            server = LocalServer(door.app)
            url = await server.start()
            profile = ServerProfile("dav", Endpoint(f"{url}/", credential="password"), NOW, CALDAV, at_once=8)
            with self.database.write() as tx:
                profiles.save(tx, profile)
            accounts = MailboxAccounts(self.database, Secrets(()), profile, Account)
            http, pace = Http(url, None, self.clock, timeout=20), StoredPace(self.database, self.clock)
            calendars = CalDavCalendars(http, pace, self.clock, "dav", accounts, "Bookings")
            try:
                return await work(Bench(self.database, self.clock, lambda _name: calendars, "a worker", pace), door)
            finally:
                await calendars.close()
                await server.stop()
                await door.close()

        return asyncio.run(run())

    def test(self, habits: Habits) -> Mailbox:
        async def work(bench: Bench, _door: Gate) -> Mailbox:
            (after,) = await trial.run_now(bench, OPERATOR, ENVIRONMENT, [BOX])
            return after

        return self.at_work(habits, work)


@pytest.fixture
def clinic(sqlite_database: Database, radicale: DavServer, monkeypatch: pytest.MonkeyPatch) -> Clinic:
    return Clinic(sqlite_database, radicale, monkeypatch)


def last(mailbox: Mailbox) -> Check:
    return mailbox.checks[-1]


def test_r14_a_server_that_keeps_no_claims_is_said_so_and_asked_for_none_before_each_write(clinic: Clinic) -> None:
    after = clinic.test(Habits(forgets=True))
    assert (after.status, after.enabled, after.claimless) == (TrialStatus.SUCCESS, True, True)
    assert (last(after).name, last(after).ok, last(after).detail) == (claims.NAME, True, claims.UNKEPT)
    later = clinic.clock.now() + timedelta(days=30)
    assert entrance.claim_is_fresh(after, later)
    assert not entrance.claim_is_fresh(replace(after, claimless=False), later)
    # the server was mended: the next test claims the calendar after all
    after = clinic.test(Habits())
    assert (after.enabled, after.claimless, last(after).detail) == (True, False, "")


def test_r14_a_take_over_at_a_server_that_keeps_no_claims_is_carried_out_here(clinic: Clinic) -> None:
    clinic.test(Habits())

    async def work(bench: Bench, _door: Gate) -> tuple[Mailbox, str | None]:
        taken = await takeover.take_over(bench, OPERATOR, ENVIRONMENT, BOX)
        return taken, await takeover.claim_of(bench, OPERATOR, ENVIRONMENT, BOX)

    taken, _ = clinic.at_work(Habits(forgets=True), work)
    assert (taken.claimless, taken.check_first) == (True, True)


@pytest.mark.parametrize(
    ("habits", "says"),
    [
        (Habits(unconditional=True), "does not keep If-None-Match"),
        (Habits(drops="X-FIELDCAL-[A-Z]+"), "drops the property by which our events are told"),
    ],
)
def test_i1_i3_a_server_at_which_an_event_could_be_doubled_or_mistaken_is_not_written_to(
    clinic: Clinic, habits: Habits, says: str
) -> None:
    after = clinic.test(habits)
    assert (after.status, after.enabled, last(after).name) == (TrialStatus.FAILURE, False, "calendar writable")
    assert says in last(after).detail
    assert last(after).remedy


def test_the_trial_leaves_nothing_in_the_calendar(clinic: Clinic) -> None:
    after = clinic.test(Habits())
    assert after.enabled
    with clinic.database.read() as tx:
        path = tx.execute(tables.mailboxes.select()).one().collection
    assert unquote(path).startswith(unquote(clinic.user.home))
    status, _, text = clinic.server.ask(clinic.user, "GET", path)
    assert (status, "VEVENT" in text) == (200, False)
