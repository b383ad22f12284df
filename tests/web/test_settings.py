"""Settings in the browser: all or none are kept, mistakes stand beside their fields, the preview saves nothing."""

from __future__ import annotations

from dataclasses import fields

import pytest
from tests.web.centre_end import Centre
from tests.web.test_profiles import wrong

from fieldcal.plan.settings import Settings
from fieldcal.setup_model import Role
from fieldcal.state import environments
from fieldcal.web.pages.settings import GROUPS, body_text

PATH = "/settings/save?environment=main"


def settings(at: Centre) -> Settings:
    with at.app.database.read() as tx:
        return environments.get(tx, "main").settings


def test_every_setting_stands_on_the_page_once() -> None:
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(one.name for one in fields(Settings))


def test_settings_are_kept_all_or_none_and_what_was_written_stays_in_the_form(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        browser = await at.signed_in("admin", Role.SYSTEM_ADMIN)
        page = (await browser.get("/settings")).text
        assert "No booking of the next two weeks" in page
        bad = {"interval": "0", "canceled": "keep", "subject_template": "{{ nobody }}"}
        answer = await browser.post(PATH, bad)
        assert answer.status == 409
        assert "from 1 to 1440" in wrong(answer.text, "interval")[0]
        assert "nobody" in wrong(answer.text, "subject_template")[0]
        assert "{{ nobody }}</textarea>" in answer.text
        assert settings(at) == Settings()
        good = {"interval": "5", "canceled": "keep", "self_approval": "false", "subject_template": "{{ number }}"}
        assert (await browser.post(PATH, good)).status == 303
        now = settings(at)
        assert (now.interval, now.canceled, now.self_approval, now.subject_template) == (
            5,
            "keep",
            False,
            "{{ number }}",
        )
        assert now.window_future == Settings().window_future

    place.play(story)


@pytest.mark.parametrize(
    ("body", "words"),
    [("<p>a<br>b</p>", "a\nb"), ("<table><tr><td>x</td><td>y &amp; z</td></tr></table>", "x y & z"), ("", "")],
)
def test_the_body_is_told_in_words(body: str, words: str) -> None:
    assert body_text(body) == words
