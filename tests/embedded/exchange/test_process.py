from __future__ import annotations

import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from urllib.parse import urlencode

import msgspec
import pytest

from fieldcal.embedded.exchange import Exchange, NewMailbox


@pytest.fixture
def started(tmp_path, anna):
    """An Exchange in a process of its own, with one mailbox made before it starts."""
    path = tmp_path / "exchange.db"
    with Exchange(path) as exchange:
        exchange.store.mailboxes.add([NewMailbox(anna, "anna@contoso.test", "Anna Berg")])
    command = [sys.executable, "-m", "fieldcal.embedded.exchange", "--database", str(path), "--sandbox"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        yield path, process, msgspec.json.decode(process.stdout.readline())
        if process.poll() is None:
            process.terminate()
        assert process.wait(10) in {0, -9}
        assert process.stderr.read() == b""


def post(line, path, body, trust=None):
    headers = {"Authorization": f"Bearer {line['token']}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{line['url']}{path}", msgspec.json.encode(body), headers)
    with urllib.request.urlopen(request, timeout=10, context=trust) as answer:
        return msgspec.json.decode(answer.read())


def test_it_runs_in_a_process_of_its_own_and_shares_its_file_with_the_workers_hands(started, events, make, anna):
    path, _, line = started
    made = post(line, f"/v1.0{events}", make())
    with Exchange(path) as beside:
        (event,) = beside.hands.look(anna)
        assert event.subject == made["subject"]
        beside.hands.edit(anna, event, {"subject": "Mine"})
        beside.hands.add(anna, make("Dentist"))
    batch = {"requests": [{"id": "1", "method": "GET", "url": events}]}
    shown = post(line, "/v1.0/$batch", batch)["responses"][0]["body"]["value"]
    assert [event["subject"] for event in shown] == ["Mine", "Dentist"]


def test_what_was_answered_with_201_is_there_after_a_kill(started, events, make, anna):
    path, process, line = started
    post(line, f"/v1.0{events}", make())
    process.kill()
    process.wait(10)
    with Exchange(path) as after:
        assert [event.subject for event in after.hands.look(anna)] == ["Boiler service"]


def test_bad_arguments_are_told_in_one_line(tmp_path):
    command = [
        sys.executable,
        "-m",
        "fieldcal.embedded.exchange",
        "--database",
        str(tmp_path / "x.db"),
        "--client",
        "a",
    ]
    ended = subprocess.run(command, capture_output=True, timeout=30, check=False)
    assert (ended.returncode, ended.stderr) == (2, b"--client and --secret go together.\n")


def test_a_client_signs_in_over_tls_with_its_secret_and_uses_the_token(tmp_path, events, make, anna):
    path, folder = tmp_path / "exchange.db", tmp_path / "tls"
    folder.mkdir()
    with Exchange(path) as exchange:
        exchange.store.mailboxes.add([NewMailbox(anna, "anna@contoso.test", "Anna Berg")])
    command = [sys.executable, "-m", "fieldcal.embedded.exchange", "--database", str(path), "--tls", str(folder)]
    with subprocess.Popen([*command, "--client", "app", "--secret", "s3cret"], stdout=subprocess.PIPE) as process:
        line = msgspec.json.decode(process.stdout.readline())
        trust = ssl.create_default_context(cafile=folder / "ca.pem")
        form = {
            "grant_type": "client_credentials",
            "client_id": "app",
            "client_secret": "s3cret",
            "scope": "https://graph.microsoft.com/.default",
        }
        sign_in = f"{line['url']}/{line['tenant']}/oauth2/v2.0/token"
        with urllib.request.urlopen(sign_in, urlencode(form).encode(), timeout=10, context=trust) as answer:
            token = msgspec.json.decode(answer.read())["access_token"]
        made = post({**line, "token": token}, f"/v1.0{events}", make(), trust)
        form["client_secret"] = "wrong"
        with pytest.raises(urllib.error.HTTPError, match="401") as refused:
            urllib.request.urlopen(sign_in, urlencode(form).encode(), timeout=10, context=trust)
        refused.value.close()
        process.terminate()
    assert line["url"].startswith("https://")
    assert made["subject"] == "Boiler service"
