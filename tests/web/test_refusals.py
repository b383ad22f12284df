"""What is no text and no address is refused in so many words, by a stranger's hand and by an administrator's."""

from __future__ import annotations

import json

import pytest
from starlette.requests import Request
from tests.web.centre_end import OPERATOR, PASSWORD, Browser, Centre

from fieldcal.errors import ConfigError
from fieldcal.setup import tokens, users
from fieldcal.setup.scopes import Scope
from fieldcal.setup_model import Actor, Role
from fieldcal.state import users as rows
from fieldcal.web.api.caller import _text_alone
from fieldcal.web.centre import _told_path
from fieldcal.web.headers import _utf_8, storable
from fieldcal.web.pages.sign_in import ours
from fieldcal.web.work import named


@pytest.mark.parametrize(
    ("address", "good"),
    [
        ("/", True), ("/mailboxes?search=Łódź", True), ("/a?next=//b", True), ("", False), ("//x.example", False),
        ("/\\x.example", False), ("/\\[", False), ("//[", False), ("https://x.example", False), ("a", False),
        ("/a\r\nb", False),
    ],
)  # fmt: skip
def test_where_one_goes_after_signing_in_is_a_path_of_ours(address: str, good: bool) -> None:
    assert ours(address) == (address if good else "")


@pytest.mark.parametrize(
    ("words", "good"),
    [("Łódź 👷", True), ("", True), ("a\tb\n", True), ("a\0b", False), ("\ud800", False), ("x\udfff", False)],
)
def test_text_is_what_every_database_keeps(words: str, good: bool) -> None:
    assert storable(words) is good
    for body in ([words], {"a": {"b": [1, None, words]}}, {words: 1}):
        assert _text_alone(json.dumps(body).encode()) is good


@pytest.mark.parametrize(
    ("kind", "good"),
    [
        ("", True), ("application/json", True), ("application/json; charset=utf-8", True),
        ('multipart/form-data; boundary=x; charset="UTF-8"', True), ("text/plain;charset=utf-7", False),
        ("multipart/form-data; charset=utf-7; boundary=xx", False), ("text/plain; CHARSET = utf-16", False),
    ],
)  # fmt: skip
def test_only_utf_8_is_read(kind: str, good: bool) -> None:
    assert _utf_8(kind) is good


def test_a_stranger_s_nonsense_is_refused_and_breaks_no_page(place: Centre) -> None:
    async def story(at: Centre) -> None:
        browser = at.browser()
        assert (await browser.get("/sign-in?next=/%5C%5B")).status == 200
        assert (await browser.get("/sign-in?next=%00")).status == 400
        assert (await browser.get("/invitation/%00")).status == 400
        assert (await browser.post("/sign-in", {"name": "a\0", "password": "x"})).status == 409
        assert (await browser.post("/sign-in", {"name": "a", "password": "x", "next": "/\\["})).status == 401
        body = (
            f'--xx\r\ncontent-disposition: form-data; name="csrf"\r\n\r\n{browser.token.replace("+", "+-")}\r\n'
            '--xx\r\ncontent-disposition: form-data; name="name"\r\n\r\n+2AA-\r\n--xx--\r\n'
        )
        kind = {"content-type": "multipart/form-data; boundary=xx; charset=utf-7", "x-csrf-token": browser.token}
        assert (await browser.ask("POST", "/sign-in", data=body.encode(), headers=kind)).status == 415

    place.play(story)


def _token(at: Centre) -> str:
    """The token of somebody who may attach what there is."""
    at.person("scripts", Role.SYSTEM_ADMIN, Role.EXCHANGE_ADMIN)
    with at.app.database.write() as tx:
        owner = rows.get(tx, "scripts")
        return tokens.add(tx, Actor("x", owner), at.clock.now(), "t1", "scripts", [Scope.READ, Scope.ADMIN])[1]


END = {
    "name": "a",
    "credential": "token",
    "url": "https://x.example",
    "offline": True,
    "secret": "env:FIELDCAL_SECRET_X",
}
ENTRA = {**END, "credential": "secret", "tenant": "t", "client_id": "c"}


def test_an_address_that_is_none_is_told_beside_its_field(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        bearer = {"authorization": f"Bearer {_token(at)}", "content-type": "application/json"}
        browser = at.browser()

        async def call(method: str, path: str, wish: object) -> int:
            found = await browser.ask(method, f"/api/v1{path}", data=json.dumps(wish), headers=bearer)
            return found.status

        for url in ("https://[", "http://[::1", "https://a:99999", "https://a:b", "https://\ud800"):
            assert await call("PATCH", "/environments/main", {"url": url, "offline": True}) == 422, url
            assert await call("POST", "/environments", {**END, "url": url}) == 422, url
            assert await call("POST", "/environments", {**ENTRA, "authority": url}) == 422, url
            dav = {"name": "p", "kind": "caldav", "url": f"{url}/{{user}}", "offline": True}
            assert await call("POST", "/profiles", dav) == 422, url
        for wish in ({"\ud800": 1}, {"settings": {"\ud800": 1}}, {"settings": {"subject_template": "a\0"}}):
            assert await call("PATCH", "/environments/main", wish) == 422, wish
        admin = await at.signed_in("page", Role.SYSTEM_ADMIN)
        for field in ("url", "authority"):
            form = {"name": "m2", "url": "https://x.example", "authority": "", "credential": "token", "secret": "",
                    "offline": "1", "tenant": "", "client_id": "", field: "https://["}  # fmt: skip
            for path in ("/environments/add", "/environments/save?environment=main"):
                answer = await admin.post(path, form)
                assert (answer.status, f'id="wrong-{field}"' in answer.text) == (409, True), path

    place.play(story)


async def _approved(at: Centre, browser: Browser, **more: str) -> str:
    form = {"id": "box-00000", "deed": "approve", "count": "1", "origin": "/mailboxes?search=Łódź", **more}
    answer = await browser.post("/mailboxes/do?environment=main", form, hx_request="true")
    assert answer.status == 200
    return answer.to


def test_what_one_comes_back_to_may_hold_any_letters(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        at.mailboxes(1)
        browser = await at.signed_in("both", Role.SYSTEM_ADMIN, Role.EXCHANGE_ADMIN)
        assert (await _approved(at, browser)).startswith("/mailboxes?search=%C5%81%C3%B3d%C5%BA")

    place.play(story)


async def _stays(work: object) -> None:
    work.results.append("of another kind")


def test_the_page_of_tests_shows_tests_only(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        browser = await at.signed_in("both", Role.SYSTEM_ADMIN, Role.EXCHANGE_ADMIN)
        work = at.house.works.begin("sync", "main", "both", 1, at.clock.now(), "once", _stays)
        async for _ in work.watch(0.01):
            pass
        assert (await browser.get(f"/mailboxes/work/{work.id}")).status == 404
        assert (await browser.get(f"/mailboxes/work/{work.id}/events")).status == 204

    place.play(story)


def test_work_is_begun_once_for_what_it_is_about_and_never_without_a_name(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        at.mailboxes(2)
        with at.app.database.write() as tx:
            from fieldcal.state import tables

            tx.execute(tables.environments.update().values(organization="org-1"))
        browser = await at.signed_in("both", Role.SYSTEM_ADMIN, Role.EXCHANGE_ADMIN)

        async def run(number: int, once: str) -> tuple[int, str]:
            form = {"id": f"box-{number:05}", "deed": "test", "count": "1", "once": once}
            answer = await browser.post("/mailboxes/do?environment=main", form)
            if answer.status == 303:
                async for _ in at.house.works.find(answer.to.split("?")[0].rpartition("/")[2]).watch(0.01):
                    pass
            return answer.status, answer.to

        first, again, other = await run(0, "form"), await run(0, "form"), await run(1, "form")
        assert first == again
        assert other[0] == 303
        assert other[1] != first[1]
        assert (await run(0, ""))[0] == 409
        works, now = at.house.works, at.clock.now()
        begun = [works.begin(kind, "main", "both", 1, now, "same", _stays) for kind in ("test", "test", "clean")]
        assert begun[0] is begun[1] is not begun[2]
        with pytest.raises(ConfigError, match="does not say which one it is"):
            works.begin("test", "main", "both", 1, now, "", _stays)

    assert named("", "a") == ""
    assert named("x", "a") != named("x", "b")
    place.play(story)


def test_the_last_system_administrator_who_can_sign_in_stays_one(place: Centre) -> None:
    async def story(at: Centre) -> None:
        admin = await at.signed_in("ada", Role.SYSTEM_ADMIN)
        now = at.clock.now()
        with at.app.database.write() as tx:
            users.add(tx, OPERATOR, now, "never")
            users.grant(tx, OPERATOR, now, "never", Role.SYSTEM_ADMIN)
        kept = await admin.post("/users/roles", {"name": "ada", "role": "reader"})
        assert (kept.status, "last system administrator" in kept.text) == (409, True)
        at.person("second", Role.SYSTEM_ADMIN)
        assert (await admin.post("/users/roles", {"name": "ada", "role": "reader"})).status == 303
        with at.app.database.write() as tx:
            assert users.revoke(tx, OPERATOR, now, "second", Role.SYSTEM_ADMIN).roles == frozenset()

    place.play(story)


@pytest.mark.parametrize(
    ("path", "told"),
    [("/invitation/the-token", "/invitation/..."), ("/invitation/a/b\nc", "/invitation/..."), ("/users", "/users")],
)
def test_a_failed_page_s_log_line_holds_no_one_time_link(path: str, told: str) -> None:
    request = Request({"type": "http", "path": path, "headers": [], "query_string": b"", "server": ("x", 80)})
    assert _told_path(request) == told


def test_who_only_begins_leaves_no_form_behind(place: Centre) -> None:
    async def story(at: Centre) -> None:
        stranger = at.browser()
        await stranger.get("/sign-in")
        cut = await stranger.post("/environment", {"environment": "x"})
        assert (cut.status, 'name="kept"' in cut.text) == (401, False)

    place.play(story)


@pytest.mark.parametrize(
    ("path", "form", "asked"),
    [
        ("/account/password", {"old_password": PASSWORD, "new_password": "n" + PASSWORD, "again_password": "n" + PASSWORD},
         ["old_password", "new_password", "again_password"]),
        ("/profiles/save", {"name": "x", "secret": "env:FIELDCAL_SECRET_A", "typed_secret": "typed in here"},
         ["typed_secret"]),
        ("/profiles/save", {"name": "x", "secret": "encrypted", "kept_reference": "sealed"}, ["typed_secret"]),
        ("/profiles/save", {"name": "x", "secret": "pasted by mistake"}, ["secret"]),
        ("/profiles/save", {"name": "x", "secret": "env:FIELDCAL_SECRET_A", "typed_secret": ""}, []),
    ],
)  # fmt: skip
def test_what_is_secret_in_a_form_cut_off_is_typed_again(place: Centre, path: str, form, asked: list[str]) -> None:
    async def story(at: Centre) -> None:
        browser = await at.signed_in("alice", Role.SYSTEM_ADMIN, Role.EXCHANGE_ADMIN)
        at.advance(hours=2)
        cut = await browser.post(path, form)
        assert cut.status == 401
        kept = cut.text.split('name="kept" value="')[1].split('"')[0]
        again = await browser.post("/sign-in", {"name": "alice", "password": PASSWORD, "kept": kept})
        for name in ("old_password", "new_password", "again_password", "typed_secret", "secret"):
            field = f'<input name="{name}" type="password"'
            assert (field in again.text) == (name in asked), name
        assert again.text.count(" required") == len(asked)
        assert ("type them again" in again.text) == bool(asked)
        for value in ("typed in here", "pasted by mistake", "sealed", PASSWORD):
            assert value not in again.text
        assert ('name="secret" value="env:FIELDCAL_SECRET_A"' in again.text) == (form.get("secret", "")[:4] == "env:")

    place.play(story)
