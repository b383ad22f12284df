"""`fieldcal alert test`, and what `status` and `doctor` tell of alerts by e-mail."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.cli.conftest import Fieldcal
from tests.engine.mail_server import Post, mail_server

from fieldcal.app import App
from fieldcal.config import load
from fieldcal.embedded.server import make_certificates
from fieldcal.serving import _upkeep
from fieldcal.state import posted
from fieldcal.state.database import Database
from fieldcal.state.posted import Posted

PASSWORD = "PLANTED-mail-password"


@pytest.fixture
def post(fieldcal: Fieldcal, tmp_path: Path, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Post]:
    """A mail server, and an installation that is set to use it."""
    (tmp_path / "data").mkdir()
    shutil.copyfile(sqlite_template, tmp_path / "data" / "state.sqlite3")
    certificates = make_certificates(tmp_path)
    with mail_server(Post(password=PASSWORD), certificates) as made:
        for name, value in {
            "SMTP_URL": f"smtp://fieldcal@127.0.0.1:{made.port}", "SMTP_PASSWORD": "env:POST_PASSWORD",
            "ALERT_MAIL_TO": "ops@x.example, eve@x.example", "ALERT_MAIL_FROM": "fieldcal@x.example",
            "CA_FILE": str(certificates.ca_file),
        }.items():  # fmt: skip
            monkeypatch.setenv(f"FIELDCAL_{name}", value)
        monkeypatch.setenv("POST_PASSWORD", PASSWORD)
        yield made


def test_a_test_mail_is_sent_and_who_gets_it_is_told(
    fieldcal: Fieldcal, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fieldcal("alert", "test").out == "A test mail was taken for ops@x.example, eve@x.example.\n"
    monkeypatch.setenv("FIELDCAL_ALERT_MAIL_LEVEL", "error")
    said = fieldcal("alert", "test", "--json").json()
    assert said == {"to": ["ops@x.example", "eve@x.example"], "levels": ["error"]}
    assert [one["From"] for one in post.letters] == ["fieldcal@x.example"] * 2
    monkeypatch.setenv("POST_PASSWORD", "other")
    refused = fieldcal("alert", "test")
    assert (refused.status, "refuses the sign-in" in refused.err) == (1, True)


def test_status_and_doctor_tell_that_letters_go_out_or_why_they_do_not(
    fieldcal: Fieldcal, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Alerts go out by e-mail; none was sent yet." in fieldcal("status").out
    database = Database("sqlite:///data/state.sqlite3")
    with database.write() as tx:
        posted.store(tx, Posted(None, 4, datetime.now(UTC), "the post office is closed"))
    database.close()
    told = fieldcal("status").out
    assert "Alerts do not go out by e-mail, since 4 tries" in told
    assert "the post office is closed" in told
    assert fieldcal("status", "--json").json()["mail"]["failures"] == 4
    doctor = fieldcal("doctor").out
    assert "fail  alerts by e-mail: not taken since 4 tries" in doctor
    monkeypatch.delenv("POST_PASSWORD")
    assert "alerts by e-mail: the secret env:POST_PASSWORD is not set" in fieldcal("doctor").out
    monkeypatch.delenv("FIELDCAL_SMTP_URL")
    refused = fieldcal("status")
    assert refused.status == 1
    assert "alerts by e-mail need FIELDCAL_SMTP_URL too" in refused.err
    for name in ("TO", "FROM"):
        monkeypatch.delenv(f"FIELDCAL_ALERT_MAIL_{name}")
    assert fieldcal("status", "--json").json()["mail"] is None
    assert "not set up (FIELDCAL_SMTP_URL)" in fieldcal("doctor").out
    nobody = fieldcal("alert", "test")
    assert "FIELDCAL_SMTP_URL is not set" in nobody.err


def test_the_service_mails_where_it_is_set_and_prunes_in_any_case(
    fieldcal: Fieldcal, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    def works() -> list[str]:
        app = App(load())
        found = list(_upkeep(app))
        for one in found:
            one.close()
        app.database.close()
        return [getattr(one, "__qualname__", "") for one in found]

    assert len(works()) == 2
    for name in ("SMTP_URL", "ALERT_MAIL_TO", "ALERT_MAIL_FROM"):
        monkeypatch.delenv(f"FIELDCAL_{name}")
    assert len(works()) == 1


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("SMTP_URL", "smtp://me:word@x.example", "the password does not belong here"),
        ("SMTP_PASSWORD", "word-of-mine", "never the password itself"),
        ("ALERT_MAIL_TO", "ops", "ops is no e-mail address"),
        ("ALERT_MAIL_FROM", "a@b\nBcc: c@d", "is no e-mail address"),
        ("ALERT_MAIL_LEVEL", "loud", "is none of warning, error"),
    ],
)
def test_a_mistake_in_the_settings_is_told_without_the_secret(
    fieldcal: Fieldcal, monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(f"FIELDCAL_{name}", value)
    said = fieldcal("status")
    assert said.status == 1
    assert says in said.err
    assert "word@" not in said.err
    assert "word-of-mine" not in said.err
