"""What a browser carries for us: nobody but the service can make it, and a forged one is not even opened."""

from __future__ import annotations

import aiohttp
import pytest
from itsdangerous import URLSafeTimedSerializer
from tests.web.centre_end import Centre
from tests.web.heard import hearing

from fieldcal.setup_model import Role
from fieldcal.web import sealing


@pytest.mark.parametrize("key", ["the browser's", "the service's"])
def test_no_file_of_the_service_is_named_by_a_seal(place: Centre, tmp_path, key: str) -> None:
    (tmp_path / "private").write_text("the operator's own")
    reference = f"file:{tmp_path / 'private'}"

    async def story(at: Centre) -> None:
        browser = await at.signed_in("system", Role.SYSTEM_ADMIN)
        forged = URLSafeTimedSerializer(f"seal {browser.cookie}", salt="kept secret").dumps(reference)
        if key == "the service's":
            forged = sealing.seal(at.house.key, browser.cookie, "kept secret", reference)

        async with hearing() as (url, got):
            form = {"name": "x", "url": url, "credential": "token", "secret": reference, "kept_reference": forged}
            answer = await browser.post("/environments/add", form)
        assert answer.status == 409
        assert "FIELDCAL_SECRET_" in answer.text
        assert got == []

    place.play(story)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda at, cookie: sealing.seal(at.house.key, cookie, "said", ["good", "well done"]), True),
        (lambda _at, cookie: sealing.seal(b"", cookie, "said", ["good", "well done"]), False),
        (lambda _at, cookie: URLSafeTimedSerializer(f"seal {cookie}", salt="said").dumps(["good", "well done"]), False),
        (lambda at, _cookie: sealing.seal(at.house.key, "another", "said", ["good", "well done"]), False),
        (lambda at, cookie: sealing.seal(at.house.key, cookie, "kept form", ["good", "well done"]), False),
        (lambda at, cookie: sealing.seal(at.house.key, cookie, "said", ["good", "well done" * 500]), False),
        (lambda at, cookie: sealing.seal(at.house.key, cookie, "said", {"good": "well done"}), False),
    ],
)
def test_a_page_says_only_what_the_service_itself_has_sealed_for_it(place: Centre, make, said: bool) -> None:
    async def story(at: Centre) -> None:
        cookie = "B" * 43
        headers = {"cookie": f"fieldcal={cookie}; fieldcal-said={make(at, cookie)}"}
        async with aiohttp.ClientSession() as session, session.get(f"{at.url}/sign-in", headers=headers) as answer:
            assert answer.status == 200
            assert ("well done" in await answer.text()) == said

    place.play(story)


def test_what_is_carried_is_not_packed() -> None:
    sealed = sealing.seal(b"k", "browser", "x", "&" * 50_000)
    assert len(sealed) > 50_000
    assert sealing.unseal(b"k", "browser", "x", sealed, 60) == "&" * 50_000
    assert sealing.unseal(b"l", "browser", "x", sealed, 60) is None
