"""The audit log: paged by keys, narrowed by person, deed, day and what it is about, and downloaded whole."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert
from tests.web.centre_end import OPERATOR, Centre

import fieldcal
from fieldcal.setup_model import Actor, Role
from fieldcal.state import audit
from fieldcal.state.people_tables import audit as table
from fieldcal.web.render import deed
from fieldcal.web.texts import catalogue

_SUBJECTS = re.compile(r"subject-\d{4}")


def stock(at: Centre, number: int) -> None:
    """So many lines a minute apart, the last one a moment ago."""
    now = at.clock.now()
    rows = [{"at": now - timedelta(minutes=number - n), "operator": "root", "actor": "=mallory", "action": "test deed",
             "subject": f"subject-{n:04}", "detail": f"=line {n}"} for n in range(number)]  # fmt: skip
    with at.app.database.write() as tx:
        tx.execute(insert(table), rows)


def test_pages_follow_each_other_though_new_lines_come(place: Centre) -> None:
    async def story(at: Centre) -> None:
        browser = await at.signed_in("anna", Role.EXCHANGE_ADMIN)
        stock(at, 120)
        seen: list[str] = []
        path = "/audit?action=test+deed"
        while path:
            page = (await browser.get(path)).text
            seen += _SUBJECTS.findall(page)
            with at.app.database.write() as tx:
                audit.record(tx, OPERATOR, at.clock.now(), "test deed", ["a new one"])
            found = re.search(r'rel="next" href="([^"]+)"', page)
            path = html.unescape(found[1]) if found else ""
        assert seen == [f"subject-{n:04}" for n in reversed(range(120))]
        assert 'href="/audit?action=test+deed"' in page  # back to the newest
        for wrong in ("x", "1-", "-1", "1-x", "9" * 40):
            assert (await browser.get(f"/audit?before={wrong}")).status == 409, wrong
        assert (await browser.get(f"/audit?before={'9' * 17}-{'9' * 17}")).status == 200

    place.play(story)


def test_it_is_narrowed_by_person_deed_day_and_what_it_is_about(place: Centre) -> None:
    async def story(at: Centre) -> None:
        browser = await at.signed_in("anna", Role.SYSTEM_ADMIN)
        at.environment()
        at.mailboxes(3)
        now = at.clock.now()
        with at.app.database.write() as tx:
            audit.record(
                tx, Actor("root"), now - timedelta(days=3), "mailbox edit", ["main/box-00001"], "<b>early-one</b>"
            )
            audit.record(tx, at.actor([]), now, "mailbox approve", ["main/box-00001", "main/box-00002"], "late-one")
            audit.record(tx, at.actor([]), now, "plan approve", ["main/7"], "by a plan")
        day = (now - timedelta(days=2)).date()
        table = {
            "actor=somebody": ({"late-one", "by a plan"}, {"early-one"}),
            "actor=operator": ({"early-one"}, {"late-one"}),
            "action=mailbox+edit": ({"early-one"}, {"late-one"}),
            f"from={day}": ({"late-one"}, {"early-one"}),
            f"to={day}": ({"early-one"}, {"late-one"}),
            "about=main/box-00001": ({"early-one", "late-one"}, {"by a plan"}),
            "about=W00002@x.example": ({"late-one"}, {"early-one"}),
            "about=main": ({"early-one", "late-one", "by a plan"}, set()),
            "about=nothing": ({"Nothing matches"}, {"late-one", "early-one"}),
        }
        for query, (there, missing) in table.items():
            page = (await browser.get(f"/audit?{query}")).text.partition("</form>")[2]
            assert [words for words in there if words not in page] == [], query
            assert [words for words in missing if words in page] == [], query
        page = (await browser.get("/audit")).text
        assert "&lt;b&gt;early-one" in page
        assert "/mailboxes/box-00001?environment=main" in page
        assert "/plans/7?environment=main" in page
        assert (await browser.get("/audit?from=soon")).status == 409
        exchange = await at.signed_in("xena", Role.EXCHANGE_ADMIN)
        assert "/environments/one" not in (await exchange.get("/audit?action=environment+add")).text

    place.play(story)


def test_all_that_match_are_downloaded_alike_from_the_page_and_by_rest(place: Centre) -> None:
    """More than one piece, and more than one page of the list: nothing is cut, and no cell is a formula."""

    async def story(at: Centre) -> None:
        browser = await at.signed_in("anna", Role.SYSTEM_ADMIN)
        stock(at, 2_500)
        answer = await browser.get("/audit/file?kind=csv&action=test+deed")
        assert answer.headers["content-disposition"].startswith('attachment; filename="audit-')
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert [row["subject"] for row in rows] == [f"subject-{n:04}" for n in range(2_500)]
        assert (rows[0]["actor"], rows[0]["detail"]) == ("'=mallory", "'=line 0")
        assert (await browser.get("/api/v1/audit.csv?action=test+deed")).text == answer.text
        told = (await browser.get("/audit/file?kind=jsonl&action=test+deed")).text
        lines = [json.loads(line) for line in told.splitlines()]
        assert [line["detail"] for line in lines] == [f"=line {n}" for n in range(2_500)]
        script = await browser.get("/api/v1/audit.jsonl?actor=%3Dmallory")
        assert (script.text, script.headers["content-type"]) == (told, "application/x-ndjson; charset=utf-8")
        assert (await browser.get("/audit/file?kind=xml")).status == 409
        assert (await browser.get("/audit/file?kind=jsonl&about=unheard-of")).text == ""

    place.play(story)


def test_an_audit_of_which_nothing_is_left_says_what_would_stand_there(place: Centre) -> None:
    async def story(at: Centre) -> None:
        browser = await at.signed_in("anna", Role.SYSTEM_ADMIN)
        with at.app.database.write() as tx:
            tx.execute(table.delete())
        assert "Nothing is on record" in (await browser.get("/audit")).text

    place.play(story)


def commands() -> list[str]:
    """What the source puts on record in the words of a command."""
    begin = "alert|check|db|duplicates|environment|erase|mailbox|plan|profile|sign|sign-in|token|user"
    recorded = re.compile(rf'(?:record|strange|_told|decision)\([^"]*"((?:{begin}) [a-z -]+)"')
    source = Path(fieldcal.__file__).parent
    return sorted({one for path in source.rglob("*.py") for one in recorded.findall(path.read_text(encoding="utf-8"))})


@pytest.mark.parametrize("action", commands())
def test_whatever_is_put_on_record_has_plain_words(action: str) -> None:
    assert f"audit.did.{re.sub('[ -]', '_', action)}" in catalogue()
    assert deed(action) != action
    assert len(commands()) > 30


def test_a_deed_is_told_in_plain_words_with_its_command_beside_it_and_to_the_second(place: Centre) -> None:
    async def story(at: Centre) -> None:
        browser = await at.signed_in("anna", Role.SYSTEM_ADMIN)
        with at.app.database.write() as tx:
            for action in ("mailbox test", "work orders imported"):
                audit.record(tx, OPERATOR, at.clock.now(), action, ["main/x"])
        page = (await browser.get("/audit?about=main/x")).text
        assert "Test &amp; Enable<small><code>mailbox test</code></small>" in page
        assert "Work orders imported<small>" in page
        assert '<option value="mailbox test">Test &amp; Enable</option>' in page
        assert re.search(r">\d\d:\d\d:\d\d</time>", page)

    place.play(story)
