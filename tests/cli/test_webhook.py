"""`fieldcal environment webhook`: registered, told, tried, repaired and removed by command; and bookings in seconds."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.cli.company import ENVIRONMENT, Company
from tests.cli.conftest import Fieldcal, Said
from tests.cli.processes import running
from tests.cli.test_serve import ask, data, run_file, signed_in, template, until  # noqa: F401 - two of them are fixtures

from fieldcal.clock import SystemClock
from fieldcal.embedded.faults import Fault, Match
from fieldcal.sources.dataverse.webhook import WebhookRegistrar
from fieldcal.state import audit, webhooks

WEBHOOK = ("environment", "webhook")


@pytest.fixture
def plain(company: Company, fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch) -> Company:
    company.attach(fieldcal, monkeypatch)
    return company


def secret_of(company: Company) -> str:
    (row,) = company.field_service.store.rows("serviceendpoint")
    return str(row["authvalue"]).partition('value="')[2].partition('"')[0]


def registered(said: Said) -> bool:
    """It was registered, and nobody answered the test call: no success, for no booking would come."""
    return (said.status, "announces its bookings" in said.out) == (1, True)


def test_what_is_registered_is_told_compared_and_taken_back_and_the_secret_is_never_shown(
    plain: Company, fieldcal: Fieldcal
) -> None:
    said = [fieldcal(*WEBHOOK, "add", ENVIRONMENT, "--url", "http://127.0.0.1:9")]
    assert registered(said[0]), said[0].err
    assert "made the endpoint Fieldcal main (" in said[0].out
    assert "but a test call of http://127.0.0.1:9/hooks/main got no answer" in said[0].out
    first = secret_of(plain)
    said += [fieldcal(*WEBHOOK, "show", ENVIRONMENT), fieldcal(*WEBHOOK, "show", ENVIRONMENT, "--json"), fieldcal("doctor"),
             fieldcal("status"), fieldcal("environment", "show", ENVIRONMENT, "--json")]  # fmt: skip
    assert [one.status for one in said] == [1, 0, 0, 0, 0, 0]
    assert "registered as it should be" in said[1].out
    assert "the last notification never yet" in said[4].out
    # a hand is at it: told, and mended by the next add, which renews the secret
    step = plain.field_service.store.rows("sdkmessageprocessingstep")[0]
    plain.field_service.store.change("sdkmessageprocessingstep", step["sdkmessageprocessingstepid"], {"statecode": 1})
    said.append(fieldcal(*WEBHOOK, "show", ENVIRONMENT))
    assert (said[-1].status, "is disabled" in said[-1].out) == (1, True)
    said.append(fieldcal(*WEBHOOK, "add", ENVIRONMENT, "--url", "http://127.0.0.1:9", "--json"))
    did = msgspec.json.decode(said[-1].out)
    assert (said[-1].status, did["called"]["ok"]) == (1, False)
    assert [line.split()[0] for line in did["done"]] == ["renewed", "repaired"]
    second = secret_of(plain)
    # it has to go before its environment does
    said.append(fieldcal("environment", "remove", ENVIRONMENT, "--yes"))
    assert f"fieldcal environment webhook remove {ENVIRONMENT}" in said[-1].err
    said.append(fieldcal(*WEBHOOK, "remove", ENVIRONMENT, "--yes", "--json"))
    assert said[-1].json()["removed"] == 4
    assert plain.field_service.store.rows("serviceendpoint") == []
    assert fieldcal("environment", "remove", ENVIRONMENT, "--yes").status == 0
    assert first != second
    for secret in (first, second):
        assert len(secret) >= 43
        assert not any(secret in one.out + one.err for one in said)
        assert secret.encode() not in (plain.folder / "data" / "state.sqlite3").read_bytes()
    with plain.state() as database, database.read() as tx:
        actions = [line.action for line in audit.latest(tx)]
    assert actions.count("environment webhook add") == 2
    assert actions.count("environment webhook remove") == 1


def test_another_credential_registers_once_and_is_not_kept(
    plain: Company, fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADMIN_TOKEN", plain.field_service.tokens.grant(plain.source_url))
    monkeypatch.setenv("SOURCE_TOKEN", "no longer good")
    url = ("--url", "http://127.0.0.1:9")
    assert fieldcal(*WEBHOOK, "add", ENVIRONMENT, *url).status == 1
    with plain.state() as database, database.read() as tx:
        assert webhooks.everyone(tx) == {}
    assert registered(fieldcal(*WEBHOOK, "add", ENVIRONMENT, *url, "--secret", "env:ADMIN_TOKEN"))
    assert fieldcal(*WEBHOOK, "show", ENVIRONMENT).status == 1
    assert fieldcal(*WEBHOOK, "show", ENVIRONMENT, "--secret", "env:ADMIN_TOKEN").status == 0
    assert fieldcal("environment", "show", ENVIRONMENT, "--json").json()["secret"] == "env:SOURCE_TOKEN"
    assert b"ADMIN_TOKEN" not in (plain.folder / "data" / "state.sqlite3").read_bytes()
    # the source is out of reach for good: forgotten here
    assert fieldcal(*WEBHOOK, "remove", ENVIRONMENT, "--yes").status == 1
    assert fieldcal(*WEBHOOK, "remove", ENVIRONMENT, "--forget", "--yes").status == 0
    with plain.state() as database, database.read() as tx:
        assert webhooks.everyone(tx) == {}


def test_what_cannot_be_registered_leaves_the_secret_before_in_force(plain: Company, fieldcal: Fieldcal) -> None:
    assert registered(fieldcal(*WEBHOOK, "add", ENVIRONMENT, "--url", "http://127.0.0.1:9"))
    secret = secret_of(plain)
    fault = Fault(kind="status", status=403, match=Match(method="PATCH", path="serviceendpoints"))
    plain.field_service.control.add_fault(fault)
    said = fieldcal(*WEBHOOK, "add", ENVIRONMENT, "--url", "http://127.0.0.1:9")
    assert (said.status, len(said.err.splitlines())) == (1, 1)
    with plain.state() as database, database.read() as tx:
        known = webhooks.find(tx, ENVIRONMENT)
    assert known is not None
    assert known.knows(secret.encode(), known.renewed_at + timedelta(days=30))
    assert fieldcal(*WEBHOOK, "add", ENVIRONMENT, "--url", "http://fieldcal.example.com").status == 1
    assert fieldcal(*WEBHOOK, "add", "nowhere", "--url", "https://fieldcal.example.com").status == 1
    assert fieldcal("user", "add", "eve").status == 0
    assert fieldcal(*WEBHOOK, "remove", ENVIRONMENT, "--yes", "--as", "eve").status == 1


@pytest.mark.parametrize("cut", ["PATCH sdkmessageprocessingsteps", "answer", "killed before", "killed after"])
def test_a_renewal_that_is_cut_off_anywhere_loses_no_notification_until_one_is_finished(
    plain: Company, fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    add = (*WEBHOOK, "add", ENVIRONMENT, "--url", "http://127.0.0.1:9")
    assert registered(fieldcal(*add))
    first, put = secret_of(plain), WebhookRegistrar.put
    step = plain.field_service.store.rows("sdkmessageprocessingstep")[0]
    plain.field_service.store.change("sdkmessageprocessingstep", step["sdkmessageprocessingstepid"], {"statecode": 1})

    async def killed(self: WebhookRegistrar, url: str, secret: str) -> Any:
        if cut == "killed after":
            await put(self, url, secret)
        raise KeyboardInterrupt

    if cut.startswith("killed"):
        monkeypatch.setattr(WebhookRegistrar, "put", killed)
    elif cut == "answer":
        lost = Fault(kind="drop_after", match=Match(method="PATCH", path="serviceendpoints"), times=2)
        plain.field_service.control.add_fault(lost)
    else:
        refused = Match(method="PATCH", path="sdkmessageprocessingsteps")
        plain.field_service.control.add_fault(Fault(kind="status", status=403, match=refused, times=2))
    # twice, for the second must not forget what the first left in doubt
    secrets = [first]
    for _ in range(2):
        assert not registered(fieldcal(*add))
        secrets.append(secret_of(plain))
    later = SystemClock().now() + timedelta(days=30)
    with plain.state() as database, database.read() as tx:
        known = webhooks.find(tx, ENVIRONMENT)
    assert known is not None
    assert [known.knows(one.encode(), later) for one in secrets] == [True, True, True]
    said = fieldcal(*WEBHOOK, "show", ENVIRONMENT)
    assert (said.status, "was not finished" in said.out) == (1, True)
    monkeypatch.setattr(WebhookRegistrar, "put", put)
    plain.field_service.control.clear_faults()
    assert registered(fieldcal(*add))
    with plain.state() as database, database.read() as tx:
        known = webhooks.find(tx, ENVIRONMENT)
    assert known is not None
    assert known.knows(secret_of(plain).encode(), later)
    assert not any(known.knows(one.encode(), later) for one in secrets)
    assert fieldcal(*WEBHOOK, "show", ENVIRONMENT).status == 0


def test_a_booking_that_is_announced_is_in_the_calendar_long_before_the_next_pass(
    data: Path,  # noqa: F811 - the fixture
    fieldcal: Fieldcal,
) -> None:
    anywhere = "127.0.0.1:0"
    with running(
        "fieldcal", "serve", FIELDCAL_DATA=str(data), FIELDCAL_LISTEN=anywhere, FIELDCAL_LISTEN_HOOKS=anywhere
    ) as service:
        service.until("Stop with Ctrl-C.")
        told: Any = run_file(data)
        source = told["ends"]["fieldservice"]
        assert fieldcal(*WEBHOOK, "show", "main").status == 1
        assert fieldcal(*WEBHOOK, "add", "main", "--url", told["hooks"], "--json").json()["called"]["ok"]
        assert fieldcal(*WEBHOOK, "show", "main").status == 0
        until(lambda: fieldcal("status", "--json").json()["environments"][0]["backlog"]["waiting"] == 0)
        token = signed_in(told["ends"], source)
        rows = f"{source}/api/data/v9.2/bookableresourcebookings"
        (row,) = json.loads(ask(f"{rows}?$select=name&$top=1&$orderby=starttime%20desc", token=token)[1])["value"]
        change = {"starttime": "2100-01-01T05:00:00Z", "endtime": "2100-01-01T06:00:00Z"}
        assert ask(f"{rows}({row['bookableresourcebookingid']})", "PATCH", token, change)[0] == 204
        until(lambda: fieldcal("status", "--json").json()["environments"][0]["notified"] is not None)
        lines = {line["what"]: line for line in fieldcal("doctor", "--json").json()}
        assert lines["environment main: webhook call"]["level"] == "ok"
        assert lines["environment main: notifications"]["level"] == "ok"
        # the way in is the only thing that is public
        assert ask(f"{told['hooks']}/health")[0] == 404
        assert ask(f"{told['hooks']}/hooks/main", "POST", body={})[0] == 404
        with closing(sqlite3.connect(data / "state.sqlite3")) as state:
            until(lambda: state.execute("SELECT changes FROM passes WHERE kind = 'hinted'").fetchall() == [(1,)])
        assert fieldcal(*WEBHOOK, "remove", "main", "--yes").status == 0


@pytest.mark.parametrize("listens", ["127.0.0.1:0", ""])
def test_a_webhook_of_the_embedded_field_service_follows_a_service_that_starts_at_another_address(
    data: Path,  # noqa: F811 - the fixture
    fieldcal: Fieldcal,
    listens: str,
) -> None:
    assert registered(fieldcal(*WEBHOOK, "add", "main", "--url", "http://127.0.0.1:9"))
    serve = {"FIELDCAL_DATA": str(data), "FIELDCAL_LISTEN": "127.0.0.1:0", "FIELDCAL_LISTEN_HOOKS": listens}
    with running("fieldcal", "serve", **serve) as service:
        service.until("Stop with Ctrl-C.")
        told: Any = run_file(data)
        lines = {line["what"]: line for line in fieldcal("doctor", "--json").json()}
        shown = fieldcal(*WEBHOOK, "show", "main")
    if listens:
        assert lines["environment main: webhook call"]["level"] == "ok"
        assert (shown.status, told["hooks"] in shown.out) == (0, True)
    else:
        assert lines["environment main: webhook"]["level"] == "ok"
        assert "environment main: webhook call" not in lines
