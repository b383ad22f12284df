"""Two administrators at one form: each one's changes are kept, and what both changed is asked about, with both values."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from tests.web.centre_end import OPERATOR, Answer, Browser, Centre

from fieldcal.setup import environments, profiles
from fieldcal.setup_model import CALDAV, EXCHANGE, Endpoint, Role
from fieldcal.state import environments as environment_rows
from fieldcal.state import profiles as profile_rows
from fieldcal.web.merging import SEEN, carried, digest, merged, prints, seen

SHOWN, THEIRS, MINE = "as shown", "theirs", "mine"
ADMIN = (Role.SYSTEM_ADMIN, Role.EXCHANGE_ADMIN)


@pytest.mark.parametrize(
    ("mine", "now", "choice", "value", "clashes"),
    [
        (SHOWN, SHOWN, "", SHOWN, False),
        (MINE, SHOWN, "", MINE, False),
        (SHOWN, THEIRS, "", THEIRS, False),
        (THEIRS, THEIRS, "", THEIRS, False),
        (MINE, THEIRS, "", MINE, True),
        (MINE, THEIRS, f"mine {digest(THEIRS)}", MINE, False),
        (MINE, THEIRS, f"theirs {digest(THEIRS)}", THEIRS, False),
        # decided about a value that a third has changed since
        (MINE, THEIRS, f"mine {digest('another')}", MINE, True),
        (MINE, THEIRS, f"theirs {digest('another')}", MINE, True),
        (MINE, THEIRS, "mine", MINE, True),
    ],
)
def test_only_what_the_sender_has_touched_counts_and_what_both_touched_is_decided_by_a_person(
    mine: str, now: str, choice: str, value: str, clashes: bool
) -> None:
    form = {SEEN: carried(prints({"a": SHOWN})), "choice_a": choice}
    found = merged(form, {"a": mine}, {"a": now})
    assert (found.values, bool(found.clashes)) == ({"a": value}, clashes)
    assert not clashes or found.clashes["a"].theirs == THEIRS
    # shown again, it is still known what was not decided
    again = merged({SEEN: carried(found.seen)}, {"a": value}, {"a": now})
    assert bool(again.clashes) == clashes


@pytest.mark.parametrize("brought", [None, "", "{", "[]", "1", '{"a": 1}', "[" * 100_000])
def test_a_form_without_readable_digests_is_taken_as_a_whole(brought: str | None) -> None:
    assert seen(brought) == {}
    assert merged({SEEN: brought}, {"a": MINE}, {"a": THEIRS}).values == {"a": MINE}


def carries(answer: Answer) -> str:
    found = re.search(r'name="seen" value="([^"]*)"', answer.text)
    assert found is not None
    return html.unescape(found[1])


def choice(answer: Answer, name: str, whose: str) -> dict[str, str]:
    found = re.search(rf'name="choice_{name}" value="({whose} [0-9a-f]+)"', answer.text)
    assert found is not None, answer.text
    return {f"choice_{name}": found[1]}


async def two(at: Centre, path: str) -> tuple[Browser, Browser, str]:
    """Two administrators who have the same form open, and what it carries."""
    first, second = await at.signed_in("first", *ADMIN), await at.signed_in("second", *ADMIN)
    shown = carries(await first.get(path))
    assert carries(await second.get(path)) == shown
    return first, second, shown


def test_two_who_save_settings_keep_both_their_changes_and_choose_where_they_meet(place: Centre) -> None:
    async def story(at: Centre) -> None:
        at.environment()
        first, second, shown = await two(at, "/settings")

        def settings() -> Any:
            with at.app.database.read() as tx:
                return environment_rows.get(tx, "main").settings

        save = "/settings/save?environment=main"
        was = {"interval": "15", "private": "false", "canceled": "event", SEEN: shown}
        was["canceled"] = str(settings().canceled)
        assert (await first.post(save, {**was, "interval": "5", "canceled": "remove"})).status == 303
        kept = await second.post(save, {**was, "private": "true"})
        assert (kept.status, settings().interval, settings().canceled, settings().private) == (303, 5, "remove", True)
        # both changed the interval
        asked = await second.post(save, {**was, "interval": "30", "booking_url": "https://b.example/{id}"})
        assert (asked.status, settings().interval) == (409, 5)
        assert "somebody else has changed the same meanwhile" in asked.text
        assert '<p class="lines">5</p>' in asked.text
        assert 'name="interval" value="30"' in asked.text
        assert 'value="https://b.example/{id}"' in asked.text
        sent = {**was, "interval": "30", SEEN: carries(asked)}
        assert (await second.post(save, sent)).status == 409
        assert (await second.post(save, {**sent, **choice(asked, "interval", "theirs")})).status == 303
        assert settings().interval == 5
        assert (await second.post(save, {**sent, **choice(asked, "interval", "mine")})).status == 303
        assert settings().interval == 30

    place.play(story)


def test_two_who_change_an_environments_sign_in_never_mix_a_secret_into_another_server(place: Centre) -> None:
    async def story(at: Centre) -> None:
        end = Endpoint("https://a.example", "", "t", "secret", "app", "env:FIELDCAL_SECRET_A")
        with at.app.database.write() as tx:
            environments.add(tx, OPERATOR, at.clock.now(), "main", end)

        def now() -> Endpoint:
            with at.app.database.read() as tx:
                return environment_rows.get(tx, "main").end

        first, second, shown = await two(at, "/environments/one?environment=main")
        save = "/environments/save?environment=main"
        was = {"url": end.url, "authority": "", "tenant": "t", "credential": "secret", "client_id": "app",
               "secret": end.secret, SEEN: shown, "offline": "1"}  # fmt: skip
        assert (await first.post(save, {**was, "secret": "env:FIELDCAL_SECRET_B"})).status == 303
        moved = await second.post(save, {**was, "url": "https://elsewhere.example"})
        assert (moved.status, now().url) == (409, "https://a.example")
        assert "give its secret anew" in moved.text
        assert (await second.post(save, {**was, "client_id": "other"})).status == 303
        assert (now().client_id, now().secret) == ("other", "env:FIELDCAL_SECRET_B")
        both = await second.post(save, {**was, "secret": "env:FIELDCAL_SECRET_C"})
        assert (both.status, now().secret) == (409, "env:FIELDCAL_SECRET_B")
        mine = {**was, "secret": "env:FIELDCAL_SECRET_C", SEEN: carries(both), **choice(both, "secret", "mine")}
        assert (await second.post(save, mine)).status == 303
        assert now().secret == "env:FIELDCAL_SECRET_C"

    place.play(story)


@pytest.mark.parametrize(
    ("kind", "end", "mine", "theirs"),
    [
        (EXCHANGE, Endpoint("https://g.example", "", "t", "secret", "app", "env:FIELDCAL_SECRET_A"),
         {"tenant": "mine"}, {"client_id": "theirs"}),
        (CALDAV, Endpoint("https://d.example/{user}/", credential="password"), {"at_once": "3"}, {"calendar": "Jobs"}),
    ],
)  # fmt: skip
def test_two_who_save_a_profile_keep_both_their_changes(
    place: Centre, kind: str, end: Endpoint, mine: dict[str, str], theirs: dict[str, str]
) -> None:
    async def story(at: Centre) -> None:
        with at.app.database.write() as tx:
            profiles.add(tx, OPERATOR, at.clock.now(), "P", end, kind, at_once=8 if kind == CALDAV else 0)
        first, second, shown = await two(at, "/profiles/one?name=P")
        was = {"name": "P", "url": end.url, "authority": "", "tenant": end.tenant, "credential": end.credential,
               "client_id": end.client_id, "secret": end.secret, SEEN: shown, "offline": "1",
               **({"calendar": "", "at_once": "8"} if kind == CALDAV else {})}  # fmt: skip
        assert (await first.post("/profiles/save", {**was, **theirs})).status == 303
        assert (await second.post("/profiles/save", {**was, **mine})).status == 303
        with at.app.database.read() as tx:
            known = profile_rows.get(tx, "P")
        values = {"tenant": known.end.tenant, "client_id": known.end.client_id, "at_once": str(known.at_once),
                  "calendar": known.calendar}  # fmt: skip
        assert {name: values[name] for name in {**mine, **theirs}} == {**mine, **theirs}

    place.play(story)
