"""Scheduling here, into the embedded Exchange: whoever is entered as a worker has a calendar to be set up."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from tests.cli.conftest import Fieldcal

from fieldcal.clock import SystemClock
from fieldcal.config import Config
from fieldcal.embedded.fieldservice.times import instant_text
from fieldcal.ends import schedule_store

WORKERS = "name,e-mail\nNora New,Nora.New@own.example\nOle Old,\n"


def test_a_worker_of_a_file_is_set_up_and_booked_without_dynamics_or_exchange(
    fieldcal: Fieldcal, tmp_path: Path
) -> None:
    file = tmp_path / "workers.csv"
    file.write_text(WORKERS, encoding="utf-8")
    for words in (
        ("environment", "add", "main", "--credential", "embedded"),
        ("profile", "add", "exchange", "--credential", "embedded"),
        ("schedule", "import", file, "--kind", "workers", "--yes"),
        ("sync",),
        ("mailbox", "edit", "--all", "--profile", "exchange", "--method", "server-side-sync", "--yes"),
        ("mailbox", "approve", "--all", "--yes"),
        ("mailbox", "test", "--all", "--yes"),
    ):
        said = fieldcal(*words)
        assert said.status == 0, (words, said.out, said.err)
    with schedule_store(Config(data=tmp_path / "data")) as store:
        nora = next(row["bookableresourceid"] for row in store.rows("bookableresource") if row["name"] == "Nora New")
        status = store.create("bookingstatus", {"name": "Scheduled", "status": 2})
        start = SystemClock().now() + timedelta(days=1)
        times = {"starttime": instant_text(start), "endtime": instant_text(start + timedelta(hours=1))}
        who = {"resource": nora, "bookingstatus": status}
        store.create("bookableresourcebooking", {"name": "Boiler", "duration": 60, **who, **times})
    assert fieldcal("sync", "--json").json()[0]["created"] == 1
    assert fieldcal("sync", "--json").json()[0]["created"] == 0


def test_a_user_is_found_by_address_in_any_case_and_by_object_id_while_enabled(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    with schedule_store(Config(data=folder)) as store:
        here, known = "Nora@own.example", "11111111-2222-4333-8444-555555555555"
        user = {"fullname": "Nora", "internalemailaddress": here, "azureactivedirectoryobjectid": known}
        store.create("systemuser", user)
        store.create("systemuser", {"fullname": "Gone", "internalemailaddress": "gone@own.example", "isdisabled": True})
        found = [store.user(named) for named in ("NORA@own.example", known.upper())]
        assert [one and one["fullname"] for one in found] == ["Nora", "Nora"]
        assert [store.user(named) for named in ("gone@own.example", "", "x@own.example", "%")] == [None] * 4
