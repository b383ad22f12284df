"""Lists on the command line: bookings that are missing or in trouble, and mailboxes narrowed as on the page."""

from __future__ import annotations

from datetime import timedelta

from tests.cli.company import ENVIRONMENT, PROFILE, Company
from tests.cli.conftest import Fieldcal

from fieldcal.clock import SystemClock
from fieldcal.state import pauses


def test_bookings_and_mailboxes_are_listed_as_the_pages_list_them(attached: Company, fieldcal: Fieldcal) -> None:
    box = attached.sample.mailboxes[0]
    assert fieldcal("mailbox", "disable", box.address, "--yes").status == 0
    assert fieldcal("sync").status == 0
    everything = fieldcal("booking", "list", "--limit", "1000", "--json").json()
    assert everything["total"] == len(everything["bookings"]) > 20
    missing = fieldcal("booking", "list", "--show", "missing", "--worker", box.name, "--json").json()
    assert missing["total"] == len(missing["bookings"]) > 0
    assert {(one["worker"], one["standing"]) for one in missing["bookings"]} == {(box.name, "none")}
    assert all("switched off" in one["why"] for one in missing["bookings"])
    said = fieldcal("booking", "list", "--show", "missing", "--worker", box.name, "--limit", "1")
    assert (said.status, f"1 of {missing['total']}" in said.out, "switched off" in said.out) == (0, True, True)
    trouble = fieldcal("booking", "list", "--show", "trouble")
    assert (trouble.status, trouble.out) == (0, f"No booking of {ENVIRONMENT} is in this selection.\n")
    wrong = fieldcal("booking", "list", "--since", "soon")
    assert (wrong.status, wrong.err.count("\n"), "--since: soon is no time" in wrong.err) == (1, 1, True)

    def listed(*words: str) -> set[str]:
        return {one["address"] for one in fieldcal("mailbox", "list", *words, "--json").json()["mailboxes"]}

    with attached.state() as database, database.write() as tx:
        pauses.pause(tx, attached.sample.mailboxes[1].object_id, SystemClock().now() + timedelta(hours=1), "it asked")
    addresses = [one.address for one in attached.sample.mailboxes]
    assert listed("--standing", "off") == {addresses[0]}
    assert listed("--profile", PROFILE, "--test", "success", "--approval", "approved", "--paused") == {addresses[1]}
    assert listed("--not-paused", "--standing", "written") == set(addresses[2:])
    assert listed("--method", "none") == listed("--profile", "-") == set()
    assert "is in this selection" in fieldcal("mailbox", "list", "--alerts", "error", "--standing", "off").out
