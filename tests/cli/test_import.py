"""`mailbox import`: shown first, asked, carried out; whom Microsoft's own sync serves is left out unless accepted."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.company import Company, company
from tests.cli.conftest import Fieldcal

from fieldcal.embedded.faults import Fault, Match

#: Microsoft's own sync serves the first again; the sample's last two are not set up there.
SERVED = 0


@pytest.fixture
def at_work(fieldcal: Fieldcal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with company(tmp_path, workers=5, bookings=40) as made:
        made.attach(fieldcal, monkeypatch)
        store, address = made.field_service.store, made.sample.mailboxes[SERVED].address
        [user] = [row for row in store.rows("systemuser") if row["internalemailaddress"] == address]
        store.create("bookableresourcebookingexchangesyncidmapping", {"userid": user["systemuserid"]})
        yield made


def standings(said: dict[str, object], at: Company) -> list[str]:
    told = {row["mailbox"]: row["import"] for row in said["mailboxes"]}  # type: ignore[index,attr-defined]
    return [told[box.object_id] for box in at.sample.mailboxes]


def enabled(fieldcal: Fieldcal, at: Company) -> list[bool]:
    told = {row["mailbox"]: row["enabled"] for row in fieldcal("mailbox", "list", "--json").json()["mailboxes"]}
    return [told[box.object_id] for box in at.sample.mailboxes]


EXPECTED = [
    "served by Microsoft's own booking sync", "to be imported", "to be imported", "not set up in the source",
    "not set up in the source",
]  # fmt: skip


def test_r6_d9_f53_who_is_set_up_there_starts_at_once_and_who_is_served_there_is_left_out(
    at_work: Company, fieldcal: Fieldcal
) -> None:
    said = fieldcal("mailbox", "import", "--dry-run", "--json")
    assert (said.status, standings(said.json(), at_work)) == (0, EXPECTED)
    assert enabled(fieldcal, at_work) == [False] * 5
    told = fieldcal("mailbox", "import", "--dry-run")
    assert "its e-mail waits for approval" in told.out
    assert "Nothing was changed" in told.out

    refused = fieldcal("mailbox", "import")
    assert refused.status == 1
    assert "nothing was done: Import 2 mailboxes of main through exchange" in refused.err

    before = at_work.field_service.control.counts()
    done = fieldcal("mailbox", "import", "--yes")
    assert done.status == 1, "somebody was left out"
    assert "Imported through exchange: 2; switched on: 2." in done.out
    assert "--accept-copies" in done.out
    assert enabled(fieldcal, at_work) == [False, True, True, False, False]
    after = at_work.field_service.control.counts()
    assert after["request"].keys() == before["request"].keys() == {"GET"}

    assert fieldcal("sync").status == 0
    counts = [len(events) for events in at_work.events().values()]
    assert [bool(count) for count in counts] == [False, True, True, False, False]

    accepted = fieldcal("mailbox", "import", "--accept-copies", "--yes", "--json")
    assert accepted.status == 0
    assert [row["address"] for row in accepted.json()["tested"]] == [at_work.sample.mailboxes[SERVED].address]
    assert enabled(fieldcal, at_work) == [True, True, True, False, False]
    assert fieldcal("mailbox", "import", "--yes").status == 0, "again: nobody is left to be imported"


@pytest.mark.parametrize(
    ("path", "message"),
    [(r"/mailboxes\?", "may not read the table mailboxes"), ("idmappings", "it cannot be told")],
)
def test_a_missing_privilege_imports_nobody_unseen(
    at_work: Company, fieldcal: Fieldcal, path: str, message: str
) -> None:
    fault = Fault(kind="status", status=403, code="0x80040220", match=Match(path=path), times=None)
    at_work.field_service.control.add_fault(fault)
    said = fieldcal("mailbox", "import", "--yes")
    assert said.status == 1
    assert message in said.out + said.err
    assert enabled(fieldcal, at_work) == [False] * 5


def test_nobody_known_yet_says_what_reads_the_workers(fieldcal: Fieldcal) -> None:
    url = ("--url", "https://x.example", "--secret", "env:TOKEN", "--offline")
    assert fieldcal("environment", "add", "main", *url).status == 0
    said = fieldcal("mailbox", "import")
    assert said.status == 1
    assert "`fieldcal sync --dry-run` reads the workers" in said.err
