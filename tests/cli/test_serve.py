"""`fieldcal serve` as a process of its own: schedule, announcements, wishes of other commands, its run file, its end."""

from __future__ import annotations

import json
import shutil
import signal
import stat
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.cli.company import YES
from tests.cli.conftest import Fieldcal
from tests.cli.processes import PATIENCE, Process, running

from fieldcal.embedded.exchange import Exchange, NewMailbox
from fieldcal.embedded.fieldservice import FieldService
from fieldcal.embedded.fieldservice.sample import Sample, load_sample
from fieldcal.state import feeds, history
from fieldcal.state.database import Database


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first test leaves its set-up data folder for the others."""
    return tmp_path_factory.mktemp("template") / "data"


@pytest.fixture
def data(tmp_path: Path, fieldcal: Fieldcal, template: Path) -> Path:
    """A data folder with both embedded systems attached and the sample organization set up by command."""
    folder = tmp_path / "data"
    if not template.exists():
        set_up(folder, fieldcal)
        shutil.copytree(folder, template)
    elif not folder.exists():
        shutil.copytree(template, folder)
    return folder


def set_up(folder: Path, fieldcal: Fieldcal) -> None:
    assert fieldcal("environment", "add", "main", "--credential", "embedded").status == 0
    assert fieldcal("profile", "add", "exchange", "--credential", "embedded").status == 0
    fill(folder)
    for words in (
        ("sync", "--dry-run"), ("mailbox", "edit", *YES, "--profile", "exchange", "--method", "server-side-sync"),
        ("mailbox", "approve", *YES), ("mailbox", "test", *YES),
    ):  # fmt: skip
        said = fieldcal(*words)
        assert said.status == 0, said.err
    # At night the service would begin with a check: one that was done just now leaves every hour alike.
    with state(folder) as database, database.write() as tx:
        feeds.change(tx, "main", last_check_at=datetime.now(UTC))


def state(folder: Path) -> AbstractContextManager[Database]:
    """The state in this data folder, for the block."""
    return closing(Database(f"sqlite:///{folder / 'state.sqlite3'}"))


def fill(folder: Path) -> Sample:
    field_service = FieldService(folder / "fieldservice.sqlite3")
    try:
        sample = load_sample(field_service.store, workers=3, bookings=45)
    finally:
        field_service.close()
    with Exchange(folder / "exchange.sqlite3") as exchange:
        import uuid

        exchange.store.mailboxes.add(
            NewMailbox(uuid.UUID(box.object_id), box.address, box.name, zone=box.zone) for box in sample.mailboxes
        )
    return sample


@pytest.fixture
def service(data: Path) -> Iterator[Process]:
    with serving(data) as process:
        yield process


def serving(data: Path) -> Any:
    return running("fieldcal", "serve", FIELDCAL_DATA=str(data), FIELDCAL_LISTEN="127.0.0.1:0")


def run_file(data: Path) -> Any:
    return json.loads((data / "service.json").read_text())


def ask(url: str, method: str = "GET", token: str = "", body: Any = None) -> tuple[int, str]:
    request = urllib.request.Request(url, method=method, data=None if body is None else json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read().decode()


def signed_in(ends: Any, url: str) -> str:
    form = f"grant_type=client_credentials&client_id={ends['client_id']}&client_secret={ends['secret']}"
    request = urllib.request.Request(
        f"{url}/{ends['tenant']}/oauth2/v2.0/token", f"{form}&scope={url}/.default".encode()
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return str(json.load(answer)["access_token"])


def until(condition: Callable[[], bool]) -> None:
    """Return when it holds; looked at again and again for as long as `PATIENCE`."""
    deadline, pause = time.monotonic() + PATIENCE, threading.Event()
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        pause.wait(0.05)


def test_what_is_booked_while_it_serves_is_in_the_calendar_long_before_the_next_pass(
    data: Path, service: Process, fieldcal: Fieldcal
) -> None:
    service.until("Stop with Ctrl-C.")
    ends = run_file(data)["ends"]
    source, graph = ends["fieldservice"], ends["exchange"]
    dispatcher, reader = signed_in(ends, source), signed_in(ends, graph)
    until(lambda: fieldcal("status", "--json").json()["environments"][0]["backlog"]["waiting"] == 0)
    status, text = ask(f"{source}/api/data/v9.2/bookableresourcebookings?$filter=statecode eq 0&$top=1&$orderby="
                       "starttime desc".replace(" ", "%20"), token=dispatcher)  # fmt: skip
    assert status == 200
    (row,) = json.loads(text)["value"]
    tomorrow = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 86_400))
    change = {"starttime": f"{tomorrow}T05:00:00Z", "endtime": f"{tomorrow}T05:45:00Z", "name": "Boiler stands still"}
    address = f"{source}/api/data/v9.2/bookableresourcebookings({row['bookableresourcebookingid']})"
    assert ask(address, "PATCH", dispatcher, change)[0] == 204
    status, text = ask(
        f"{source}/api/data/v9.2/bookableresources({row['_resource_value']})?$select=name&$expand=UserId($select="
        "azureactivedirectoryobjectid)",
        token=dispatcher,
    )
    box = json.loads(text)["UserId"]["azureactivedirectoryobjectid"]
    view = f"startDateTime={tomorrow}T00:00:00Z&endDateTime={tomorrow}T23:00:00Z"

    def shown() -> bool:
        status, text = ask(f"{graph}/v1.0/users/{box}/calendarView?{view}", token=reader)
        assert status == 200
        return any(event["start"]["dateTime"].startswith(f"{tomorrow}T05:00") for event in json.loads(text)["value"])

    until(shown)
    passes = fieldcal("status", "--json").json()["environments"][0]
    assert passes["last_pass"]["kind"] in {"announced", "scheduled", "retry"}


def test_what_a_command_has_written_is_carried_by_the_service_that_runs_and_causes_one_pass(
    data: Path, service: Process, fieldcal: Fieldcal
) -> None:
    service.until("Stop with Ctrl-C.")

    def ended() -> list[history.Pass]:
        with state(data) as database, database.read() as tx:
            return [one for one in history.last_passes(tx, "main") if one.ended_at is not None]

    until(lambda: fieldcal("status", "--json").json()["environments"][0]["backlog"]["waiting"] == 0 and bool(ended()))
    assert "announced" not in {one.kind for one in ended()}
    field_service = FieldService(data / "fieldservice.sqlite3")
    now, orders = datetime.now(UTC), field_service.store.rows("msdyn_workorder")
    coming = {
        row["msdyn_workorder"] for row in field_service.store.rows("bookableresourcebooking")
        if now + timedelta(days=1) < datetime.fromisoformat(row["starttime"]) < now + timedelta(days=10)
    }  # fmt: skip
    number = next(row["msdyn_name"] for row in orders if row["msdyn_workorderid"] in coming)
    field_service.close()
    said = fieldcal("schedule", "cancel", number, "-e", "main", "--yes")
    assert (said.status, said.out.startswith("Canceled: work order")) == (0, True), said
    until(lambda: any(one.kind == "announced" for one in ended()))
    (carried,) = [one for one in ended() if one.kind == "announced"]
    assert carried.tally.updated > 0


def test_sync_asks_the_service_that_runs_and_waits_for_it(data: Path, service: Process, fieldcal: Fieldcal) -> None:
    service.until("Stop with Ctrl-C.")
    (first,) = fieldcal("sync", "--json").json()
    (second,) = fieldcal("sync", "--json").json()
    assert (first["failed"], first["error"]) == (0, "")
    assert (second["created"], second["updated"], second["requests"]["calendars"]) == (0, 0, 0)
    told = fieldcal("status", "--json").json()
    with state(data) as database, database.read() as tx:
        # Which one was the last is chance: the service's own first pass may come between the two.
        assert [one.kind for one in history.last_passes(tx, "main", 10)].count("asked") == 2
    assert told["environments"][0]["events"] > 10
    assert told["service"]["pid"] == service.pid
    box = json.loads(fieldcal("mailbox", "list", "--json").out)
    address = (box["mailboxes"] if isinstance(box, dict) else box)[0]["address"]
    assert fieldcal("sync", "--mailbox", address).status == 0
    for words in (("check",), ("sync", "--dry-run"), ("doctor",)):
        assert fieldcal(*words).status == 0


def test_its_own_end_hears_only_who_has_the_run_file(data: Path, service: Process) -> None:
    service.until("Stop with Ctrl-C.")
    told = run_file(data)
    assert stat.S_IMODE((data / "service.json").stat().st_mode) == 0o600
    url, token = told["url"], told["token"]
    assert url.startswith("http://127.0.0.1:")
    assert ask(f"{url}/health")[0] == 200
    assert json.loads(ask(f"{url}/health")[1])["status"] == "ok"
    for method, path in (("POST", "/sync"), ("POST", "/announce/main")):
        assert ask(url + path, method, body={"environment": "main"})[0] == 401
        assert ask(url + path, method, "wrong", {"environment": "main"})[0] == 401
    assert ask(f"{url}/announce/main", "POST", token, {})[0] == 202
    assert ask(f"{url}/sync", "POST", token, ["what?"])[0] == 400
    status, text = ask(f"{url}/sync", "POST", token, {"environment": "moon"})
    assert (status, "there is no environment 'moon'" in text) == (200, True)
    status, text = ask(f"{url}/sync", "POST", token, {"environment": "main"})
    last = json.loads(text.splitlines()[-1])
    assert (status, last["report"]["error"]) == (200, "")


def test_while_nobody_can_sign_in_the_start_prints_a_link_that_opens_the_admin_centre(service: Process) -> None:
    service.until("Stop with Ctrl-C.")
    (home,) = [line.split()[-1] for line in service.printed if line.startswith("admin centre")]
    (link,) = [line.strip() for line in service.printed if "/invitation/" in line]
    assert link.startswith(f"{home}/invitation/")
    status, page = ask(link)
    assert (status, "The first administrator" in page) == (200, True)
    assert ask(f"{home}/overview")[0] == 200
    assert "Sign in" in ask(f"{home}/overview")[1]


def test_a_second_service_on_the_same_state_gets_one_line(data: Path, service: Process, fieldcal: Fieldcal) -> None:
    service.until("Stop with Ctrl-C.")
    said = fieldcal("serve")
    assert (said.status, said.out, len(said.err.splitlines())) == (1, "", 1)
    assert f"a service is running on {data} (process {service.pid})" in said.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_it_is_asked_to_and_takes_its_run_file_along(
    data: Path, service: Process, fieldcal: Fieldcal, number: signal.Signals
) -> None:
    service.until("Stop with Ctrl-C.")
    service.signal(number)
    assert service.wait() == 0
    assert not any("Traceback" in line or "Exception" in line for line in service.printed)
    assert not (data / "service.json").exists()
    assert "No service is running" in fieldcal("status").out
    told = "\n".join(service.printed)
    for text in ("the service is at work", "version=0.1.0", "next_pass=now", "the service stops",
                 "the service has ended"):  # fmt: skip
        assert text in told
    assert fieldcal("sync").status == 0


def test_a_run_file_of_a_killed_service_is_recognised_as_a_dead_one_s(data: Path, fieldcal: Fieldcal) -> None:
    with serving(data) as service:
        service.until("Stop with Ctrl-C.")
        (address,) = [line for line in service.printed if "health" in line]
        service.signal(signal.SIGKILL)
        service.wait()
    assert (data / "service.json").exists()
    assert address.split()[1].startswith("http://127.0.0.1:")
    assert fieldcal("status", "--json").json()["service"] is None
    said = fieldcal("mailbox", "list")
    assert said.status == 0
    assert fieldcal("doctor").status == 0
    with serving(data) as again:
        again.until("Stop with Ctrl-C.")
        assert fieldcal("status", "--json").json()["service"]["pid"] == again.pid


def test_an_address_that_is_taken_is_one_line(
    data: Path, service: Process, fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    service.until("Stop with Ctrl-C.")
    taken = run_file(data)["url"].removeprefix("http://")
    monkeypatch.setenv("FIELDCAL_DATA", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("FIELDCAL_LISTEN", taken)
    said = fieldcal("serve")
    assert (said.status, len(said.err.splitlines())) == (1, 1)
    assert f"cannot listen on {taken}" in said.err


def test_with_the_json_log_every_line_is_one_object_from_the_start_to_the_end(data: Path, fieldcal: Fieldcal) -> None:
    settings = {"FIELDCAL_DATA": str(data), "FIELDCAL_LISTEN": "127.0.0.1:0", "FIELDCAL_LOG_FORMAT": "json"}
    with running("fieldcal", "serve", **settings) as service:
        service.until('"a pass is done"')
        people = fieldcal("status").out
        service.signal(signal.SIGTERM)
        assert service.wait() == 0
    lines = [json.loads(line) for line in service.printed]
    by_action = {line["action"]: line for line in reversed(lines)}
    assert {"started", "pass", "stopping", "stopped"} <= by_action.keys()
    started = by_action["started"]
    assert (started["version"], started["pid"], started["environments"]) == ("0.1.0", service.pid, ["main"])
    assert all(started[end].startswith("http://127.0.0.1:") for end in ("service", "field_service", "exchange"))
    assert by_action["pass"]["created"] > 10
    assert people.startswith("A service is running for ")
    assert "next in " in people
    text = "".join(service.printed)
    assert "/invitation/" not in text
    assert "secret" not in text
    assert "@" not in text
