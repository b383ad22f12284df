"""Signing in with the organization's account, at a provider over HTTP: whose word counts, and which roles follow."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import NewState
from tests.web.centre_end import OPERATOR, Answer, Browser, Centre
from tests.web.provider_end import CLIENT, SECRET, ProviderEnd, path_of

from fieldcal.clock import SystemClock
from fieldcal.config import Config
from fieldcal.embedded.server import serving_in_thread
from fieldcal.errors import ConfigError, NotAllowed
from fieldcal.model import MailboxId
from fieldcal.plan.settings import Settings
from fieldcal.setup import sign_in, tokens, users
from fieldcal.setup.directory import BELIEVED, enter
from fieldcal.setup.permissions import Action, allowed_for
from fieldcal.setup.scopes import Scope
from fieldcal.setup.tries import Place
from fieldcal.setup_model import Actor, Role
from fieldcal.state import audit, mailboxes
from fieldcal.state import users as rows
from fieldcal.state.database import Database
from fieldcal.state.tables import mailboxes as mailbox_table
from fieldcal.web.oidc import LEEWAY, UNDER_WAY, entered, provider

ROLES = ("system_admin=group-system", "exchange_admin=group-exchange", "reader=Fieldcal.Reader")
OID = "0c000000-0000-4000-8000-000000000001"


class Play:
    """A centre beside a provider."""

    def __init__(self, new_state: NewState, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OIDC_SECRET", SECRET)
        self.url, self.folder = new_state(), folder

    def __call__(self, story: Callable[[Centre, ProviderEnd], Awaitable[Any]], **settings: Any) -> None:
        end = ProviderEnd(None)
        with serving_in_thread(end.app()) as end.url:
            given = {
                "oidc_issuer": end.issuer,
                "oidc_client_id": CLIENT,
                "oidc_secret": "env:OIDC_SECRET",
                "oidc_roles": ROLES,
            }
            centre = Centre(self.folder / "data", self.url, **{**given, **settings})
            end.clock = centre.clock
            centre.play(lambda at: story(at, end))


@pytest.fixture
def play(new_sqlite: NewState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    return Play(new_sqlite, tmp_path, monkeypatch)


async def there(browser: Browser, begin: str = "/sign-in/organization") -> str:
    """Off to the provider and back to our door; returns the address of the way back."""
    off = await browser.get(begin)
    assert off.status == 303, off.text
    async with browser.session.get(off.to, allow_redirects=False) as answer:
        return path_of(answer.headers["location"])


async def through(browser: Browser, begin: str = "/sign-in/organization") -> Answer:
    return await browser.get(await there(browser, begin))


def known(at: Centre, name: str = "erika@x.example") -> Any:
    with at.app.database.read() as tx:
        return rows.find(tx, name)


def test_who_is_in_a_group_signs_in_with_its_roles_and_without_having_been_added(play: Play) -> None:
    async def story(at: Centre, end: ProviderEnd) -> None:
        end.claims["roles"] = ["Fieldcal.Reader"]
        browser = at.browser()
        assert "Sign in with Microsoft Entra" in (await browser.get("/sign-in?next=/account")).text
        anonymous = browser.cookie
        answer = await through(browser, "/sign-in/organization?next=/account")
        assert (answer.status, answer.to) == (303, "/account")
        assert browser.cookie != anonymous
        page = (await browser.get("/account")).text
        assert "Erika Entra" in page
        assert "organization" in page
        assert "Old password" not in page
        user = known(at)
        assert (user.roles, user.object_id, user.name) == ({Role.SYSTEM_ADMIN, Role.READER}, OID, "Erika Entra")
        with at.app.database.read() as tx:
            assert set(rows.granted_by(tx, user.id).values()) == {"directory"}
            assert {line.action for line in audit.latest(tx)} == {"user add", "user grant", "sign in"}

    play(story)


def test_answers_may_come_in_many_pieces_and_be_long(play: Play) -> None:
    async def story(at: Centre, end: ProviderEnd) -> None:
        end.beside = {"x": "x" * 200_000}
        end.claims["groups"] = ["group-system", *(f"group-{n}" for n in range(2_000))]
        assert (await through(at.browser())).status == 303

    play(story)


def test_a_group_left_takes_its_role_and_what_was_given_by_hand_stays(play: Play) -> None:
    async def story(at: Centre, end: ProviderEnd) -> None:
        await through(at.browser())
        with at.app.database.write() as tx:
            users.grant(tx, OPERATOR, at.clock.now(), "erika@x.example", Role.DISPATCHER)
        end.claims["groups"] = ["group-exchange"]
        end.claims["preferred_username"] = "renamed@x.example"
        assert (await through(at.browser())).status == 303
        assert known(at).roles == {Role.EXCHANGE_ADMIN, Role.DISPATCHER}
        assert known(at, "renamed@x.example") is None
        end.claims["groups"] = []
        await through(at.browser())
        assert known(at).roles == {Role.DISPATCHER}

    play(story)


def token(at: Centre, *scopes: Scope) -> str:
    with at.app.database.write() as tx:
        actor = Actor("tests", rows.by_object_id(tx, OID))
        return tokens.add(tx, actor, at.clock.now(), "script", actor.name, scopes or [Scope.READ])[1]


async def called(browser: Browser, text: str) -> int:
    return (await browser.get("/api/v1/users", authorization=f"Bearer {text}")).status


def test_the_last_group_left_takes_the_role_ends_the_sessions_and_the_tokens_get_nothing(play: Play) -> None:
    async def story(at: Centre, end: ProviderEnd) -> None:
        before, script = at.browser(), at.browser()
        await through(before)
        secret = token(at)
        assert await called(script, secret) == 200
        end.claims["groups"] = []
        refused = await through(at.browser())
        assert refused.status == 403
        assert "in none of the groups" in refused.text
        assert known(at).roles == set()
        assert (await before.get("/account")).to.startswith("/sign-in")
        assert await called(script, secret) == 403
        with at.app.database.read() as tx:
            last = audit.latest(tx, 3)
        assert [(line.action, line.actor) for line in last] == [
            ("sign-in refused", ""), ("user revoke", "operator"), ("token add", "erika@x.example"),
        ]  # fmt: skip
        end.claims["groups"] = ["group-system"]
        assert (await through(before)).status == 303
        assert await called(script, secret) == 200

    play(story)


def test_tokens_lose_what_groups_gave_when_their_person_has_long_not_signed_in(play: Play) -> None:
    async def story(at: Centre, _end: ProviderEnd) -> None:
        browser, script = at.browser(), at.browser()
        await through(browser)
        secret = token(at)
        at.clock.advance(BELIEVED)
        assert await called(script, secret) == 200
        at.advance(seconds=1)
        assert await called(script, secret) == 401
        # what was given by hand holds, and no more than that
        with at.app.database.write() as tx:
            users.grant(tx, OPERATOR, at.clock.now(), "erika@x.example", Role.READER)
        assert await called(script, secret) == 403
        assert (await script.get("/api/v1/overview", authorization=f"Bearer {secret}")).status == 200
        await through(browser)
        assert await called(script, secret) == 200

    play(story)


@pytest.mark.parametrize(
    ("claims", "address", "own"),
    [
        ({"preferred_username": "anna@x.example"}, "", False), ({"email": "anna@x.example"}, "", False),
        ({"email": "anna@x.example", "email_verified": False}, "", False),
        ({"email": "anna@x.example", "xms_edov": False}, "", False),
        ({"preferred_username": "anna@x.example", "email": "eve@x.example", "email_verified": True}, "eve@x.example", False),
        ({"email": "anna@x.example", "email_verified": True}, "anna@x.example", True),
        ({"email": "anna@x.example", "xms_edov": "1"}, "anna@x.example", True),
        ({"oid": "BOX-00000", "preferred_username": "eve@x.example"}, "", True),
    ],
)  # fmt: skip
def test_a_mailbox_is_the_own_one_by_object_id_or_a_proven_address_never_by_a_claimed_one(
    sqlite_database: Database, claims: dict[str, Any], address: str, own: bool
) -> None:
    now = SystemClock().now()
    who = entered({"sub": "pairwise", "groups": ["workers"], **claims})
    assert who.address == address
    opened = asyncio.run(enter(sqlite_database, now, who, {Role.WORKER: "workers"}, Place("192.0.2.1")))
    box = {"environment": "main", "id": "box-00000", "name": "Anna", "address": "Anna@x.example", "approval": "pending"}
    with sqlite_database.write() as tx:
        tx.execute(mailbox_table.insert(), [box])
        mailbox = mailboxes.load(tx, "main", MailboxId("box-00000"))
    actor = Actor("tests", opened.user)
    assert actor.owns(mailbox) == own
    for action in (Action.APPROVE, Action.SET_UP):
        assert allowed_for(actor, action, mailbox, Settings()) == own
    assert not allowed_for(actor, Action.APPROVE, mailbox, Settings(self_approval=False))


def test_without_a_role_nobody_comes_in_and_nobody_is_made(play: Play) -> None:
    async def story(at: Centre, end: ProviderEnd) -> None:
        end.claims["groups"] = ["group-other"]
        answer = await through(at.browser())
        assert answer.status == 403
        assert "in none of the groups" in answer.text
        assert known(at) is None

    play(story)


def test_a_user_of_the_same_name_is_not_the_directory_s_until_somebody_says_so(play: Play) -> None:
    async def story(at: Centre, end: ProviderEnd) -> None:
        at.person("erika@x.example", Role.SYSTEM_ADMIN, Role.EXCHANGE_ADMIN)
        answer = await through(at.browser())
        assert answer.status == 403
        assert f"fieldcal user tie erika@x.example {OID}" in answer.text
        with at.app.database.write() as tx:
            sign_in.tie(tx, OPERATOR, at.clock.now(), "erika@x.example", OID)
            users.add(tx, OPERATOR, at.clock.now(), "another")
            with pytest.raises(ConfigError, match="already"):
                sign_in.tie(tx, OPERATOR, at.clock.now(), "another", OID)
        assert (await through(at.browser())).status == 303
        assert known(at).roles == {Role.SYSTEM_ADMIN, Role.EXCHANGE_ADMIN}

    play(story)


@pytest.mark.parametrize(
    "spoil",
    [{"iss": "https://login.example/other"}, {"aud": "another-application"}, {"aud": None}, {"nonce": "another"},
     {"nonce": None}, {"exp": 1}, {"exp": None}, {"iat": None}, {"sub": None}, {"azp": "another-application"},
     {"aud": [CLIENT, "x"], "azp": "x"}, {"nbf": 4_000_000_000}],
    ids=str,
)  # fmt: skip
def test_a_token_that_is_not_for_us_now_opens_nothing(play: Play, spoil: dict[str, Any]) -> None:
    async def story(at: Centre, end: ProviderEnd) -> None:
        end.spoil = spoil
        answer = await through(at.browser())
        assert answer.status == 403, answer.text
        assert known(at) is None

    play(story)


@pytest.mark.parametrize("deed", ["stranger_signs", "secret_signs"])
def test_a_token_that_the_provider_did_not_sign_opens_nothing(play: Play, deed: str) -> None:
    async def story(at: Centre, end: ProviderEnd) -> None:
        getattr(end, deed)()
        assert (await through(at.browser())).status == 403
        end.algorithm = "none"
        assert (await through(at.browser())).status == 403
        assert known(at) is None

    play(story)


def test_a_key_that_changed_is_read_anew(play: Play) -> None:
    async def story(at: Centre, end: ProviderEnd) -> None:
        assert (await through(at.browser())).status == 303
        end.key_changes()
        assert (await through(at.browser())).status == 303
        # a clock a little off is no reason
        end.spoil = {"iat": int(at.clock.now().timestamp()) + LEEWAY - 5}
        assert (await through(at.browser())).status == 303

    play(story)


def test_a_way_back_is_taken_once_by_the_browser_that_set_out_and_not_too_late(play: Play) -> None:
    async def story(at: Centre, end: ProviderEnd) -> None:
        mine, other = at.browser(), at.browser()
        await other.get("/sign-in")
        back = await there(mine)
        # another browser led to my way back is not signed in as me
        assert (await other.get(back)).status == 403
        assert (await mine.get(back)).status == 403
        back = await there(mine)
        assert (await mine.get(back)).status == 303
        assert (await mine.get(back)).status == 403
        late = at.browser()
        back = await there(late)
        at.advance(seconds=UNDER_WAY + 1)
        assert (await late.get(back)).status == 403
        assert (await late.get("/sign-in/organization/back?state=made-up&code=x")).status == 403
        end.refuses = "access_denied"
        answer = await through(at.browser())
        assert answer.status == 403
        assert "access_denied" in answer.text

    play(story)


def test_refusals_of_nobody_known_are_told_in_the_audit_and_do_not_fill_it(play: Play) -> None:
    async def story(at: Centre, _end: ProviderEnd) -> None:
        browser = at.browser()
        for _ in range(9):
            assert (await browser.get("/sign-in/organization/back?state=made-up&code=x")).status == 403
        with at.app.database.read() as tx:
            told = [(line.action, line.actor, line.operator, line.detail) for line in audit.latest(tx)]
        why = "this sign-in was not begun here, or too long ago; begin again"
        assert told == [
            ("sign-in refused", "", "sign-in from 127.0.0.1", f"{why} (number {number} of this address)")
            for number in (8, 4, 2, 1)
        ]

    play(story)


def test_a_form_cut_off_is_sent_again_after_signing_in_there(play: Play) -> None:
    async def story(at: Centre, end: ProviderEnd) -> None:
        at.environment()
        browser = at.browser()
        await through(browser)
        await browser.get("/account")
        at.advance(hours=2)
        cut = await browser.post("/environment", {"environment": "main", "back": "/overview"})
        link = cut.text.split('href="/sign-in/organization')[1].split('"')[0].replace("&amp;", "&")
        again = await through(browser, f"/sign-in/organization{link}")
        assert "Send the form" in again.text
        assert 'value="/overview"' in again.text
        assert (await browser.post("/environment", {"environment": "main", "back": "/overview"})).to == "/overview"

    play(story)


def test_a_provider_that_is_down_or_another_one_is_told_plainly(play: Play) -> None:
    async def story(at: Centre, _end: ProviderEnd) -> None:
        down = await at.browser().get("/sign-in/organization")
        assert down.status == 502
        assert "does not answer" in down.text

    async def endless(at: Centre, end: ProviderEnd) -> None:
        end.beside = {"x": "x" * 256 * 1024}
        answer = await at.browser().get("/sign-in/organization")
        assert answer.status == 502
        assert "more than 256 KiB" in answer.text

    async def stranger(at: Centre, end: ProviderEnd) -> None:
        answer = await at.browser().get("/sign-in/organization")
        assert answer.status == 409
        assert "calls itself" in answer.text

    play(story, oidc_issuer="http://127.0.0.1:9/tenant")
    play(endless)
    end = ProviderEnd(None)
    with serving_in_thread(end.app()) as url:
        end.url = "https://somebody.example"
        play(stranger, oidc_issuer=f"{url}/tenant")


def test_without_a_provider_there_is_no_button_and_no_way(place: Centre) -> None:
    async def story(at: Centre) -> None:
        browser = at.browser()
        assert "organization" not in (await browser.get("/sign-in")).text
        assert (await browser.get("/sign-in/organization")).status == 409

    place.play(story)


@pytest.mark.parametrize("claims", [{"_claim_names": {"groups": "src1"}}, {"hasgroups": True}])
def test_too_many_groups_to_tell_are_not_taken_for_none(claims: dict[str, Any]) -> None:
    with pytest.raises(NotAllowed, match="more groups"):
        entered({"sub": "x", **claims})


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"oidc_client_id": ""}, "CLIENT_ID"),
        ({"oidc_secret": ""}, "SECRET"),
        ({"oidc_issuer": "http://idp.example/x"}, "https"),
    ],
)
def test_half_a_provider_is_refused_at_the_start(
    new_sqlite: NewState, tmp_path: Path, settings: dict[str, str], told: str
) -> None:
    from fieldcal.app import App

    given = {"oidc_issuer": "https://idp.example/x", "oidc_client_id": CLIENT, "oidc_secret": "env:X", **settings}
    app = App(Config(data=tmp_path / "data", database_url=new_sqlite(), **given))
    with pytest.raises(ConfigError, match=told):
        provider(app)
    app.database.close()


@pytest.mark.parametrize("setting", [{"oidc_roles": "king=x"}, {"oidc_roles": "reader="}, {"oidc_secret": "plain"}])
def test_settings_that_mean_nothing_are_refused(tmp_path: Path, setting: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"ROLE=GROUP|never the secret"):
        Config(data=tmp_path, **setting)
