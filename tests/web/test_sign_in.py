"""Signing in and out: what strangers learn (nothing), what wrong tries cost, how sessions end, and what is not lost."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from tests.web.centre_end import OPERATOR, PASSWORD, Centre
from tests.web.centre_end import hashed as passwords_of_tests
from yarl import URL

from fieldcal.clock import PlayedClock, SystemClock
from fieldcal.errors import ConfigError, NotAllowed
from fieldcal.setup import passwords, sign_in, users
from fieldcal.setup.sign_in import IDLE, LASTS
from fieldcal.setup.tries import Place, count, scopes
from fieldcal.setup_model import Actor, Role
from fieldcal.state import audit, proofs, sessions
from fieldcal.state import users as rows
from fieldcal.state.database import Database


def test_a_password_opens_a_session_and_signing_out_ends_it(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.person("alice", Role.READER)
        browser = at.browser()
        before = (await browser.get("/overview")).to
        assert before == "/sign-in?next=%2Foverview"
        await browser.get("/sign-in")
        anonymous = browser.cookie
        answer = await browser.post("/sign-in", {"name": "alice", "password": PASSWORD, "next": "/account"})
        assert (answer.status, answer.to) == (303, "/account")
        # another cookie than before: one that was planted is worth nothing
        assert browser.cookie not in {"", anonymous}
        attributes = answer.cookies[-1].lower()
        assert "httponly" in attributes
        assert "samesite=lax" in attributes
        assert "secure" not in attributes
        assert (await browser.get("/account")).status == 200
        kept = browser.cookie
        assert (await browser.post("/sign-out")).to == "/sign-in"
        browser.session.cookie_jar.update_cookies({"fieldcal": kept})
        assert (await browser.get("/account")).to.startswith("/sign-in")

    place.play(story)


def test_nothing_in_the_state_signs_anybody_in(place: Centre) -> None:
    """Neither password nor session nor link can be read out of the state's file."""

    async def story(at: Centre) -> None:
        browser = await at.signed_in("alice", Role.SYSTEM_ADMIN, Role.EXCHANGE_ADMIN)
        with at.app.database.write() as tx:
            users.add(tx, OPERATOR, at.clock.now(), "bob")
            link = sign_in.invite(tx, OPERATOR, at.clock.now(), "bob")
        connection = sqlite3.connect(at.app.database.url.database or "")
        held = "\n".join(connection.iterdump())
        connection.close()
        assert "$argon2id$" in held
        assert not [secret for secret in (PASSWORD, browser.cookie, link) if secret in held]

    place.play(story)


@pytest.mark.parametrize("name", ["alice", "nobody-here"])
def test_wrong_tries_are_told_alike_and_cost_a_growing_wait(place: Centre, name: str) -> None:
    async def story(at: Centre) -> None:
        at.person("alice", Role.READER)
        browser = at.browser()
        await browser.get("/sign-in")
        waits: list[int] = []
        for _ in range(2):
            for _ in range(passwords.FREE_OF_NAME + 1):
                answer = await browser.post("/sign-in", {"name": name, "password": "wrong password"})
                if answer.status == 429:
                    break
                assert answer.status == 401
                assert "The name or the password is wrong." in answer.text
            with at.app.database.read() as tx:
                tries = proofs.tries(tx, scopes(tx, name, None, Place("127.0.0.1"))[0])
            waits.append(int((tries.until - tries.last_at).total_seconds()))
            assert f"The next one is taken in {waits[-1]} seconds;" in answer.text
            # the right one is not taken either, meanwhile
            assert (await browser.post("/sign-in", {"name": name, "password": PASSWORD})).status == 429
            at.clock.advance(tries.until - at.clock.now() + timedelta(seconds=1))
        assert waits == [30, 60]
        right = await browser.post("/sign-in", {"name": name, "password": PASSWORD})
        assert right.status == (303 if name == "alice" else 401)

    place.play(story)


def test_people_behind_one_address_sign_in_all_day_long(sqlite_database: Database) -> None:
    clock = PlayedClock(SystemClock().now())
    with sqlite_database.write() as tx:
        users.add(tx, OPERATOR, clock.now(), "alice")
        sign_in.set_password(tx, OPERATOR, clock.now(), "alice", passwords_of_tests())
        wrong = 3
        for number in range(wrong):
            count(tx, (f"user:{number}@office", "address:office"), clock.now())

    async def story() -> None:
        opened = await sign_in.by_password(sqlite_database, clock, "alice", PASSWORD, Place("office"))
        assert opened.user.id == "alice"

    for _ in range(2):
        asyncio.run(story())
    with sqlite_database.read() as tx:
        assert proofs.tries(tx, "address:office").failures == wrong


def test_many_tries_at_once_are_counted_before_any_is_looked_at(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.person("alice", Role.READER)
        browser = at.browser()
        await browser.get("/sign-in")
        form = {"name": "alice", "password": "wrong password"}
        answers = await asyncio.gather(*(browser.post("/sign-in", form) for _ in range(12)))
        assert sorted(answer.status for answer in answers) == [401] * passwords.FREE_OF_NAME + [429] * 7

    place.play(story)


def test_an_address_that_tries_many_names_waits_too(sqlite_database: Database) -> None:
    now = SystemClock().now()
    with sqlite_database.write() as tx:
        free = passwords.FREE_OF_ADDRESS
        where = [(f"user:{number}@192.0.2.1", "address:192.0.2.1") for number in range(free + 1)]
        waits = [count(tx, scopes, now).until for scopes in where]
        assert waits == [None] * free + [now + timedelta(seconds=30)]
        assert count(tx, ("user:1@192.0.2.2", "address:192.0.2.2"), now).until is None


@pytest.mark.parametrize(
    ("failures", "free", "seconds"),
    [
        (1, 5, 0),
        (4, 5, 0),
        (5, 5, 30),
        (6, 5, 60),
        (9, 5, 480),
        (12, 5, 3600),
        (500, 5, 3600),
        (19, 20, 0),
        (20, 20, 30),
    ],
)
def test_waits_grow_to_an_hour(failures: int, free: int, seconds: int) -> None:
    assert passwords.wait(failures, free) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("password", "mistake"),
    [("short", "at least 12"), ("x" * 257, "at most 256"), ("abababababab", "different"), ("Alice-in-here", "name"),
     ("correct horse battery", "")],
)  # fmt: skip
def test_what_a_password_must_be(password: str, mistake: str) -> None:
    told = passwords.mistake(password, "alice")
    assert mistake in told if mistake else told == ""


@pytest.mark.parametrize("visits", [0, 14])
def test_a_session_ends_when_nobody_comes_and_after_half_a_day_in_any_case(place: Centre, visits: int) -> None:
    async def story(at: Centre) -> None:
        browser = await at.signed_in("alice", Role.READER)
        for _ in range(visits):
            at.advance(minutes=50)
            assert (await browser.get("/account")).status == 200
        at.clock.advance(IDLE if not visits else LASTS - timedelta(minutes=50 * visits))
        assert (await browser.get("/account")).to.startswith("/sign-in")

    place.play(story)


@pytest.mark.parametrize("again_as", ["alice", "bob"])
def test_a_form_cut_off_by_the_session_s_end_is_sent_again_by_its_own_person_only(place: Centre, again_as: str) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        at.environment("north")
        browser = await at.signed_in("alice", Role.SYSTEM_ADMIN)
        at.person("bob", Role.SYSTEM_ADMIN)
        await browser.get("/overview")
        at.advance(hours=2)
        form = [
            ("environment", "north"),
            ("back", "/mailboxes"),
            ("new_password", "typed here"),
            ("x", "<b>1</b>"),
            ("x", "2"),
        ]
        cut = await browser.post("/environment", form)
        assert cut.status == 401
        assert "Nothing is lost" in cut.text
        assert "typed here" not in cut.text
        kept = cut.text.split('name="kept" value="')[1].split('"')[0]
        again = await browser.post("/sign-in", {"name": again_as, "password": PASSWORD, "kept": kept})
        assert again.status == 200
        assert ("Send the form" in again.text) == (again_as == "alice")
        if again_as == "alice":
            assert 'action="/environment"' in again.text
            assert 'value="&lt;b&gt;1&lt;/b&gt;"' in again.text
            assert (await browser.post("/environment", form)).to == "/mailboxes"

    place.play(story)


def test_who_signs_in_anew_leaves_no_session_behind(place: Centre) -> None:
    async def story(at: Centre) -> None:
        browser = await at.signed_in("alice", Role.SYSTEM_ADMIN)
        before = browser.cookie
        answer = await browser.post("/sign-in", {"name": "alice", "password": PASSWORD})
        assert answer.status == 303
        assert browser.cookie != before
        browser.session.cookie_jar.update_cookies({"fieldcal": before}, URL(at.url))
        assert (await browser.get("/account")).to.startswith("/sign-in")

    place.play(story)


def test_a_form_of_another_site_is_neither_taken_nor_kept(place: Centre) -> None:
    async def story(at: Centre) -> None:
        browser = await at.signed_in("alice", Role.SYSTEM_ADMIN)
        at.advance(hours=2)
        cut = await browser.post("/environment", {"environment": "x"}, token="forged")
        assert cut.status == 403
        assert 'name="kept"' not in cut.text
        # and what another browser was handed is not taken from this one
        other = await at.signed_in("bob", Role.SYSTEM_ADMIN)
        at.advance(hours=2)
        sealed = (
            (await other.post("/environment", {"environment": "x"})).text.split('name="kept" value="')[1].split('"')[0]
        )
        await browser.get("/sign-in")
        answer = await browser.post("/sign-in", {"name": "alice", "password": PASSWORD, "kept": sealed})
        assert answer.status == 303
        assert "could not be kept" in (await browser.get("/account")).text

    place.play(story)


@pytest.mark.parametrize(
    "after",
    ["https://evil.example/", "//evil.example/x", "/\\evil.example", "javascript:alert(1)", "/ok\r\nx: y", "\\\\evil"],
)
def test_after_sign_in_one_is_led_nowhere_else(place: Centre, after: str) -> None:
    async def story(at: Centre) -> None:
        at.person("alice", Role.READER)
        browser = at.browser()
        await browser.get("/sign-in")
        assert (await browser.post("/sign-in", {"name": "alice", "password": PASSWORD, "next": after})).to == "/"

    place.play(story)


def test_the_first_link_makes_the_administrator_once_and_holds_no_longer_than_needed(place: Centre) -> None:
    async def story(at: Centre) -> None:
        now = at.clock.now()
        old = await at.house.write(lambda tx: sign_in.invite_first(tx, now))
        link = await at.house.write(lambda tx: sign_in.invite_first(tx, now))
        browser = at.browser()
        assert (await browser.get(f"/invitation/{old}")).status == 404
        for _ in range(2):  # looking uses nothing up
            assert "The first administrator" in (await browser.get(f"/invitation/{link}")).text
        short = await browser.post(f"/invitation/{link}", {"name": "carol", "password": "short", "again": "short"})
        assert short.status == 422
        assert "at least 12" in short.text
        unlike = await browser.post(f"/invitation/{link}", {"name": "carol", "password": PASSWORD, "again": "x"})
        assert unlike.status == 422
        done = await browser.post(f"/invitation/{link}", {"name": "carol", "password": PASSWORD, "again": PASSWORD})
        assert (done.status, done.to) == (303, "/")
        assert (await browser.get("/overview")).status == 200
        with at.app.database.read() as tx:
            assert rows.get(tx, "carol").roles == {Role.SYSTEM_ADMIN, Role.EXCHANGE_ADMIN}
            assert {line.actor for line in audit.latest(tx)} == {"operator", "carol"}
        assert (await at.browser().get(f"/invitation/{link}")).status == 404
        assert await at.house.write(lambda tx: sign_in.invite_first(tx, now)) is None

    place.play(story)


def test_links_end_by_time_and_by_a_newer_one(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.person("alice", Role.READER)
        now = at.clock.now()
        first = await at.house.write(lambda tx: sign_in.invite(tx, OPERATOR, now, "alice"))
        second = await at.house.write(lambda tx: sign_in.invite(tx, OPERATOR, now, "alice"))
        browser = at.browser()
        assert (await browser.get(f"/invitation/{first}")).status == 404
        assert (await browser.get(f"/invitation/{second}")).status == 200
        at.clock.advance(sign_in.INVITED)
        assert (await browser.get(f"/invitation/{second}")).status == 404
        form = {"password": PASSWORD, "again": PASSWORD}
        assert (await browser.post(f"/invitation/{second}", form)).status == 404

    place.play(story)


def test_a_new_password_by_a_link_signs_out_everywhere_else(place: Centre) -> None:
    async def story(at: Centre) -> None:
        elsewhere = await at.signed_in("alice", Role.READER)
        link = await at.house.write(lambda tx: sign_in.invite(tx, OPERATOR, at.clock.now(), "alice"))
        browser = at.browser()
        await browser.get(f"/invitation/{link}")
        await browser.post(f"/invitation/{link}", {"password": "another good one", "again": "another good one"})
        assert (await browser.get("/account")).status == 200
        assert (await elsewhere.get("/account")).to.startswith("/sign-in")

    place.play(story)


def test_changing_the_own_password_takes_the_old_one_and_ends_the_other_sessions(place: Centre) -> None:
    async def story(at: Centre) -> None:
        here = await at.signed_in("alice", Role.READER)
        there = at.browser()
        await there.sign_in("alice")
        new = {"new_password": "another good one", "again_password": "another good one"}
        assert (await here.post("/account/password", {**new, "old_password": "wrong"})).status == 409
        assert (await here.post("/account/password", {**new, "old_password": PASSWORD})).to == "/account"
        assert (await here.get("/account")).status == 200
        assert (await there.get("/account")).to.startswith("/sign-in")
        assert (await there.sign_in("alice")).status == 401
        assert (await there.sign_in("alice", "another good one")).status == 303
        ended = await here.post("/account/sign-out-others")
        assert ended.to == "/account"
        assert "1 other session has ended." in (await here.get("/account")).text
        assert (await there.get("/account")).to.startswith("/sign-in")

    place.play(story)


@pytest.mark.parametrize(
    ("acting", "target", "good"),
    [
        ({Role.SYSTEM_ADMIN}, {Role.READER}, True), ({Role.SYSTEM_ADMIN}, set(), True),
        ({Role.SYSTEM_ADMIN}, {Role.SYSTEM_ADMIN}, True), ({Role.SYSTEM_ADMIN}, {Role.EXCHANGE_ADMIN}, False),
        ({Role.SYSTEM_ADMIN}, {Role.MAILBOX_APPROVER, Role.READER}, False), ({Role.EXCHANGE_ADMIN}, {Role.READER}, False),
        ({Role.SYSTEM_ADMIN, Role.EXCHANGE_ADMIN}, set(Role), True), ({Role.READER}, set(), False), (None, set(Role), True),
    ],
)  # fmt: skip
def test_who_may_set_whose_password_may_grant_all_its_roles(
    sqlite_database: Database, acting: set[Role] | None, target: set[Role], good: bool
) -> None:
    now = SystemClock().now()
    with sqlite_database.write() as tx:
        for name, roles in (("one", acting or set()), ("two", target)):
            users.add(tx, OPERATOR, now, name)
            for role in roles:
                users.grant(tx, OPERATOR, now, name, role)
        actor = OPERATOR if acting is None else Actor("tests", rows.get(tx, "one"))
        for change in (
            lambda: sign_in.invite(tx, actor, now, "two"), lambda: sign_in.set_password(tx, actor, now, "two", "$hash"),
        ):  # fmt: skip
            if good:
                change()
            else:
                with pytest.raises(NotAllowed):
                    change()
        assert bool(proofs.password_hash(tx, "two")) == good


def test_long_ended_sessions_and_tries_are_forgotten(database: Database) -> None:
    now = SystemClock().now()
    with database.write() as tx:
        user = users.add(tx, OPERATOR, now, "alice")
        first = sign_in.open_session(tx, user, now, Place("a"), "password").session.digest
        later = now + LASTS + sessions.KEPT + timedelta(seconds=1)
        second = sign_in.open_session(tx, user, later, Place("b"), "password").session.digest
        assert sessions.find(tx, first) is None
        assert [one.digest for one in sessions.of_user(tx, "alice")] == [second]
        assert sessions.end_all(tx, "alice", later) == 1
        proofs.set_tries(tx, "user:x", proofs.Tries(3, now, None))
        proofs.set_tries(tx, "user:y", proofs.Tries(1, later, now))
        assert (proofs.tries(tx, "user:x"), proofs.tries(tx, "user:y")) == (None, proofs.Tries(1, later, now))


def test_a_link_for_a_user_who_is_not_there_is_refused(sqlite_database: Database) -> None:
    with sqlite_database.write() as tx, pytest.raises(ConfigError, match="no user"):
        sign_in.invite(tx, OPERATOR, SystemClock().now(), "nobody")


def test_a_password_of_weaker_settings_is_hashed_anew_when_it_is_next_told(place: Centre) -> None:
    async def story(at: Centre) -> None:
        weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        at.person("anna")
        with at.app.database.write() as tx:
            proofs.set_password_hash(tx, "anna", weak.hash(PASSWORD), at.clock.now())
        assert (await at.browser().sign_in("anna", "a wrong password")).status != 303
        assert "m=8," in _hash(at)
        assert (await at.browser().sign_in("anna")).status == 303
        better = _hash(at)
        assert "m=65536,t=3,p=4" in better
        assert (await at.browser().sign_in("anna")).status == 303
        assert _hash(at) == better

    place.play(story)


def _hash(at: Centre) -> str:
    with at.app.database.read() as tx:
        return proofs.password_hash(tx, "anna")
