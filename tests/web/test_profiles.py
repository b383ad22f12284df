"""Server profiles in the browser: each mistake beside its field, nothing lost, no secret shown or sent elsewhere."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from cryptography.fernet import Fernet
from tests.web.centre_end import OPERATOR, Centre
from tests.web.test_mailboxes import stock

from fieldcal.setup import profiles
from fieldcal.setup_model import CALDAV, EXCHANGE, Endpoint, Role, ServerProfile
from fieldcal.state import audit
from fieldcal.state import profiles as rows
from fieldcal.state.tables import mailboxes as mailbox_table

ADMIN = (Role.EXCHANGE_ADMIN,)
SECRET = "hunter2-and-more"
GRAPH = {"kind": EXCHANGE, "name": "Graph", "url": "https://graph.example", "credential": "secret", "tenant": "t-1",
         "client_id": "app-1", "secret": "env:FIELDCAL_SECRET_GRAPH", "offline": "1"}  # fmt: skip
DAV = {"kind": CALDAV, "name": "Dav", "url": "https://dav.example/{user}/", "credential": "password",
       "client_id": "all", "secret": "file:/run/secrets/dav", "calendar": "Jobs", "at_once": "4", "offline": "1"}  # fmt: skip


def known(at: Centre, name: str) -> ServerProfile | None:
    with at.app.database.read() as tx:
        return rows.find(tx, name)


def wrong(text: str, field: str) -> list[str]:
    return re.findall(rf'<p class="wrong" id="wrong-{field}\d*">(.*?)</p>', text)


def test_both_kinds_are_made_listed_and_changed_as_on_the_command_line(place: Centre) -> None:
    async def story(at: Centre) -> None:
        browser = await at.signed_in("exchange", *ADMIN)
        assert "No server profile yet" in (await browser.get("/profiles")).text
        for form in (GRAPH, DAV):
            made = await browser.post("/profiles/add", form)
            assert (made.status, made.to) == (303, "/profiles")
        assert known(at, "Graph").end == Endpoint(
            "https://graph.example", "", "t-1", "secret", "app-1", "env:FIELDCAL_SECRET_GRAPH"
        )
        assert (known(at, "Dav").calendar, known(at, "Dav").at_once) == ("Jobs", 4)
        page = (await browser.get("/profiles")).text
        assert page.index(">Dav<") < page.index(">Graph<")
        saved = await browser.post("/profiles/save", {**DAV, "at_once": "9"})
        assert saved.to == "/profiles/one?name=Dav"
        assert known(at, "Dav").at_once == 9
        with at.app.database.read() as tx:
            assert [line.action for line in audit.latest(tx)][:3] == ["profile set", "profile add", "profile add"]

    place.play(story)


@pytest.mark.parametrize(
    ("form", "change", "field", "words"),
    [
        (GRAPH, {"name": "a/b"}, "name", "cannot name a server profile"),
        (GRAPH, {"url": "http://graph.example"}, "url", "https only"),
        (GRAPH, {"tenant": ""}, "tenant", "“Tenant”"),
        (GRAPH, {"client_id": ""}, "client_id", "“Application (client) id”"),
        (GRAPH, {"credential": "odd"}, "credential", "there is no credential"),
        (GRAPH, {"secret": "env:HOME"}, "secret", "Name env:FIELDCAL_SECRET_"),
        (GRAPH, {"secret": "env:FIELDCAL_SECRET_KEYS"}, "secret", "Name env:FIELDCAL_SECRET_"),
        (GRAPH, {"secret": "file:/etc/passwd"}, "secret", "Name env:FIELDCAL_SECRET_"),
        (GRAPH, {"secret": "file:/run/secrets/../../etc/passwd"}, "secret", "Name env:FIELDCAL_SECRET_"),
        (GRAPH, {"typed_secret": SECRET}, "secret", "FIELDCAL_SECRET_KEYS"),
        (DAV, {"url": "https://dav.example/{who}/"}, "url", "There is no placeholder {who}"),
        (DAV, {"url": "https://dav.example/one/"}, "url", "One credential for all needs"),
        (DAV, {"secret": ""}, "client_id", "“User name”"),
        (DAV, {"at_once": "900"}, "at_once", "from 1 to 64"),
        (DAV, {"at_once": "many"}, "at_once", "from 1 to 64"),
        (DAV, {"calendar": "a\tb"}, "calendar", "printable characters"),
    ],
)
def test_a_mistake_stands_beside_its_field_and_nothing_that_was_written_is_lost(
    place: Centre, form: dict[str, str], change: dict[str, str], field: str, words: str
) -> None:
    async def story(at: Centre) -> None:
        browser = await at.signed_in("exchange", *ADMIN)
        sent = {**form, **change}
        answer = await browser.post("/profiles/add", sent)
        assert answer.status == 409
        assert any(words.lower() in one.lower() for one in wrong(answer.text, field)), wrong(answer.text, "[a-z_]+")
        for name in ("name", "url", "client_id"):
            assert f'name="{name}" type="text" value="{sent[name]}"' in answer.text
        assert SECRET not in answer.text
        assert known(at, sent["name"]) is None

    place.play(story)


def test_a_typed_secret_is_sealed_kept_over_a_mistake_and_never_shown(new_sqlite, tmp_path) -> None:
    place = Centre(tmp_path / "data", new_sqlite(), secret_keys=(Fernet.generate_key().decode(),))

    async def story(at: Centre) -> None:
        browser = await at.signed_in("exchange", *ADMIN)
        form = {**GRAPH, "secret": "", "typed_secret": SECRET, "tenant": ""}
        answer = await browser.post("/profiles/add", form)
        kept = re.search(r'name="kept_reference" value="([^"]+)"', answer.text)[1]
        again = {**GRAPH, "secret": "encrypted", "kept_reference": kept}
        assert (await browser.post("/profiles/add", again)).status == 303
        assert at.app.secrets.resolve(known(at, "Graph").end.secret) == SECRET
        shown = (await browser.get("/profiles/one?name=Graph")).text
        assert 'name="secret" value="encrypted"' in shown
        assert SECRET not in answer.text + shown
        assert known(at, "Graph").end.secret not in shown
        # another browser's is not taken
        other = await at.signed_in("other", *ADMIN)
        stolen = await other.post("/profiles/add", {**again, "name": "Second"})
        assert stolen.status == 409
        assert known(at, "Second") is None

    place.play(story)


@pytest.mark.parametrize("change", [{"url": "https://elsewhere.example"}, {"authority": "https://elsewhere.example"}])
def test_a_kept_secret_is_never_sent_to_another_server(place: Centre, change: dict[str, str]) -> None:
    async def story(at: Centre) -> None:
        browser = await at.signed_in("exchange", *ADMIN)
        await browser.post("/profiles/add", GRAPH)
        answer = await browser.post("/profiles/save", {**GRAPH, **change})
        assert "give its secret anew" in wrong(answer.text, "secret")[0]
        assert known(at, "Graph").end.url == GRAPH["url"]
        assert (
            await browser.post("/profiles/save", {**GRAPH, **change, "secret": "env:FIELDCAL_SECRET_B"})
        ).status == 303
        assert known(at, "Graph").end.secret == "env:FIELDCAL_SECRET_B"

    place.play(story)


def test_a_server_that_does_not_answer_is_told_in_the_form_and_no_profile_is_left(place: Centre) -> None:
    async def story(at: Centre) -> None:
        browser = await at.signed_in("exchange", *ADMIN)
        form = {**DAV, "url": "http://127.0.0.1:9/{user}/", "offline": "", "client_id": "", "secret": ""}
        answer = await browser.post("/profiles/add", form)
        assert answer.status == 409
        assert wrong(answer.text, "all") or wrong(answer.text, "[a-z_]+")
        assert known(at, "Dav") is None

    place.play(story)


def test_switching_names_the_mailboxes_and_a_changed_count_is_asked_again(place: Centre) -> None:
    async def story(at: Centre) -> None:
        stock(at, 3)
        now = at.clock.now()
        with at.app.database.write() as tx:
            profiles.add(tx, OPERATOR, now, "Graph", Endpoint("https://graph.example", secret="env:FIELDCAL_SECRET_G"))
            tx.exec_driver_sql("update mailboxes set profile = 'Graph', enabled = 1")
        browser = await at.signed_in("exchange", *ADMIN)
        asked = await browser.post("/profiles/switch", {"name": "Graph"})
        assert "Deactivate Graph, with 3 mailboxes?" in asked.text
        again = await browser.post("/profiles/switch", {"name": "Graph", "count": "2", "to": "off"})
        assert (again.status, known(at, "Graph").active) == (200, True)
        done = await browser.post("/profiles/switch", {"name": "Graph", "count": "3", "to": "off"})
        assert (done.status, known(at, "Graph").active) == (303, False)
        # the form that was left open elsewhere switches nothing back
        await browser.post("/profiles/switch", {"name": "Graph", "count": "3", "to": "off"})
        assert not known(at, "Graph").active
        tested = await browser.post("/profiles/test", {"name": "Graph"})
        assert "FIELDCAL_SECRET_G is not set" in tested.text
        assert replace(known(at, "Graph"), active=True).end.secret == "env:FIELDCAL_SECRET_G"
        reader = await at.signed_in("reader", Role.READER)
        assert (await reader.get("/profiles")).status == 403
        assert (await reader.get("/profiles/one?name=Graph")).status == 403

    place.play(story)


def test_a_profile_that_no_mailbox_uses_is_removed_when_that_is_confirmed(place: Centre) -> None:
    async def story(at: Centre) -> None:
        stock(at, 1)
        with at.app.database.write() as tx:
            for name in ("used", "idle"):
                rows.add(tx, ServerProfile(name, Endpoint("https://graph.example"), at.clock.now()))
            tx.execute(mailbox_table.update().values(profile="used"))
        browser = await at.signed_in("admin", *ADMIN)
        assert 'action="/profiles/remove"' in (await browser.get("/profiles/one?name=idle")).text
        kept = (await browser.post("/profiles/remove", {"name": "used", "sure": "1"})).text
        assert "1 mailbox uses it" in kept
        assert "Remove idle?" in (await browser.post("/profiles/remove", {"name": "idle"})).text
        assert (await browser.post("/profiles/remove", {"name": "idle", "sure": "1"})).to == "/profiles"
        assert (await browser.post("/profiles/remove", {"name": "idle", "sure": "1"})).status == 404
        with at.app.database.read() as tx:
            assert [one.id for one in rows.everyone(tx)] == ["used"]

    place.play(story)
