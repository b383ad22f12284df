"""Settings in the browser: all or none are kept, mistakes stand beside their fields, the preview saves nothing."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from typing import Any

from tests.web.centre_end import Centre
from tests.web.test_bookings import stock
from tests.web.test_profiles import wrong

from fieldcal.plan.render import NAMES
from fieldcal.plan.settings import Settings
from fieldcal.setup_model import Role
from fieldcal.state import environments
from fieldcal.web.pages.settings import _ORDER, _WRITTEN, GROUPS
from fieldcal.web.texts import text

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


def test_the_preview_shows_the_table_as_the_event_has_it_and_every_name_with_its_value(place: Centre) -> None:
    async def story(at: Centre) -> None:
        stock(at, 2)
        browser = await at.signed_in("admin", Role.SYSTEM_ADMIN)
        page = (await browser.get("/settings")).text
        assert "<tr><th>Work order</th><td>WO-000" in page
        assert re.findall(r'data-insert="\{\{ (\w+) \}\}"', page) == [name for name in _ORDER if name not in _WRITTEN]
        assert "The work order&#39;s number</td>" in page
        number = page.split("The work order&#39;s number</td>")[1]
        assert re.match(r"<td[^>]*>WO-000\d<", number)
        told = (await browser.post("/settings/preview?environment=main", {"subject_template": "{{ nobody }}"},
                                   hx_request="true")).text  # fmt: skip
        assert "Subject: Line 1: there is no &#39;nobody&#39;" in told
        assert "subject_template" not in told
        evil = "<script>x()</script><p onclick=x() style='color:red'>A<a href='javascript:x'>b</a></p>"
        told = (
            await browser.post("/settings/preview?environment=main", {"body_template": evil}, hx_request="true")
        ).text
        assert [word for word in ("script>", "onclick", "style=", "javascript:") if word in told] == []

    place.play(story)


def test_every_name_of_a_template_stands_in_the_list_with_its_meaning() -> None:
    assert set(_ORDER) == NAMES
    assert all(text(f"settings.variable.{name}") for name in NAMES)


def test_scripts_see_what_the_page_shows_before_anything_is_kept(place: Centre) -> None:
    async def story(at: Centre) -> None:
        ids = stock(at, 3)
        browser = await at.signed_in("admin", Role.SYSTEM_ADMIN)
        headers, path = {"x-csrf-token": browser.token}, "/api/v1/environments/main/settings/preview"

        async def preview(**sent: object) -> tuple[int, dict[str, Any]]:
            answer = await browser.ask("POST", path, json=sent, headers=headers)
            return answer.status, json.loads(answer.text)

        wish = {
            "subject_template": "Job {{ number }}",
            "body_template": "<b onclick=x()>{{ worker }}</b>",
            "private": True,
        }
        status, told = await preview(settings=wish)
        assert (status, told["booking"], told["subject"], told["private"]) == (200, ids[0], "Job WO-0001", True)
        assert ("onclick" in told["body"], told["worker"] in told["body"]) == (False, True)
        for name in (ids[2], "wo-0003"):
            assert (await preview(booking=name))[1]["booking"] == ids[2]
        status, told = await preview(settings={"subject_template": "{{ nobody }}", "interval": 0})
        assert (status, {one["pointer"] for one in told["errors"]}) == (
            422, {"/settings/subject_template", "/settings/interval"},
        )  # fmt: skip
        assert (await preview(booking="WO-9"))[0] == 404
        assert settings(at) == Settings()
        reader = await at.signed_in("reader", Role.READER)
        assert (await reader.ask("POST", path, json={}, headers={"x-csrf-token": reader.token})).status == 403

    place.play(story)
