"""Mailboxes that sign in by themselves: what may be set, what it does, and that no two are written into one calendar."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import update
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from tests.setup.room import person
from tests.values import BOX, COLLEAGUE, ENVIRONMENT, NOW, OTHER_BOX, WINDOW, WORKER, linked

from fieldcal.accounts import MailboxAccounts
from fieldcal.app import App
from fieldcal.calendars.caldav import Account as DavAccount
from fieldcal.config import Config
from fieldcal.embedded.server import serving
from fieldcal.errors import ConfigError, FieldcalError, NotAllowed, NotAMailbox, SignInFailed
from fieldcal.http import TokenCredential
from fieldcal.model import EventId, MailboxId
from fieldcal.password import PasswordCredential
from fieldcal.ports import Calendars
from fieldcal.secrets import Secrets
from fieldcal.setup import accounts as giving
from fieldcal.setup import checks, profiles
from fieldcal.setup.accounts import Wish, parse
from fieldcal.setup_model import CALDAV, Account, Actor, Endpoint, Environment, Role, ServerProfile, TrialStatus
from fieldcal.state import accounts, environments, links, mailboxes, tables, workers
from fieldcal.state import profiles as rows
from fieldcal.state.database import Database

OPERATOR = Actor("root")
OWN = ServerProfile("dav", Endpoint("https://dav.example/", credential="password"), NOW, CALDAV, at_once=8)
ALL = replace(
    OWN, end=Endpoint("https://dav.example/{user}/", credential="password", client_id="service", secret="env:ALL")
)
SECOND = "second"


@pytest.fixture
def state(sqlite_database: Database) -> Database:
    """Two mailboxes that are on through one profile, each with a secret of its own and a calendar."""
    with sqlite_database.write() as tx:
        for name in (ENVIRONMENT, SECOND):
            environments.add(tx, Environment(name, Endpoint("https://x.example"), NOW))
        rows.add(tx, OWN)
        workers.store(tx, ENVIRONMENT, [WORKER, COLLEAGUE], [], WINDOW, NOW)
        on = {"profile": "dav", "enabled": True, "test": TrialStatus.SUCCESS.value}
        tx.execute(update(tables.mailboxes).values(**on, secret="env:OLD"))
        accounts.remember(tx, "dav", BOX, "/anna/")
        accounts.remember(tx, "dav", OTHER_BOX, "/bernd/")
    return sqlite_database


def stand(state: Database, event: str = "/anna/1.ics", box: MailboxId = BOX) -> None:
    """An event of ours stands in this mailbox."""
    with state.write() as tx:
        links.store(tx, ENVIRONMENT, [replace(linked(), event=EventId(event), mailbox=box)], NOW)


def give(state: Database, wish: Wish, *boxes: MailboxId, actor: Actor = OPERATOR) -> None:
    with state.write() as tx:
        giving.give(tx, actor, NOW, ENVIRONMENT, dict.fromkeys(boxes or (BOX,), wish))


def account(state: Database, box: MailboxId = BOX) -> Account:
    with state.read() as tx:
        return accounts.of(tx, ENVIRONMENT, box)


def reason_off(state: Database, box: MailboxId = BOX) -> str | None:
    """Why the mailbox is off; None while it is on."""
    with state.read() as tx:
        found = mailboxes.load(tx, ENVIRONMENT, box)
    assert found is not None
    return None if found.enabled else found.disabled_reason


@pytest.mark.parametrize(
    ("wish", "after", "off"),
    [
        (Wish(secret="env:NEW"), Account("", "env:NEW", "/anna/"), None),
        (Wish(user="anna@x.example"), Account("anna@x.example", "env:OLD", "/anna/"), None),
        (Wish(user="anna"), Account("anna", "env:OLD", ""), "its account name changed"),
        (Wish(secret=""), Account("", "", "/anna/"), "its own sign-in was taken away"),
        (Wish(), Account("", "env:OLD", "/anna/"), None),
    ],
)
def test_another_account_or_none_is_tested_anew_and_a_new_secret_is_not(
    state: Database, wish: Wish, after: Account, off: str | None
) -> None:
    give(state, wish)
    assert account(state) == after
    told = reason_off(state)
    assert (told is None) if off is None else (told or "").startswith(off)
    assert account(state, OTHER_BOX) == Account("", "env:OLD", "/bernd/")


def test_another_account_is_refused_while_events_of_ours_stand_and_nothing_is_changed_for_anybody(
    state: Database,
) -> None:
    stand(state)
    give(state, Wish(secret="env:NEW"))
    with pytest.raises(ConfigError, match=r"events of ours stand in anna@x.example.*`fieldcal mailbox clean anna"):
        give(state, Wish(user="somebody"), OTHER_BOX, BOX)
    assert [account(state, box).user for box in (BOX, OTHER_BOX)] == ["", ""]
    assert reason_off(state) is None
    give(state, Wish(secret=""))  # a secret may be taken away at any time
    assert reason_off(state) is not None


def test_only_who_may_set_mailboxes_up_may_give_credentials(state: Database) -> None:
    with pytest.raises(NotAllowed):
        give(state, Wish(secret="env:NEW"), actor=person(Role.DISPATCHER))
    give(state, Wish(secret="env:NEW"), actor=person(Role.MAILBOX_APPROVER))


def test_no_mailbox_of_exchange_online_signs_in_by_itself(state: Database) -> None:
    with state.write() as tx:
        rows.add(tx, ServerProfile("exo", Endpoint("https://graph.example"), NOW))
        tx.execute(update(tables.mailboxes).values(profile="exo"))
    with pytest.raises(ConfigError, match="the server profile exo is not CalDAV"):
        give(state, Wish(secret="env:NEW"))


@pytest.mark.parametrize(
    ("text", "rows_", "says"),
    [
        ("address,user,secret\na@x,anna,env:A\n\nb@x,,file:b\n",
         [(2, "a@x", "anna", "env:A", None), (4, "b@x", "", "file:b", None)], []),
        ("\ufeffAddress;Password\r\na@x;PLANTED-x;y\r\n", [], ["line 2: 3 cells where the head names 2"]),
        ('password;address\n"PLANTED;x";a@x\n', [(2, "a@x", None, None, "PLANTED;x")], []),
        ("address,password\na@x,\n", [(2, "a@x", None, None, "")], ["line 2: no password"]),
        ("address,user\na@x,u\nA@X,v\n,w\n",
         [(2, "a@x", "u", None, None), (3, "A@X", "v", None, None), (4, "", "w", None, None)],
         ["line 3: A@X stands in line 2 already", "line 4: no address"]),
        ("", [], ["line 1: name the columns"]),
        ("anna@x.example,PLANTED-secret\n", [], ["line 1: name the columns"]),
        ("address,pin\na@x,1\n", [], ["line 1: name the columns: address, user, and secret or password; pin is none"]),
        ("address,secret,password\n", [], ["line 1: either secret"]),
        ("address,address\n", [], ["line 1: name the columns"]),
    ],
)  # fmt: skip
def test_a_file_of_credentials_is_read_by_its_head_and_mistakes_are_told_by_line(
    text: str, rows_: list[tuple[Any, ...]], says: list[str]
) -> None:
    found, mistakes = parse(text)
    assert [(row.line, row.address, row.user, row.secret, row.password) for row in found] == rows_
    assert len(mistakes) == len(says)
    assert all(mistake.startswith(start) for mistake, start in zip(mistakes, says, strict=True))
    assert "PLANTED" not in "".join(mistakes)


def at_server(
    state: Database, profile: ServerProfile = OWN, secrets: Secrets | None = None
) -> MailboxAccounts[DavAccount]:
    return MailboxAccounts(state, secrets or Secrets(()), profile, DavAccount)


def test_a_mailbox_signs_in_with_its_own_secret_before_that_of_all(
    state: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLD", "PLANTED-own")
    monkeypatch.setenv("ALL", "PLANTED-all")
    ends = at_server(state, ALL)
    own = ends.of(BOX)
    assert (own.url, own.own, own.collection) == ("https://dav.example/anna%40x.example/", True, "/anna/")
    assert isinstance(own.credential, PasswordCredential)
    assert own.credential.user == "anna@x.example"
    assert ends.of(BOX).credential is own.credential  # what it has learned of the server is kept
    give(state, Wish(user="anna", secret=""))
    shared = ends.of(BOX)
    assert (shared.url, shared.own) == ("https://dav.example/anna/", False)
    assert isinstance(shared.credential, PasswordCredential)
    assert shared.credential.user == "service"


def test_a_token_is_a_token(state: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLD", "PLANTED-own")
    by_token = replace(OWN, end=replace(OWN.end, credential="token"))
    credential = at_server(state, by_token).of(BOX).credential
    assert isinstance(credential, TokenCredential)
    assert asyncio.run(credential.token()) == "PLANTED-own"


@pytest.mark.parametrize("shared", [False, True])
def test_a_secret_that_cannot_be_read_is_told_of_the_one_who_signs_in_by_it(state: Database, shared: bool) -> None:
    """An error that ends a pass would hold up every other mailbox (I7)."""
    if shared:
        give(state, Wish(secret=""))
    credential = at_server(state, ALL).of(BOX).credential
    assert isinstance(credential, PasswordCredential)
    with pytest.raises(SignInFailed, match=r"env:(OLD|ALL) is not set") as told:
        credential.authorization("GET", "/")
    assert told.value.everywhere is shared


def test_a_mailbox_without_credential_or_place_is_its_own_trouble(state: Database) -> None:
    ends = at_server(state)
    give(state, Wish(secret=""))
    with pytest.raises(SignInFailed, match=r"nothing is set to sign in to dav\.example with for anna@x") as told:
        ends.of(BOX)
    assert not told.value.everywhere
    with pytest.raises(NotAMailbox, match="is not written through the server profile dav"):
        ends.of(MailboxId("nobody"))
    give(state, Wish(user=".."), OTHER_BOX)
    with pytest.raises(NotAMailbox, match="has no place at the server"):
        at_server(state, ALL).of(OTHER_BOX)


def found(state: Database, box: MailboxId, collection: str, profile: ServerProfile = OWN) -> str:
    """Has the calendar's path remembered; gives the objection."""
    try:
        asyncio.run(at_server(state, profile).found(box, collection))
    except NotAMailbox as error:
        return str(error)
    with state.read() as tx:
        kept = accounts.through(tx, profile.id, box)
    assert kept is not None
    assert kept[2].collection == collection
    return ""


def test_a_calendar_that_another_mailbox_is_written_into_is_refused_and_named(state: Database) -> None:
    assert "the calendar /bernd/ is that of bernd@x.example already" in found(state, BOX, "/bernd/")
    assert account(state).collection == "/anna/"
    assert found(state, BOX, "/anna/") == ""
    assert found(state, BOX, "/new/") == ""
    assert found(state, BOX, "") == ""


@pytest.mark.parametrize(
    ("other", "free"),
    [
        ({"enabled": False}, True),
        ({"enabled": False, "test": TrialStatus.IN_PROGRESS.value}, False),
        ({"profile": "elsewhere"}, True),
        ({"profile": "the same server"}, False),
    ],
)
def test_only_a_mailbox_that_is_or_may_be_written_at_that_server_is_in_the_way(
    state: Database, other: dict[str, Any], free: bool
) -> None:
    with state.write() as tx:
        rows.add(tx, replace(OWN, id="elsewhere", end=replace(OWN.end, url="https://other.example/")))
        rows.add(tx, replace(OWN, id="the same server", end=replace(OWN.end, url="https://DAV.example:443/x/")))
        tx.execute(update(tables.mailboxes).where(tables.mailboxes.c.id == OTHER_BOX).values(other))
    assert (found(state, BOX, "/bernd/") == "") is free


def test_a_switched_off_mailbox_with_events_of_ours_keeps_its_calendar_to_itself(state: Database) -> None:
    stand(state, "/bernd/1.ics", OTHER_BOX)
    with state.write() as tx:
        tx.execute(update(tables.mailboxes).where(tables.mailboxes.c.id == OTHER_BOX).values(enabled=False))
    assert "is that of bernd@x.example already" in found(state, BOX, "/bernd/")


def test_one_mailbox_in_two_environments_is_one_mailbox(state: Database) -> None:
    with state.write() as tx:
        workers.store(tx, SECOND, [WORKER, replace(COLLEAGUE, mailbox=MailboxId("b"))], [], WINDOW, NOW)
        tx.execute(update(tables.mailboxes).where(tables.mailboxes.c.environment == SECOND).values(profile="dav"))
    assert found(state, BOX, "/anna/") == ""
    assert found(state, MailboxId("b"), "/bernd/") == ""  # the same address under another id


def test_a_calendar_elsewhere_is_refused_while_events_of_ours_stand_in_the_old_one(state: Database) -> None:
    stand(state)
    assert "1 events of ours stand in another calendar than /new/" in found(state, BOX, "/new/")
    assert account(state).collection == "/anna/"
    assert found(state, BOX, "/anna/") == ""


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"at_once": 3}, True),
        ({"end": replace(OWN.end, client_id="a", secret="env:A", url="https://dav.example")}, True),
        ({"end": replace(OWN.end, url="https://dav.example/{user}/")}, False),
        ({"end": replace(OWN.end, url="https://other.example/")}, False),
        ({"calendar": "Bookings"}, False),
        ({"kind": "exchange-online"}, False),
    ],
)
def test_another_address_or_calendar_is_another_server_and_a_sign_in_is_not(change: dict[str, Any], same: bool) -> None:
    assert profiles.same_server(OWN, replace(OWN, **change)) is same


def test_a_profile_s_other_calendar_is_taken_only_where_no_event_stands_and_each_is_tested_anew(
    state: Database,
) -> None:
    def change(calendar: str) -> None:
        with state.write() as tx:
            profiles.change(tx, OPERATOR, NOW, "dav", OWN.end, None, calendar=calendar)

    stand(state)
    with pytest.raises(ConfigError, match="1 events of ours stand in mailboxes of the server profile dav"):
        change("Bookings")
    with state.write() as tx:
        tx.execute(update(tables.links).values(event=None, triggers=None))
    change("Bookings")
    assert (reason_off(state), account(state).collection) == ("the server profile changed: run Test & Enable", "")


@pytest.mark.parametrize(
    ("profile", "known", "says"),
    [
        (OWN, Account(secret="env:A"), "its own: anna@x.example"),
        (OWN, Account("anna", "env:A"), "its own: anna"),
        (ALL, Account(), "signs in as service for all"),
        (OWN, Account(), "It has no secret of its own, and the server profile has none for all."),
        (ALL, Account(".."), "a placeholder for which this mailbox has no name"),
    ],
)
def test_test_and_enable_says_who_signs_in_or_that_nobody_can(
    state: Database, profile: ServerProfile, known: Account, says: str
) -> None:
    with state.write() as tx:
        tx.execute(update(tables.mailboxes).values(approval="approved", approved_address="anna@x.example",
                                                   method="server-side-sync"))  # fmt: skip
        box, place = mailboxes.load(tx, ENVIRONMENT, BOX), environments.get(tx, ENVIRONMENT)
    assert box is not None
    lines = checks.local(box, profile, place, known)
    assert [line.name for line in lines] == ["profile active", "same tenant", "e-mail approved", "method", "account"]
    assert says in lines[-1].detail
    assert lines[-1].ok is ("no " not in says)
    assert lines[1].detail == "CalDAV knows no tenants."
    assert lines[-1].ok or "`fieldcal mailbox edit anna@x.example --user-name NAME" in lines[-1].remedy


def test_secrets_are_sealed_with_the_installation_s_keys(state: Database) -> None:
    secrets = Secrets([Fernet.generate_key().decode()])
    give(state, Wish(secret=secrets.seal("PLANTED-sealed")))
    credential = at_server(state, secrets=secrets).of(BOX).credential
    assert isinstance(credential, PasswordCredential)
    assert credential.authorization("GET", "/").startswith("Basic ")
    wrong = at_server(state, secrets=Secrets([Fernet.generate_key().decode()])).of(BOX).credential
    assert isinstance(wrong, PasswordCredential)
    with pytest.raises(FieldcalError, match="cannot be opened with the keys"):
        wrong.authorization("GET", "/")


async def dav_profiles(app: App, *ends: tuple[str, str, int]) -> None:
    """Profiles of these names, addresses and limits."""
    for name, url, at_once in ends:
        made = replace(OWN, id=name, end=replace(OWN.end, url=url), at_once=at_once)
        await app.database.writing(rows.add, made)


def test_all_profiles_at_one_server_together_send_it_as_many_at_once_as_the_fewest_that_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIELDCAL_DATA", str(tmp_path / "data"))

    async def clients() -> None:
        async with App(Config()) as app:

            def end(name: str) -> Calendars:
                with app.database.read() as tx:
                    return app.calendars_for(rows.get(tx, name))

            def limits(*names: str) -> list[int]:
                return [end(name)._http.slots for name in names]  # type: ignore[attr-defined]

            await dav_profiles(app, ("a", "https://dav.example/x/", 16), ("b", "https://DAV.example:443/{user}/", 8),
                               ("d", "https://other.example/", 9))  # fmt: skip
            assert limits("a", "b", "d") == [8, 8, 9]
            await dav_profiles(app, ("c", "https://dav.example/", 3))
            assert limits("a", "b", "c", "d") == [3, 3, 3, 9]
            opened = [end(name) for name in "abcd"]
            shared = [id(one._http) for one in opened]  # type: ignore[attr-defined]
            assert len(set(shared[:3])) == 1
            assert shared[3] != shared[0]
            assert opened == [end(name) for name in "abcd"]

    asyncio.run(clients())


def test_i7_closing_one_profile_s_calendars_cuts_nobody_else_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `doctor` and a changed profile do in the admin centre, beside a running pass."""
    monkeypatch.setenv("FIELDCAL_DATA", str(tmp_path / "data"))
    asked, closed = asyncio.Event(), asyncio.Event()

    async def slow(_request: Request) -> Response:
        asked.set()
        await closed.wait()
        return Response("", 204)

    async def body() -> int:
        async with serving(Starlette(routes=[Route("/", slow)])) as url, App(Config()) as app:
            await dav_profiles(app, ("a", url, 8), ("b", url, 8))
            with app.database.read() as tx:
                first = rows.get(tx, "a")
            http = app.calendars_for(first)._http  # type: ignore[attr-defined]
            signer = PasswordCredential("anna", lambda: "secret")
            under_way = asyncio.create_task(http.request("GET", "/", credential=signer))
            await asked.wait()
            with app.database.read() as tx:
                looked_at = rows.get(tx, "b")
            await app.calendars_at(looked_at).close()
            cut_off = http._session is None
            closed.set()
            answer = await under_way
        assert http._session is None  # closed with the app
        return 0 if cut_off else answer.status

    assert asyncio.run(body()) == 204
