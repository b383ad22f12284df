"""The field service in a process of its own."""

import socket
import subprocess
import sys
import urllib.request

import msgspec
import pytest

from fieldcal.embedded.fieldservice import FieldService

COMMAND = [sys.executable, "-m", "fieldcal.embedded.fieldservice"]


def get(line, path):
    request = urllib.request.Request(line["url"] + path, headers={"Authorization": f"Bearer {line['token']}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return msgspec.json.decode(answer.read())


def post(line, path, body):
    headers = {"Authorization": f"Bearer {line['token']}", "Content-Type": "application/json"}
    request = urllib.request.Request(line["url"] + path, msgspec.json.encode(body), headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.headers["odata-entityid"]


def start(path, *options):
    command = [*COMMAND, "--database", str(path), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_it_prints_where_it_is_and_ends_quietly_when_told(tmp_path):
    with start(tmp_path / "fs.sqlite3", "--sample") as process:
        line = msgspec.json.decode(process.stdout.readline())
        detail = get(line, "/api/data/v9.2/RetrieveCurrentOrganization(AccessType='Default')")["Detail"]
        bookings = get(line, "/api/data/v9.2/bookableresourcebookings/$count")
        process.terminate()
        assert process.wait(10) == 0
        assert process.stderr.read() == b""
    assert (detail["TenantId"], detail["OrganizationId"]) == (line["tenant"], line["organization"])
    assert bookings == 150


def test_what_was_answered_is_there_after_a_kill(tmp_path):
    with start(tmp_path / "fs.sqlite3") as process:
        line = msgspec.json.decode(process.stdout.readline())
        where = post(line, "/api/data/v9.2/accounts", {"name": "Contoso"}).removeprefix(line["url"])
        process.kill()
    with start(tmp_path / "fs.sqlite3") as process:
        line = msgspec.json.decode(process.stdout.readline())
        assert get(line, where)["name"] == "Contoso"
        process.terminate()


@pytest.mark.parametrize(
    ("options", "status", "text"),
    [
        (["--client", "a"], 2, "--client and --secret go together."),
        (["--port", "{taken}"], 1, "cannot serve:"),
        (["--organization", "0a000000-0000-4000-8000-00000000000f"], 1, "cannot serve: this database belongs to"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(tmp_path, options, status, text):
    path = tmp_path / "fs.sqlite3"
    FieldService(path).close()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        given = [option.format(taken=taken.getsockname()[1]) for option in options]
        ended = subprocess.run(
            [*COMMAND, "--database", str(path), *given], capture_output=True, timeout=30, check=False
        )
    lines = ended.stderr.decode().splitlines()
    assert (ended.returncode, len(lines)) == (status, 1)
    assert lines[0].startswith(text)
