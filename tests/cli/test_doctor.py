"""`fieldcal doctor`: each thing that the synchronization stands on, ok or with its remedy; exit 1 where one fails."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from tests.cli.company import ENVIRONMENT, PROFILE, Company
from tests.cli.conftest import Fieldcal

from fieldcal.embedded.faults import Fault, Match

SOURCE, GRAPH = f"environment {ENVIRONMENT}", f"server profile {PROFILE}"


def lines(fieldcal: Fieldcal, status: int) -> dict[str, Any]:
    import msgspec

    said = fieldcal("doctor", "--json")
    assert (said.status, "Traceback" in said.err) == (status, False), said.out
    return {line["what"]: line for line in msgspec.json.decode(said.out)}


def test_a_healthy_installation_is_ok_in_every_line_but_the_service_that_does_not_run(
    attached: Company, fieldcal: Fieldcal
) -> None:
    found = lines(fieldcal, 0)
    assert {what for what, line in found.items() if line["level"] != "ok"} == {"service"}
    for what in ("configuration", "state", "disk", f"{SOURCE}: secret", f"{SOURCE}: sign-in", f"{SOURCE}: privileges", f"{SOURCE}: role",
                 f"{SOURCE}: names", f"{SOURCE}: reading", f"{SOURCE}: change tracking", f"{SOURCE}: delta link",
                 f"{SOURCE}: clock", f"{GRAPH}: sign-in",
                 f"{GRAPH}: clock", "versions", f"{SOURCE}: Microsoft's own sync", f"{GRAPH}: permissions",
                 f"{GRAPH}: {ENVIRONMENT}: calendars", f"{GRAPH}: {ENVIRONMENT}: claims",
                 f"{SOURCE} and {GRAPH}: same tenant"):  # fmt: skip
        assert found[what]["level"] == "ok"
    assert "lives 7 days" in found[f"{SOURCE}: delta link"]["detail"]
    people = fieldcal("doctor").out
    assert "0 failed" in people
    assert "start it with `fieldcal serve`" in people


def test_before_anything_is_set_up_nothing_fails_and_nothing_is_made(fieldcal: Fieldcal, tmp_path: Any) -> None:
    found = lines(fieldcal, 0)
    assert found["state"]["level"] == "warn"
    assert not (tmp_path / "data" / "state.sqlite3").exists()


@pytest.mark.parametrize(("minutes", "level", "status"), [(0.75, "warn", 0), (-2, "warn", 0), (11, "fail", 1)])
def test_a_clock_that_is_far_off_is_told_with_its_difference(
    attached: Company, fieldcal: Fieldcal, minutes: float, level: str, status: int
) -> None:
    for end in (attached.field_service, attached.exchange):
        end.control.clock.advance(timedelta(minutes=minutes))
    found = lines(fieldcal, status)
    for what in (f"{SOURCE}: clock", f"{GRAPH}: clock"):
        assert found[what]["level"] == level
        assert found[what]["remedy"] == "synchronize this machine's clock (NTP)"
        assert ("behind" if minutes > 0 else "ahead of") in found[what]["detail"]


def test_a_missing_secret_is_named_by_its_reference(
    attached: Company, fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCE_TOKEN")
    found = lines(fieldcal, 1)
    assert found[f"{SOURCE}: secret"]["level"] == "fail"
    assert "env:SOURCE_TOKEN" in found[f"{SOURCE}: secret"]["detail"]
    assert found[f"{GRAPH}: sign-in"]["level"] == "ok"


def test_missing_privileges_are_named_by_table(attached: Company, fieldcal: Fieldcal) -> None:
    attached.field_service.control.add_fault(
        Fault(kind="status", status=403, code="0x80040220", times=None, match=Match(path="/accounts|/msdyn_workorders"))
    )
    found = lines(fieldcal, 1)[f"{SOURCE}: privileges"]
    assert found["level"] == "fail"
    assert "accounts (HTTP 403 0x80040220)" in found["detail"]
    assert "msdyn_workorders (HTTP 403" in found["detail"]
    assert "contacts" not in found["detail"]
    assert "security role" in found["remedy"]


def test_a_privilege_that_the_source_names_as_missing_is_told_by_its_name(
    attached: Company, fieldcal: Fieldcal
) -> None:
    told = (
        "Principal user (Id=5d0ee0a7-6a4e-4f7e-9a0c-0f6f5d0b7a11, type=8, roleCount=1, privilegeCount=204, accessMode=4) "
        "is missing prvReadmsdyn_workorder privilege (Id=5d0ee0a7-6a4e-4f7e-9a0c-0f6f5d0b7a12) on OTC=10123 for entity "
    )
    refused = Fault(kind="status", status=403, code="0x80040220", message=told, times=None)
    attached.field_service.control.add_fault(replace(refused, match=Match(path="/msdyn_workorders")))
    detail = lines(fieldcal, 1)[f"{SOURCE}: privileges"]["detail"]
    assert "msdyn_workorders (prvReadmsdyn_workorder)" in detail
    attached.field_service.control.add_fault(replace(refused, match=Match(path="/bookableresourcebookings")))
    said = fieldcal("sync")
    assert (said.status, "HTTP 403 0x80040220: the privilege prvReadmsdyn_workorder is missing" in said.out) == (
        1,
        True,
    )


def written(company: Company) -> int:
    return sum(company.field_service.control.count(method=method) for method in ("POST", "PATCH", "PUT", "DELETE"))


WRITES = [f"prv{verb}BookableResourceBooking" for verb in ("Create", "Write", "Delete", "Append", "AppendTo")]


@pytest.mark.parametrize(
    ("granted", "says"),
    [
        (WRITES[:1], "may change what is only read: prvCreateBookableResourceBooking"),
        (WRITES, "prvCreateBookableResourceBooking, prvDeleteBookableResourceBooking and 1 more"),
        (["prvWriteUser"], "may change what is only read: prvWriteUser"),
        ([*WRITES, "prvAssignRole"], "may give itself any role, as a System Administrator may: prvAssignRole"),
    ],
)  # fmt: skip
def test_a_role_that_may_more_than_read_is_warned_of_and_only_read(
    attached: Company, fieldcal: Fieldcal, granted: list[str], says: str
) -> None:
    attached.field_service.control.change(granted=granted)
    before = written(attached)
    role = lines(fieldcal, 0)[f"{SOURCE}: role"]
    assert role["level"] == "warn"
    assert says in role["detail"]
    assert "give one that only reads these tables" in role["remedy"]
    assert written(attached) == before


@pytest.mark.parametrize("status", [403, 404])
def test_a_source_that_does_not_tell_what_the_role_may_is_no_fault(
    attached: Company, fieldcal: Fieldcal, status: int
) -> None:
    attached.field_service.control.add_fault(
        Fault(kind="status", status=status, times=None, match=Match(path="RetrieveUserPrivileges"))
    )
    role = lines(fieldcal, 0)[f"{SOURCE}: role"]
    assert (role["level"], role["detail"]) == ("ok", f"cannot be told: the organization answers HTTP {status}")


def test_change_tracking_that_is_off_is_named_by_table(attached: Company, fieldcal: Fieldcal) -> None:
    attached.field_service.control.change(untracked=["bookableresourcebooking"])
    found = lines(fieldcal, 0)
    tracking, reading = found[f"{SOURCE}: change tracking"], found[f"{SOURCE}: reading"]
    assert (tracking["level"], reading["level"]) == ("warn", "warn")
    assert tracking["detail"].startswith("off for bookableresourcebooking; ")
    assert reading["detail"] == "the whole window at every pass: change tracking is off for bookableresourcebooking"
    assert "Track changes" in reading["remedy"]


def test_a_privilege_to_read_changes_that_is_missing_is_told_with_what_it_costs(
    attached: Company, fieldcal: Fieldcal
) -> None:
    attached.field_service.control.change(changes_unreadable=["bookableresourcebooking"])
    reading = lines(fieldcal, 0)[f"{SOURCE}: reading"]
    assert reading["level"] == "warn"
    assert "the privilege to read changes of bookableresourcebooking is missing" in reading["detail"]
    assert "Organization" in reading["remedy"]


def test_names_that_an_organization_lacks_are_told(attached: Company, fieldcal: Fieldcal) -> None:
    attached.field_service.control.change(missing=["msdyn_workorder.msdyn_serviceaccount"])
    names = lines(fieldcal, 1)[f"{SOURCE}: names"]
    assert names["level"] == "fail"
    assert "the navigation property msdyn_serviceaccount (there it is called MSDYN_SERVICEACCOUNT)" in names["detail"]
    assert "install Field Service" in names["remedy"]


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (Fault(kind="status", status=401, times=None), "refuses the credential"),
        (Fault(kind="status", status=500, times=None), "HTTP 500"),
        (Fault(kind="garbage", times=None), "cannot be used"),
        (Fault(kind="drop_before", times=None), "no answer"),
    ],
    ids=["401", "500", "garbage", "no answer"],
)
def test_a_source_that_cannot_be_signed_in_to_fails_and_the_rest_is_looked_at(
    attached: Company, fieldcal: Fieldcal, fault: Fault, text: str
) -> None:
    attached.field_service.control.add_fault(fault)
    found = lines(fieldcal, 1)
    assert text in found[f"{SOURCE}: sign-in"]["detail"]
    assert found[f"{GRAPH}: sign-in"]["level"] == "ok"


def test_another_organization_than_the_pinned_one_fails(
    attached: Company, fieldcal: Fieldcal, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.cli.company import company as company_of

    with company_of(tmp_path_factory.mktemp("other"), bookings=20) as other:
        monkeypatch.setenv("SOURCE_TOKEN", other.field_service.tokens.grant(other.source_url))
        change = ("environment", "set", ENVIRONMENT, "--url", other.source_url)
        refused = fieldcal(*change)
        assert (refused.status, "is held to the organization" in refused.err) == (1, True)
        assert fieldcal(*change, "--offline").status == 0
        found = lines(fieldcal, 1)
    assert other.field_service.organization_id in found[f"{SOURCE}: sign-in"]["detail"]


def test_a_state_of_a_newer_version_and_a_wrong_configuration_fail_with_one_line_each(
    attached: Company, fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = attached.folder / "data" / "state.sqlite3"
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    newer = lines(fieldcal, 1)
    assert newer["state"]["level"] == "fail"
    assert "a newer version wrote it" in newer["state"]["detail"]
    monkeypatch.setenv("FIELDCAL_LOG_LEVEL", "loud")
    monkeypatch.setenv("FIELDCAL_LISTEN", "nowhere")
    wrong = lines(fieldcal, 1)
    assert list(wrong) == ["configuration"]
    assert "FIELDCAL_LOG_LEVEL" in wrong["configuration"]["detail"]
    assert "FIELDCAL_LISTEN" in wrong["configuration"]["detail"]


def test_switched_off_things_and_strange_tenants_are_worth_a_word(attached: Company, fieldcal: Fieldcal) -> None:
    assert fieldcal("profile", "deactivate", PROFILE, "--yes").status == 0
    assert fieldcal("environment", "set", ENVIRONMENT, "--disable", "--yes").status == 0
    with attached.state() as database, database.write() as tx:
        from sqlalchemy import update

        from fieldcal.state.tables import environments

        tx.execute(update(environments).values(tenant=""))
    found = lines(fieldcal, 0)
    assert (found[SOURCE]["level"], found[GRAPH]["level"]) == ("warn", "warn")
    assert "not active" in found[GRAPH]["detail"]


def own_sync(company: Company, days_ago: int) -> None:
    """Microsoft's own booking sync wrote a booking into a calendar so long ago."""
    at = datetime.now(UTC) - timedelta(days=days_ago)
    company.field_service.store.create("bookableresourcebookingexchangesyncidmapping", {"exchangeentryid": "x"})
    with sqlite3.connect(company.folder / "fieldservice.db") as connection:
        connection.execute(
            "UPDATE bookableresourcebookingexchangesyncidmapping SET modifiedon = ?", (f"{at:%Y-%m-%dT%H:%M:%SZ}",)
        )
    connection.close()


@pytest.mark.parametrize(("days_ago", "level"), [(1, "warn"), (30, "ok")])
def test_microsofts_own_sync_is_told_by_what_it_wrote_lately(
    attached: Company, fieldcal: Fieldcal, days_ago: int, level: str
) -> None:
    own_sync(attached, days_ago)
    line = lines(fieldcal, 0)[f"{SOURCE}: Microsoft's own sync"]
    assert line["level"] == level
    assert bool(line["remedy"]) is (level == "warn")


def test_a_calendar_that_is_out_of_reach_and_one_that_another_claims_fail(
    attached: Company, fieldcal: Fieldcal
) -> None:
    first, second, _ = sorted(attached.sample.mailboxes, key=lambda box: box.address)
    attached.exchange.control.add_fault(
        Fault(kind="status", status=403, code="ErrorAccessDenied", times=None, match=Match(path=first.object_id))
    )
    other = '{"installation": "x", "organization": "y", "environment": "elsewhere"}'
    claim(attached, second.object_id, other)
    found = lines(fieldcal, 1)
    reached, claimed = found[f"{GRAPH}: {ENVIRONMENT}: calendars"], found[f"{GRAPH}: {ENVIRONMENT}: claims"]
    assert (reached["level"], claimed["level"]) == ("fail", "fail")
    assert reached["detail"].startswith(f"1 of 3: {first.address}")
    assert "step 3" in reached["remedy"]
    assert second.address in claimed["detail"]
    assert "elsewhere" in claimed["detail"]
    assert "--take-over" in claimed["remedy"]


def test_a_calendar_without_a_claim_is_worth_a_word(attached: Company, fieldcal: Fieldcal) -> None:
    claim(attached, attached.sample.mailboxes[0].object_id, None)
    line = lines(fieldcal, 0)[f"{GRAPH}: {ENVIRONMENT}: claims"]
    assert (line["level"], line["detail"].startswith("1 of 3")) == ("warn", True)


def claim(company: Company, mailbox: str, text: str | None) -> None:
    """Have this stand as the claim on the calendar."""
    from fieldcal.calendars.graph import GraphCalendars
    from fieldcal.clock import SystemClock
    from fieldcal.engine.pace import StoredPace
    from fieldcal.http import Http, TokenCredential
    from fieldcal.model import MailboxId

    async def write() -> None:
        with company.state() as database:
            clock = SystemClock()
            http = Http(company.graph_url, TokenCredential(company.exchange.token), clock)
            calendars = GraphCalendars(http, StoredPace(database, clock), clock, PROFILE)
            await calendars.open(MailboxId(mailbox), "").set_claim(text, lambda: None)
            await calendars.close()

    asyncio.run(write())


@pytest.mark.parametrize(("inside", "status"), [(True, 1), (False, 0)])
def test_an_outsider_that_can_be_reached_fails(
    attached: Company, fieldcal: Fieldcal, inside: bool, status: int
) -> None:
    outsider = attached.sample.mailboxes[0].address if inside else "director@x.example"
    before = max((entry.number for entry in attached.exchange.control.ledger()), default=0)
    said = fieldcal("doctor", "--outsider", outsider)
    assert said.status == status
    assert ("can be reached" in said.out, "cannot be reached" in said.out) == (inside, not inside)
    assert {entry.method for entry in attached.exchange.control.ledger(before)} == {"GET"}


def test_a_service_that_does_not_answer_is_told_and_one_that_does_too(
    attached: Company, fieldcal: Fieldcal, tmp_path: Path
) -> None:
    from fieldcal import runfile

    data = tmp_path / "data"
    for url, level in (("http://127.0.0.1:1", "fail"), (attached.graph_url, "fail")):
        running = runfile.Running(1, url, "t", datetime.now(UTC))
        with runfile.locked(data), runfile.announced(data, running):
            line = lines(fieldcal, 1)["service"]
        assert line["level"] == level
        assert "end the process and start it again" in line["remedy"]


def test_a_long_list_of_mistakes_is_shown_to_its_end(fieldcal: Fieldcal, tmp_path: Path) -> None:
    names = [f"no_such_setting_{number}" for number in range(30)]
    (tmp_path / "fieldcal.toml").write_text("".join(f"{name} = 1\n" for name in names))
    said = fieldcal("doctor")
    assert said.status == 1
    assert [name for name in names if f"{name} in fieldcal.toml" not in said.out] == []
    assert "…" not in said.out
