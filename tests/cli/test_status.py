"""`fieldcal status`: what an operator sees at a glance."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from tests.cli.company import ENVIRONMENT, Company
from tests.cli.conftest import Fieldcal
from tests.values import NOW

from fieldcal.clock import SystemClock
from fieldcal.embedded.faults import Fault, Match
from fieldcal.model import BookingId, MailboxId
from fieldcal.standing import alive
from fieldcal.state import history, leases, marks, profiles
from fieldcal.state.history import INTERRUPTED, Line, Tally


def test_before_anything_the_way_to_begin_is_shown(fieldcal: Fieldcal, tmp_path: Path) -> None:
    missing = fieldcal("status")
    assert (missing.status, missing.out, missing.err.count("\n")) == (1, "", 1)
    assert "`fieldcal serve` makes it" in missing.err
    assert not (tmp_path / "data").exists(), "who only looks makes nothing"
    (tmp_path / "data").mkdir(mode=0o700)
    said = fieldcal("status")
    assert (said.status, said.err) == (0, "")
    assert said.out.startswith("No service is running: nothing is synchronized by itself. `fieldcal serve` starts one")
    assert "`fieldcal environment add NAME`" in said.out


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
    assert now["mailboxes"] == {
        "total": 3,
        "enabled": 3,
        "by_standing": {"written": 3},
        "by_status": {"success": 3},
        "troubled": 0,
    }
    assert now["backlog"] == {"waiting": 0, "closed": 0, "set_aside": 0, "oldest": None}
    assert now["next_read"] is None  # nobody reads by schedule
    assert (now["events"], now["churn"], now["held_plans"]) == (did["created"], 0, 0)
    assert (now["passes"], now["writes_per_pass"]) == (2, did["created"] / 2)
    people = fieldcal("status").out
    for text in ("3 known, 3 switched on\n", "churn 0", "waiting    nothing", "0 held for a person",
                 "not read again before a service runs"):  # fmt: skip
        assert text in people
    for text in ("in the way", "alert", "warning", "next in", "forecast", "paused"):
        assert text not in people
    assert (now["obstacles"], now["state_of_last"], now["forecast"]["state"]) == ([], "ended", "done")


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
    assert f"2 switched on, {now['mailboxes']['troubled']} of these could not be reached at the last try" in people
    assert now["mailboxes"]["troubled"] > 0
    assert re.search(rf"warning +{re.escape(sick.address)} \({sick.name}\): ", people)
    assert re.search(rf"paused until [0-9:]+Z  {re.escape(sick.address)}: ", people)
    assert sick.object_id not in people
    assert re.search(rf"switched off by .* \(1 mailbox\): `fieldcal mailbox enable {re.escape(off.address)}`", people)


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
    people = fieldcal("status").out
    assert "churn 5: so many of these writes followed no change and no fault" in people
    assert "please report it" in people


def test_what_stands_in_the_way_is_told_with_the_command_that_helps(attached: Company, fieldcal: Fieldcal) -> None:
    first = attached.sample.mailboxes[0]
    assert fieldcal("mailbox", "reject", first.address, "--yes").status == 0
    people = fieldcal("status").out
    assert f"the e-mail address was rejected (1 mailbox): `fieldcal mailbox approve {first.address}`" in people
    with attached.state() as database, database.write() as tx:
        profiles.save(tx, replace(profiles.get(tx, "exchange"), active=False))
    assert fieldcal("environment", "set", ENVIRONMENT, "--disable", "--yes").status == 0
    told = fieldcal("status", "--json").json()["environments"][0]["obstacles"]
    assert [(one["mailboxes"], one["remedy"]) for one in told] == [
        (0, f"`fieldcal environment set {ENVIRONMENT} --enable`"), (3, "`fieldcal profile activate exchange`"),
    ]  # fmt: skip
    people = fieldcal("status").out
    assert "the environment is switched off, so nothing is read and nothing is written: `fieldcal env" in people
    assert "the server profile exchange is not active (3 mailboxes): `fieldcal profile activate exchange`" in people


def test_before_the_first_look_at_the_source_the_way_to_the_mailboxes_is_shown(fieldcal: Fieldcal) -> None:
    assert fieldcal("environment", "add", "main", "--credential", "embedded", "--offline").status == 0
    people = fieldcal("status").out
    assert "no mailbox is known yet: `fieldcal sync --dry-run`" in people
    assert "last pass   none yet; `fieldcal sync` runs one" in people
    assert "source      never read to its end" in people


def test_a_pass_whose_process_was_killed_is_told_as_interrupted_and_stored_so_by_the_next(
    attached: Company, fieldcal: Fieldcal
) -> None:
    now = SystemClock().now()
    with attached.state() as database, database.write() as tx:
        history.begin(tx, ENVIRONMENT, "killed", "asked", now)
        made = [Line("box", f"b{n}", "create", "new", "done", n < 3, now) for n in range(5)]
        history.write(tx, ENVIRONMENT, "killed", made)
        dead = leases.take(tx, "mailbox:x", f"{socket.gethostname()}:{dead_process()}:a", now, timedelta(minutes=1))
    (told,) = fieldcal("status", "--json").json()["environments"]
    assert (told["state_of_last"], told["last_pass"]["ended_at"]) == ("interrupted", None)
    assert "it was interrupted, for its process ended before it did: 3 created, 0 updated, 0 removed, 2 failed" in (
        fieldcal("status").out
    )
    assert dead is not None
    with attached.state() as database, database.write() as tx:
        leases.give_back(tx, dead)
        at_work = leases.take(tx, "mailbox:x", f"{socket.gethostname()}:{os.getpid()}:a", now, timedelta(minutes=1))
    assert fieldcal("status", "--json").json()["environments"][0]["state_of_last"] == "under way"
    assert "it is under way" in fieldcal("status").out
    assert at_work is not None
    with attached.state() as database, database.write() as tx:
        leases.give_back(tx, at_work)
    assert fieldcal("sync").status == 0
    with attached.state() as database, database.read() as tx:
        passes = {one.id: one for one in history.last_passes(tx, ENVIRONMENT)}
    killed = passes.pop("killed")
    assert (killed.error, killed.tally) == (INTERRUPTED, Tally(created=3, failed=2))
    assert killed.ended_at is not None
    assert all(one.error == "" and one.ended_at for one in passes.values())


def dead_process() -> int:
    """The id of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        pass
    return child.pid


def test_a_holder_of_a_lease_lives_unless_this_machine_knows_better() -> None:
    here = socket.gethostname()
    assert alive(f"{here}:{os.getpid()}:a")
    assert not alive(f"{here}:{dead_process()}:a")
    assert alive("elsewhere:1:a")
    assert alive("unreadable")


def test_a_large_backlog_that_is_worked_off_has_a_forecast(attached: Company, fieldcal: Fieldcal) -> None:
    now, box = SystemClock().now(), MailboxId(attached.sample.mailboxes[0].object_id)
    with attached.state() as database, database.write() as tx:
        marks.mark(tx, ENVIRONMENT, [(box, BookingId(f"b{n}")) for n in range(400)], now, "enabled")
        history.begin(tx, ENVIRONMENT, "run", "asked", now - timedelta(seconds=60))
        then = [Line(box, f"a{n}", "create", "new", "done", True, now - timedelta(seconds=60 - n)) for n in range(60)]
        history.write(tx, ENVIRONMENT, "run", then)
    told = fieldcal("status", "--json").json()["environments"][0]["forecast"]
    assert (told["state"], told["waiting"] > 400) == ("working", True)
    assert told["seconds_left"] > 60
    assert 40 < told["per_minute"] <= 60
    assert "forecast" not in fieldcal("status").out  # nobody works it off
    with attached.state() as database, database.write() as tx:
        leases.take(tx, "mailbox:x", f"{socket.gethostname()}:{os.getpid()}:a", now, timedelta(minutes=1))
    assert re.search(
        r"forecast   first load: about \d+ min left: \d+ bookings wait, \d+ a minute", fieldcal("status").out
    )
