"""What strangers can hold, and for how long: heads and bodies that do not end, forms, sign-ins under way, the writer."""

from __future__ import annotations

import asyncio

import pytest
from starlette.responses import Response
from tests.web.centre_end import Centre

from fieldcal.clock import SystemClock
from fieldcal.embedded import server
from fieldcal.embedded.server import LocalServer
from fieldcal.setup import passwords
from fieldcal.state import findings
from fieldcal.state.database import Database
from fieldcal.state.findings import Finding
from fieldcal.web import headers, oidc
from fieldcal.web.forms import Forms
from fieldcal.web.oidc import _About, provider
from fieldcal.web.shared import shared

WHOLE = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


@pytest.mark.parametrize("before", [b"", WHOLE])
@pytest.mark.parametrize("half", [b"GET / HTTP/1.1\r\nhost: x\r\n", b"G"])
def test_half_a_head_is_waited_for_a_while_only(monkeypatch: pytest.MonkeyPatch, before: bytes, half: bytes) -> None:
    monkeypatch.setattr(server, "HEAD", 0.05)

    async def story() -> bytes:
        end = LocalServer(Response("well"), strangers=True)
        port = int((await end.start()).rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        told = b""
        if before:
            writer.write(before)
            told = await reader.readuntil(b"well")
        writer.write(half)
        try:
            assert await reader.read() == b""
        except ConnectionResetError:
            told += b"!"
        writer.close()
        await end.stop()
        return told

    assert asyncio.run(asyncio.wait_for(story(), 30)).startswith(b"HTTP/1.1 200" if before else b"")


def test_a_body_that_does_not_end_is_waited_for_a_while_only(place: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headers, "PATIENCE", 0.05)

    async def story(at: Centre) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(at.url.rpartition(":")[2]))
        head = b"POST /sign-in HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 100\r\n"
        writer.write(head + b"content-type: application/x-www-form-urlencoded\r\n\r\nname=a")
        line = await asyncio.wait_for(reader.readline(), 30)
        assert not line.startswith(b"HTTP/1.1 2")
        writer.close()

    place.play(story)


def test_who_has_to_wait_does_not_keep_the_writer_busy(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.person("victim")
        browser = at.browser()
        await browser.get("/sign-in")
        wrong = {"name": "victim", "password": "wrong"}
        for _ in range(passwords.FREE_OF_NAME + 1):
            await browser.post("/sign-in", wrong)
        bearer = {"authorization": "Bearer fieldcal_none"}
        for _ in range(passwords.FREE_OF_ADDRESS + 1):
            await browser.ask("GET", "/api/v1/me", headers=bearer)
        # somebody else writes, and goes on
        with at.app.database.write():
            assert (await asyncio.wait_for(browser.post("/sign-in", wrong), 4)).status == 429
            assert (await asyncio.wait_for(browser.ask("GET", "/api/v1/me", headers=bearer), 4)).status == 429

    place.play(story)


def test_a_browser_s_forms_take_no_other_one_s_place() -> None:
    forms = Forms()
    mine = forms.put("mine", "my form")
    others = [forms.put("other", f"{number}") for number in range(500)]
    assert [forms.pop(name) for name in others[-4:]] == ["", "497", "498", "499"]
    assert forms.pop(mine) == "my form"
    assert forms.pop(mine, "gone") == "gone"
    assert forms.put("mine", "x" * 70_000) == ""


def test_a_stranger_s_text_is_not_handed_around_as_a_form(place: Centre) -> None:
    async def story(at: Centre) -> None:
        browser = at.browser()
        await browser.get("/sign-in")
        answer = await browser.post("/sign-in", {"name": "x", "password": "y", "kept": "z" * 60_000})
        assert (answer.status, 'name="kept"' in answer.text) == (401, False)

    place.play(story)


def test_sign_ins_begun_at_one_address_push_out_no_other_s(new_sqlite, tmp_path) -> None:
    (tmp_path / "secret").write_text("s")
    place = Centre(tmp_path / "data", new_sqlite(), oidc_issuer="https://id.example", oidc_client_id="c",
                   oidc_secret=f"file:{tmp_path / 'secret'}")  # fmt: skip

    async def story(at: Centre) -> None:
        known = provider(at.app)
        at_provider = "https://id.example/x"
        known._about = (at.clock.monotonic(), _About("https://id.example", at_provider, at_provider, at_provider))
        for address, number in (("10.0.0.1", 1), ("6.6.6.6", oidc._OF_ONE * 2)):
            for _ in range(number):
                await known.begin("b", "/back", "", "a form", address)
        here = [begun for begun in known._begun.values() if begun.address == "10.0.0.1"]
        assert (len(here), len(known._begun)) == (1, oidc._OF_ONE + 1)
        assert sum(bool(begun.kept) for begun in known._begun.values()) <= oidc._WITH_FORM

    place.play(story)


def test_what_many_ask_for_at_once_is_done_once_at_a_time() -> None:
    async def story() -> tuple[list[int], int, dict[str, object]]:
        running, begun, first, go = {}, [], asyncio.Event(), asyncio.Event()

        async def make() -> int:
            begun.append(1)
            first.set()
            await go.wait()
            return len(begun)

        waiting = [asyncio.create_task(shared(running, "main", make)) for _ in range(5)]
        await first.wait()
        waiting.pop().cancel()
        go.set()
        together = await asyncio.gather(*waiting)
        return together, await shared(running, "main", make), running

    assert asyncio.run(story()) == ([1, 1, 1, 1], 2, {})


def test_findings_are_cut_and_counted_by_the_database(sqlite_database: Database) -> None:
    now = SystemClock().now()
    kinds = ("changed", "deleted", "copy")
    with sqlite_database.write() as tx:
        for box in ("b", "a"):
            found = [Finding(box, f"e{n:02}", "x", kinds[n % 3], "") for n in range(10)]
            findings.replace_all(tx, "main", box, found, now)
        whole = findings.load(tx, "main")
        for kind in ("", *kinds):
            wanted = [one for one in whole if not kind or one.kind == kind]
            assert sum(findings.counted(tx, "main", kind).values()) == len(wanted)
            for offset in (0, 3, 18):
                assert findings.page(tx, "main", kind, offset=offset, limit=5) == wanted[offset : offset + 5]
        assert findings.counted(tx, "main", "") == {"changed": 8, "deleted": 6, "copy": 6}
