"""`fieldcal status`: what an operator sees at a glance."""

from __future__ import annotations

from tests.cli.company import ENVIRONMENT, Company
from tests.cli.conftest import Fieldcal
from tests.values import NOW

from fieldcal.embedded.faults import Fault, Match
from fieldcal.state import history
from fieldcal.state.history import Tally


def test_before_anything_the_way_to_begin_is_shown(fieldcal: Fieldcal) -> None:
    said = fieldcal("status")
    assert (said.status, said.err) == (0, "")
    assert "service: not running" in said.out
    assert "`fieldcal environment add`" in said.out


def test_a_healthy_environment_shows_mailboxes_events_passes_and_nothing_that_waits(
    attached: Company, fieldcal: Fieldcal
) -> None:
    (first,) = fieldcal("status", "--json").json()["environments"]
    assert first["backlog"]["waiting"] > 10
    assert first["backlog"]["oldest"] is not None
    (did,) = fieldcal("sync", "--json").json()
    fieldcal("sync")
    (now,) = fieldcal("status", "--json").json()["environments"]
    assert (now["environment"], now["enabled"], now["error"]) == (ENVIRONMENT, True, "")
    assert now["mailboxes"] == {"total": 3, "enabled": 3, "by_status": {"success": 3}, "troubled": 0}
    assert now["backlog"] == {"waiting": 0, "closed": 0, "set_aside": 0, "oldest": None}
    assert (now["events"], now["churn"], now["held_plans"]) == (did["created"], 0, 0)
    assert (now["passes"], now["writes_per_pass"]) == (2, did["created"] / 2)
    assert now["next_read"] > now["last_read"]
    people = fieldcal("status").out
    assert "mailboxes: 3: 3 enabled, 0 in trouble; 3 success" in people
    assert "churn 0" in people


def test_what_is_wrong_shows_alerts_pauses_and_what_waits_for_closed_mailboxes(
    attached: Company, fieldcal: Fieldcal
) -> None:
    sick, off, _ = attached.sample.mailboxes
    assert fieldcal("mailbox", "disable", off.address, "--yes").status == 0
    attached.exchange.control.add_fault(
        Fault(kind="status", status=503, times=None, match=Match(path=f"/users/{sick.object_id}|batch"))
    )
    assert fieldcal("sync").status == 1
    told = fieldcal("status", "--json").json()
    (now,) = told["environments"]
    assert now["mailboxes"]["enabled"] == 2
    assert now["backlog"]["closed"] > 0
    assert now["backlog"]["waiting"] > 0
    assert now["alerts"]
    assert told["pauses"]
    people = fieldcal("status").out
    assert "paused: " in people
    assert "warning: " in people


def test_a_person_without_a_role_sees_nothing(attached: Company, fieldcal: Fieldcal) -> None:
    assert fieldcal("user", "add", "kim").status == 0
    said = fieldcal("status", "--as", "kim")
    assert (said.status, said.out, len(said.err.splitlines())) == (1, "", 1)


def test_churn_of_the_last_passes_is_added_up(attached: Company, fieldcal: Fieldcal) -> None:
    fieldcal("sync")
    with attached.state() as database, database.write() as tx:
        for number, churn in enumerate((2, 0, 3)):
            history.begin(tx, ENVIRONMENT, f"run-{number}", "scheduled", NOW)
            history.end(tx, f"run-{number}", Tally(updated=9, uncalled=churn), "", NOW)
    (now,) = fieldcal("status", "--json").json()["environments"]
    assert now["churn"] == 5
    assert "churn 5" in fieldcal("status").out
