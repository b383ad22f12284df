"""Guessing passwords and tokens: whom it makes wait, whom not, what is believed of where it comes from, and what is told."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from multidict import CIMultiDict
from structlog.testing import capture_logs
from tests.conftest import NewState
from tests.web.centre_end import PASSWORD, Answer, Browser, Centre

from fieldcal.clock import SystemClock
from fieldcal.setup import passwords, sign_in, tries, users
from fieldcal.setup.tries import Place, site
from fieldcal.setup_model import Actor, Role
from fieldcal.state import alerts, audit
from fieldcal.state import users as rows
from fieldcal.state.database import Database

EVERYWHERE = passwords.FREE_OF_NAME_EVERYWHERE


@pytest.fixture
def behind(new_sqlite: NewState, tmp_path: Path) -> Centre:
    """A centre behind a proxy, so that a story says where each request comes from."""
    return Centre(tmp_path / "data", new_sqlite(), proxies=("127.0.0.1",))


async def signs_in(browser: Browser, address: str, password: str = PASSWORD, name: str = "alice") -> Answer:
    await browser.get("/sign-in")
    return await browser.post("/sign-in", {"name": name, "password": password}, x_forwarded_for=address)


def guessed(at: Centre, name: str, addresses: Iterable[str]) -> list[bool]:
    """One wrong password from each of these addresses, without the tenth of a second; whether each was looked at."""
    looked = []
    with at.app.database.write() as tx:
        user = rows.find(tx, name)
        for place in map(Place, addresses):
            counted = tries.count(tx, tries.scopes(tx, name, user, place), at.clock.now())
            tries.tell(tx, user, place, counted.begun, at.clock.now())
            looked.append(counted.until is None)
    return looked


def lines(at: Centre, action: str) -> list[tuple[str, str, str]]:
    with at.app.database.read() as tx:
        return [(line.actor, line.subject, line.detail) for line in audit.latest(tx) if line.action == action]


def test_who_guesses_wrong_from_elsewhere_locks_nobody_out_and_is_told_of(behind: Centre) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        at.person("alice", Role.READER)
        with capture_logs() as logged:
            answers = [(await signs_in(at.browser(), "9.9.9.9", "wrong")).status for _ in range(6)]
        assert answers == [401] * 5 + [429]
        paused = [one for one in logged if one["action"] == "sign_in_paused"]
        assert [(one["failures"], one["log_level"]) for one in paused] == [(5, "warning")]
        assert "alice" not in str(paused)
        ((actor, subject, detail),) = lines(at, "sign-in paused")
        assert (actor, subject) == ("", "alice")
        assert detail.startswith("5 wrong tries for one name, from 9.9.9.9; nothing is tried there before ")
        assert (await signs_in(at.browser(), "9.9.9.9")).status == 429
        assert (await signs_in(at.browser(), "1.1.1.1")).status == 303

    behind.play(story)


def test_guessing_from_everywhere_is_bounded_and_the_usual_address_and_browser_stay_open(behind: Centre) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        at.person("alice", Role.READER)
        admin = await at.signed_in("admin", Role.SYSTEM_ADMIN)
        mine = at.browser()
        assert (await signs_in(mine, "1.1.1.1")).status == 303
        await mine.get("/account")
        await mine.post("/sign-out")
        assert lines(at, "sign out") == [("alice", "alice", "")]
        places = [f"9.9.{n}.1" for n in range(2 * EVERYWHERE)]
        assert guessed(at, "alice", places) == [True] * EVERYWHERE + [False] * EVERYWHERE
        with at.app.database.read() as tx:
            (alert,) = alerts.standing(tx, "main")
        assert (alert.code, alert.level) == (tries.ALERT, "warning")
        assert alert.message.startswith(
            f"Sign-in as alice: {EVERYWHERE} wrong tries for one name, from all strange places"
        )
        assert (await signs_in(at.browser(), "3.3.3.3")).status == 429
        # the browser that was signed in before, somewhere else; and another one, where alice usually is
        assert (await signs_in(mine, "3.3.3.3")).status == 303
        assert (await signs_in(at.browser(), "1.1.1.1")).status == 303
        page = (await admin.get("/users/one?name=alice")).text
        assert "Too many wrong passwords" in page
        assert (await admin.post("/users/unlock", {"name": "alice"})).to == "/users/one?name=alice"
        assert "Too many wrong passwords" not in (await admin.get("/users/one?name=alice")).text
        assert lines(at, "user unlock") == [("admin", "alice", "")]
        assert (await signs_in(at.browser(), "4.4.4.4")).status == 303

    behind.play(story)


def test_the_usual_places_wait_too_after_wrong_tries_of_their_own(behind: Centre) -> None:
    async def story(at: Centre) -> None:
        at.person("alice", Role.READER)
        mine = at.browser()
        await signs_in(mine, "1.1.1.1")
        await mine.get("/account")
        for browser in (mine, at.browser()):
            tried = [(await signs_in(browser, "1.1.1.1", "wrong")).status for _ in range(6)]
            # of the first browser the session still stands
            assert tried == [401] * 5 + [429]
            await browser.get("/account")
        # one wrong try is told with the right one after it
        at.advance(minutes=5)
        assert (await signs_in(mine, "1.1.1.1")).status == 303
        assert lines(at, "sign in")[0] == ("alice", "alice", "password, after 5 wrong tries")

    behind.play(story)


def test_only_who_adds_users_lets_somebody_in_at_once(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.person("alice", Role.READER)
        guessed(at, "alice", ["127.0.0.1"] * 6)
        other = await at.signed_in("other", Role.EXCHANGE_ADMIN)
        assert "/users/unlock" not in (await other.get("/users/one?name=alice")).text
        assert (await other.post("/users/unlock", {"name": "alice"})).status == 403
        assert (await signs_in(at.browser(), "")).status == 429

    place.play(story)


def test_one_name_in_two_spellings_is_forgotten_as_one(sqlite_database: Database) -> None:
    now, operator = SystemClock().now(), Actor("tests")
    with sqlite_database.write() as tx:
        user = users.add(tx, operator, now, "alice", sign_in="Alice@x.example")
        for name in ("alice", "alice@x.example", "bob"):
            for _ in range(6):
                tries.count(tx, tries.scopes(tx, name, user, Place("9.9.9.9")), now)
        assert tries.waits(tx, user, now) is not None
        assert tries.unlock(tx, operator, now, "alice") == 4
        assert tries.waits(tx, user, now) is None
        assert tries.unlock(tx, operator, now, "alice") == 0


async def wrong_tokens(at: Centre, headers: Iterable[CIMultiDict[str]]) -> list[int]:
    browser, found = at.browser(), []
    for each in headers:
        each.add("authorization", "Bearer fieldcal_wrong")
        found.append((await browser.ask("GET", "/api/v1/users", headers=each)).status)
    return found


def forwarded(*lines: str) -> CIMultiDict[str]:
    return CIMultiDict([("x-forwarded-for", line) for line in lines])


@pytest.mark.parametrize(
    ("proxies", "said"),
    [
        ((), lambda n: [f"6.6.6.{n}"]), (("192.0.2.1",), lambda n: [f"6.6.6.{n}"]),
        (("127.0.0.1",), lambda n: [f"6.6.6.{n}", "1.1.1.1"]), (("127.0.0.1",), lambda n: [f"6.6.6.{n}, 1.1.1.1"]),
        (("127.0.0.1",), lambda n: [f"6.6.6.{n}", "8.8.8.8, 1.1.1.1"]), (("127.0.0.1",), lambda n: [f"2001:db8::{n}"]),
    ],
    ids=["no proxy", "another proxy", "two lines", "one line", "lines and lists", "one network"],
)  # fmt: skip
def test_nobody_chooses_the_address_that_wrong_tries_count_for(
    new_sqlite: NewState, tmp_path: Path, proxies: tuple[str, ...], said
) -> None:
    async def story(at: Centre) -> None:
        free = passwords.FREE_OF_ADDRESS
        told = await wrong_tokens(at, (forwarded(*said(n)) for n in range(free + 2)))
        assert told == [401] * free + [429] * 2
        # not a line for each that comes while the wait lasts
        assert [actor for actor, _, _ in lines(at, "token paused")] == [""]

    Centre(tmp_path / "data", new_sqlite(), proxies=proxies).play(story)


@pytest.mark.parametrize(
    ("address", "counts_as"),
    [
        ("192.0.2.7", "192.0.2.7"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"), ("", ""), ("testclient", "testclient"),
    ],
)  # fmt: skip
def test_a_caller_counts_by_the_network_that_is_the_caller_s_own(address: str, counts_as: str) -> None:
    assert site(address) == counts_as


def test_what_is_told_of_pauses_names_no_text_that_was_typed(sqlite_database: Database) -> None:
    typed, now = "my secret password", SystemClock().now()
    with sqlite_database.write() as tx, capture_logs() as logged:
        where = tries.scopes(tx, typed, None, Place("9.9.9.9"))
        counted = [tries.count(tx, where, now) for _ in range(5)]
        tries.tell(tx, None, Place("9.9.9.9"), counted[-1].begun, now)
        (line,) = audit.latest(tx)
        assert (line.subject, line.actor) == ("", "")
        assert not re.search("secret|password", f"{logged}{line}")
        assert sign_in.digest(typed)[:8] not in f"{logged}{line}"
