"""`fieldcal sync`: the pass by command, its plan, and what it says when an end does not answer as it should."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

import pytest
from tests.cli.company import ENVIRONMENT, Company
from tests.cli.conftest import Fieldcal

from fieldcal import config
from fieldcal.app import App
from fieldcal.cli.sync import foretelling
from fieldcal.clock import PlayedClock, SystemClock
from fieldcal.embedded.faults import Fault, Match
from fieldcal.model import BookingId, MailboxId
from fieldcal.state import marks, plans

SOURCE_REFUSALS = [
    (Fault(kind="status", status=401, times=None), "refuses the credential"),
    (Fault(kind="status", status=403, code="0x80040220", times=None), "HTTP 403"),
    (Fault(kind="status", status=500, code="0x80040216", times=None), "HTTP 500"),
    (Fault(kind="garbage", times=None), "cannot be used"),
    (Fault(kind="drop_before", times=None), "no answer"),
]


def test_a_pass_puts_the_bookings_into_the_calendars_and_the_next_one_writes_nothing(
    attached: Company, fieldcal: Fieldcal
) -> None:
    first, second = fieldcal("sync", "--json").json(), fieldcal("sync", "--json").json()
    (did,), (again,) = first, second
    standing = sum(len(events) for events in attached.events().values())
    assert did["created"] == standing > 10
    assert (did["environment"], did["failed"], did["error"], did["troubles"]) == (ENVIRONMENT, 0, "", {})
    assert did["requests"]["source"] > 0
    assert did["requests"]["calendars"] > 0
    assert did["skipped"]["not_a_person"] == 2
    assert (again["created"], again["updated"], again["removed"]) == (0, 0, 0)
    assert again["requests"]["calendars"] == 0


def test_people_read_what_was_done_to_how_many_and_why_the_others_were_left(
    attached: Company, fieldcal: Fieldcal
) -> None:
    said = fieldcal("sync")
    assert said.status == 0
    first, *rest = said.out.splitlines()
    assert re.fullmatch(r"Environment main is synchronized: \d+ created in 3 mailboxes \(\d+\.\d s\)\.", first)
    assert any("to the source" in line and "to the calendars" in line for line in rest)
    assert any(line.startswith("  2 bookings are left alone: what is booked is no user") for line in rest)
    assert all(line.startswith("main: mailboxes") for line in said.err.splitlines())
    assert fieldcal("sync").out.startswith("Environment main is synchronized: nothing had to be written (")


def test_a_dry_run_tells_each_step_with_its_reason_and_touches_no_calendar(
    attached: Company, fieldcal: Fieldcal
) -> None:
    (plan,) = fieldcal("sync", "--dry-run", "--json").json()
    before = attached.exchange.control.count()
    (same,) = fieldcal("sync", "--dry-run", "--json").json()
    assert attached.exchange.control.count() == before
    assert not any(attached.events().values())
    assert same["steps"] == plan["steps"]
    created = [step for step in plan["steps"] if step["verb"] == "create"]
    assert all(step["reason"] == "it lies in the window and has no event yet" for step in created)
    assert all("@" in step["address"] for step in created)
    assert (plan["counts"]["create"], plan["counts"]["skip"]) == (len(created), sum(plan["skipped"].values()))
    (did,) = fieldcal("sync", "--json").json()
    assert did["created"] == len(created)
    assert "nothing would be written. This was a dry run" in fieldcal("sync", "--dry-run").out


def test_a_dry_run_is_sorted_by_mailbox_and_time_and_tells_local_time_worker_and_subject(
    attached: Company, fieldcal: Fieldcal
) -> None:
    (plan,) = fieldcal("sync", "--dry-run", "--json").json()
    steps = plan["steps"]
    order = [(step["mailbox"] is None, step["address"], step["start"]) for step in steps]
    assert order == sorted(order)
    said = fieldcal("sync", "--dry-run").out
    assert f"{plan['counts']['create']} to create, 0 to update, 0 to remove. This was a dry run" in said
    lines = said.splitlines()
    for step in steps:
        told = [line for line in lines if f": {step['worker']}, {step['title']}; {step['reason']}" in line]
        assert told
        assert all(f"({step['zone']}" in line for line in told)
    headings = [line for line in lines if "@" in line and not line.startswith(" ")]
    assert headings == sorted({step["address"] for step in steps if step["address"]})
    assert lines.index("Without a mailbox") > lines.index(headings[-1])


def test_a_dry_run_tells_a_held_removal_as_held(attached: Company, fieldcal: Fieldcal) -> None:
    assert fieldcal("sync").status == 0
    with attached.state() as database, database.write() as tx:
        plans.take_budget(tx, ENVIRONMENT, 50, SystemClock().now())
    attached.field_service.store.change("bookableresourcebooking", attached.coming()[0].id, {"statecode": 1})
    (before,) = fieldcal("sync", "--dry-run", "--json").json()
    assert before["counts"]["remove"] == 1
    (did,) = fieldcal("sync", "--json").json()
    assert (did["held"], did["skipped"]["held"]) == (1, 1)
    (after,) = fieldcal("sync", "--dry-run", "--json").json()
    assert (after["counts"]["remove"], after["skipped"]["held"]) == (0, 1)
    assert "the booking is inactive, which counts as deleted; its removal is held in plan 1" in (
        fieldcal("sync", "--dry-run").out
    )


def test_a_dry_run_before_anything_is_set_up_says_what_stands_in_the_way(
    company: Company, fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.attach(fieldcal, monkeypatch)
    (plan,) = fieldcal("sync", "--dry-run", "--json").json()
    assert plan["counts"]["create"] == 0
    assert plan["skipped"]["not_set_up"] > 10
    (did,) = fieldcal("sync", "--json").json()
    assert (did["created"], company.exchange.control.count(method="POST")) == (0, 0)


def test_one_mailbox_alone_is_synchronized_and_the_others_wait(attached: Company, fieldcal: Fieldcal) -> None:
    chosen = attached.sample.mailboxes[1]
    (did,) = fieldcal("sync", "--mailbox", chosen.address.upper(), "--json").json()
    filled = {box for box, events in attached.events().items() if events}
    assert filled == {chosen.object_id}
    assert did["created"] == len(attached.events()[chosen.object_id])
    # What is told is of that mailbox alone, not of crews and colleagues.
    (whole,) = fieldcal("sync", "--dry-run", "--json").json()
    of_it = [step for step in whole["steps"] if step["mailbox"] == chosen.object_id and step["verb"] == "skip"]
    assert sum(did["skipped"].values()) == len(of_it)
    assert "not_a_person" in whole["skipped"]
    assert "not_a_person" not in did["skipped"]


def test_a_colleague_s_trouble_is_none_of_the_one_mailbox_that_was_asked_for(
    attached: Company, fieldcal: Fieldcal
) -> None:
    sick, well, _ = attached.sample.mailboxes
    attached.exchange.store.mailboxes.set_state(sick.object_id, "denied")
    assert fieldcal("sync").status == 1
    said = fieldcal("sync", "--mailbox", well.address, "--json")
    assert (said.status, said.json()[0]["troubles"]) == (0, {})
    assert fieldcal("sync", "--mailbox", sick.address).status == 1


def test_the_time_that_is_left_is_told_while_a_large_backlog_is_worked_off(
    attached: Company, fieldcal: Fieldcal
) -> None:
    now, box = SystemClock().now(), MailboxId(attached.sample.mailboxes[0].object_id)
    with attached.state() as database, database.write() as tx:
        marks.mark(tx, ENVIRONMENT, [(box, BookingId(f"b{n}")) for n in range(400)], now, "enabled")
    said: list[str] = []

    async def look() -> None:
        clock = PlayedClock(now)
        async with App(config.load(), clock=clock) as app:
            telling = asyncio.create_task(foretelling(app, ENVIRONMENT, said.append, 30.0))
            for number in range(2):
                while len(said) <= number:
                    clock.advance(timedelta(seconds=30))
                    await asyncio.sleep(0.01)
                await app.database.writing(marks.drop_all, ENVIRONMENT, box)
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)

    asyncio.run(asyncio.wait_for(look(), 60))
    assert said[0].startswith("first load: 4")
    assert said[-1] == ""


def test_names_that_do_not_exist_are_one_line(attached: Company, fieldcal: Fieldcal) -> None:
    for words, text in (
        (("--mailbox", "nobody@x.example"), "there is no mailbox nobody@x.example"),
        (("--environment", "moon"), "there is no environment 'moon'"),
    ):
        said = fieldcal("sync", *words)
        assert (said.status, said.out, len(said.err.splitlines())) == (1, "", 1)
        assert text in said.err


@pytest.mark.parametrize(("fault", "text"), SOURCE_REFUSALS, ids=lambda value: getattr(value, "kind", None))
def test_a_source_that_does_not_answer_is_one_line_exit_1_and_stops_no_calendar(
    attached: Company, fieldcal: Fieldcal, fault: Fault, text: str
) -> None:
    attached.field_service.control.add_fault(fault)
    said = fieldcal("sync", "--json")
    (did,) = fieldcal_json(said.out)
    assert said.status == 1
    assert text in did["error"]
    assert "\n" not in did["error"]
    assert did["created"] == 0
    assert "Traceback" not in said.err
    people = fieldcal("sync")
    assert sum("could not be read" in line for line in people.out.splitlines()) == 1
    attached.field_service.control.clear_faults()
    (later,) = fieldcal("sync", "--json").json()
    assert (later["error"], later["created"] > 10) == ("", True)


def test_a_source_that_turns_out_to_be_another_organization_is_one_line_and_nothing_is_planned(
    attached: Company, fieldcal: Fieldcal, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.cli.company import company as company_of

    assert fieldcal("sync").status == 0
    before = {box: len(events) for box, events in attached.events().items()}
    with company_of(tmp_path_factory.mktemp("other"), bookings=20) as other:
        monkeypatch.setenv("SOURCE_TOKEN", other.field_service.tokens.grant(other.source_url))
        change = ("environment", "set", ENVIRONMENT, "--url", other.source_url)
        refused = fieldcal(*change)
        assert (refused.status, "is held to the organization" in refused.err) == (1, True)
        assert fieldcal(*change, "--offline").status == 0
        sent = attached.exchange.control.count()
        for words in (("sync",), ("sync", "--dry-run"), ("check",)):
            said = fieldcal(*words)
            assert (said.status, said.out, len(said.err.splitlines())) == (1, "", 1)
            assert other.field_service.organization_id in said.err
            assert attached.field_service.organization_id in said.err
        assert attached.exchange.control.count() == sent
    assert {box: len(events) for box, events in attached.events().items()} == before


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (Fault(kind="status", status=403, times=None, match=Match(path="/users/")), "ErrorAccessDenied"),
        (
            Fault(kind="status", status=404, code="MailboxNotEnabledForRESTAPI", times=None, match=Match(path="/users/")),
            "MailboxNotEnabledForRESTAPI",
        ),
        (Fault(kind="status", status=403, times=None, match=Match(path="batch")), "403"),
    ],
    ids=["403", "404", "403 of a batch"],
)  # fmt: skip
def test_a_calendar_that_refuses_is_told_by_mailbox_and_exit_1(
    attached: Company, fieldcal: Fieldcal, fault: Fault, text: str
) -> None:
    attached.exchange.control.add_fault(fault)
    said = fieldcal("sync", "--json")
    (did,) = fieldcal_json(said.out)
    assert (said.status, did["error"], did["created"]) == (1, "", 0)
    assert did["troubles"].keys() <= {box.address for box in attached.sample.mailboxes}
    assert did["troubles"]
    assert all(text in trouble for trouble in did["troubles"].values())
    assert "Traceback" not in said.err


def test_a_worker_whose_own_mailbox_alone_fails_leaves_the_colleagues_synchronized(
    attached: Company, fieldcal: Fieldcal
) -> None:
    sick, *others = attached.sample.mailboxes
    attached.exchange.store.mailboxes.set_state(sick.object_id, "denied")
    said = fieldcal("sync", "--json")
    (did,) = fieldcal_json(said.out)
    assert said.status == 1
    assert list(did["troubles"]) == [sick.address]
    assert all(attached.events()[box.object_id] for box in others)


def test_without_an_environment_the_way_to_one_is_shown(fieldcal: Fieldcal) -> None:
    said = fieldcal("sync")
    assert (said.status, len(said.err.splitlines())) == (1, 1)
    assert "`fieldcal environment add` makes one" in said.err


def test_an_environment_that_is_switched_off_is_named_and_nothing_is_sent(
    attached: Company, fieldcal: Fieldcal
) -> None:
    assert fieldcal("environment", "set", ENVIRONMENT, "--disable", "--yes").status == 0
    before = attached.requests()
    for words in (("sync",), ("sync", "--environment", ENVIRONMENT)):
        said = fieldcal(*words)
        assert (said.status, len(said.err.splitlines())) == (1, 1)
        assert "switched off" in said.err
    assert attached.requests() == before


def test_only_those_may_synchronize_who_are_allowed_to(attached: Company, fieldcal: Fieldcal) -> None:
    own = attached.sample.mailboxes[0].address
    for words in (
        ("user", "add", "kim", "--sign-in", own), ("user", "grant", "kim", "worker"),
        ("user", "add", "lee"), ("user", "grant", "lee", "reader"),
    ):  # fmt: skip
        assert fieldcal(*words).status == 0, words
    assert fieldcal("sync", "--as", "kim", "--mailbox", own).status == 0
    for words in (("--as", "kim"), ("--as", "kim", "--mailbox", attached.sample.mailboxes[1].address), ("--as", "lee")):
        said = fieldcal("sync", *words)
        assert (said.status, len(said.err.splitlines())) == (1, 1)
        assert "may not synchronize now" in said.err


def fieldcal_json(text: str) -> list[dict[str, object]]:
    import msgspec

    return msgspec.json.decode(text)
