"""What every answer carries, which names are answered to, and what is too large."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from tests.conftest import NewState
from tests.web.centre_end import Centre

from fieldcal.setup_model import Role
from fieldcal.web import assets
from fieldcal.web.headers import LARGEST


def test_every_answer_carries_the_policy_and_is_not_kept_by_caches(place: Centre) -> None:
    async def story(at: Centre) -> None:
        browser = await at.signed_in("alice", Role.READER)
        for path in ("/", "/sign-in", "/account", "/nowhere", "/overview", "/static/fieldcal.css", "/invitation/x"):
            answer = await browser.get(path)
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy, path
            assert "unsafe" not in policy, path
            assert "http" not in policy, path
            assert answer.headers["x-content-type-options"] == "nosniff", path
            assert answer.headers["referrer-policy"] == "no-referrer", path
            wanted = "no-cache" if path.startswith("/static") else "no-store"
            assert answer.headers["cache-control"] == wanted, path
            assert "strict-transport-security" not in answer.headers

    place.play(story)


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1", 200), ("LOCALHOST:99", 200), ("[::1]:8765", 200), ("fieldcal.example", 200), ("FieldCal.Example.:443", 200),
     ("evil.example", 421), ("", 421), ("127.0.0.1.evil.example", 421), ("[::2]", 421), ("x fieldcal.example", 421)],
)  # fmt: skip
def test_only_the_names_of_this_installation_are_answered_to(
    new_sqlite: NewState, tmp_path: Path, host: str, status: int
) -> None:
    async def story(at: Centre) -> None:
        answer = await at.browser().get("/sign-in", Host=host)
        assert answer.status == status
        assert answer.text.endswith("its operator sets FIELDCAL_WEB_URL.\n") == (status == 421)

    Centre(tmp_path / "data", new_sqlite(), web_url="https://fieldcal.example").play(story)


def test_behind_https_cookies_are_secure_and_browsers_are_told(new_sqlite: NewState, tmp_path: Path) -> None:
    async def story(at: Centre) -> None:
        answer = await at.browser().get("/sign-in", Host="fieldcal.example")
        assert "secure" in answer.cookies[0].lower()
        assert "max-age" in answer.headers["strict-transport-security"]

    Centre(tmp_path / "data", new_sqlite(), web_url="https://fieldcal.example").play(story)


@pytest.mark.parametrize(("proxies", "told"), [((), "127.0.0.1"), (("127.0.0.1",), "203.0.113.9")])
def test_what_a_proxy_says_of_the_caller_is_believed_of_ours_only(
    new_sqlite: NewState, tmp_path: Path, proxies: tuple[str, ...], told: str
) -> None:
    async def story(at: Centre) -> None:
        assert at.house.caller("127.0.0.1", "10.0.0.1, 203.0.113.9") == told
        assert at.house.caller("127.0.0.1", "not an address") == "127.0.0.1"
        assert at.house.caller("192.0.2.1", "203.0.113.9") == "192.0.2.1"

    Centre(tmp_path / "data", new_sqlite(), proxies=proxies).play(story)


def test_a_huge_form_is_refused_with_and_without_its_length(place: Centre) -> None:
    async def story(at: Centre) -> None:
        browser = await at.signed_in("alice", Role.READER)
        answer = await browser.ask("POST", "/sign-in", data=io.BytesIO(b"x" * (LARGEST + 1)))
        assert answer.status == 413

        async def parts():
            for _ in range(20):
                yield b"name=" + b"x" * 100_000 + b"&"

        headers = {"content-type": "application/x-www-form-urlencoded", "x-csrf-token": browser.token}
        cut = await browser.ask("POST", "/sign-in", data=parts(), headers=headers)
        assert cut.status >= 400
        assert (await browser.get("/account")).status == 200

    place.play(story)


def test_static_files_are_compressed_lasting_by_their_content_and_never_asked_for_twice(place: Centre) -> None:
    async def story(at: Centre) -> None:
        browser = at.browser()
        address = assets.url("fieldcal.css")
        answer = await browser.get(address, Accept_Encoding="gzip")
        assert answer.headers["content-encoding"] == "gzip"
        assert "immutable" in answer.headers["cache-control"]
        assert answer.text.startswith("/* Fieldcal")
        again = await browser.get(address, If_None_Match=answer.headers["etag"])
        assert (again.status, again.text) == (304, "")
        plain = await browser.get("/static/fieldcal.css", Accept_Encoding="identity")
        assert "content-encoding" not in plain.headers
        assert plain.headers["cache-control"] == "no-cache"

    place.play(story)


def test_pages_say_plainly_which_files_the_build_did_not_bring(
    place: Centre, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "static").mkdir()
    monkeypatch.setattr(assets, "_FOLDER", tmp_path / "static")

    async def story(at: Centre) -> None:
        page = await (await at.signed_in("alice", Role.READER)).get("/account")
        assert "Parts of these pages were not built" in page.text
        assert "vendor/htmx.js" in page.text
        assert '<script src="/static/vendor/htmx.js' not in page.text

    place.play(story)


def test_the_build_brought_every_file_that_pages_load() -> None:
    assert assets.missing() == []
