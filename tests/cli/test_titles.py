"""No secret stands where every user of the machine looks: in the title of a process of ours, or what it hands on."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from tests.cli.company import ENVIRONMENT, PROFILE, Company
from tests.cli.conftest import Fieldcal
from tests.cli.processes import Process, running
from tests.cli.test_serve import run_file, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def family(pid: int) -> Iterator[int]:
    """This process and all that it has started, and they."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(entry.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        parents.setdefault(parent, []).append(int(entry.parent.name))
    todo = [pid]
    while todo:
        yield (one := todo.pop())
        todo += parents.get(one, [])


def shown(pid: int) -> bytes:
    """What the machine tells of these processes: titles, names of threads, environments."""
    found = []
    for one in family(pid):
        for name in ("cmdline", "environ", "comm", "task/*/comm"):
            for path in Path(f"/proc/{one}").glob(name):
                try:
                    found.append(path.read_bytes())
                except (FileNotFoundError, ProcessLookupError):
                    continue
    return b"\n".join(found)


def looked_at(process: Process, company: Company, *, lasting: bool) -> bytes:
    """What is shown from its start until its end after both ends were asked, or, of a lasting one, the source was."""
    before, seen = company.requests(), list[bytes]()

    def done() -> bool:
        seen.append(shown(process.pid))
        asked = [now > then for now, then in zip(company.requests(), before, strict=True)]
        return asked[0] if lasting else all(asked) and not process.alive

    until(done)
    return b"\n".join(seen)


def test_titles_and_environments_of_our_processes_and_their_children_show_no_secret(
    company: Company, fieldcal: Fieldcal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = {
        "source": company.field_service.tokens.grant(company.source_url, lifetime=86_400),
        "graph": company.exchange.token(),
        "key": Fernet.generate_key().decode(),
    }
    for name, secret in secrets.items():
        (tmp_path / name).write_text(secret)
    keys = f"file:{tmp_path / 'key'}"
    monkeypatch.setenv("FIELDCAL_SECRET_KEYS", keys)
    source = ("--url", company.source_url, "--secret", f"file:{tmp_path / 'source'}")
    graph = ("--url", company.graph_url, "--secret", f"file:{tmp_path / 'graph'}")
    assert fieldcal("environment", "add", ENVIRONMENT, *source).status == 0
    assert fieldcal("profile", "add", PROFILE, *graph).status == 0
    assert fieldcal("sync", "--dry-run").status == 0
    company.set_up(fieldcal)
    env = {"FIELDCAL_DATA": str(tmp_path / "data"), "FIELDCAL_LISTEN": "127.0.0.1:0", "FIELDCAL_SECRET_KEYS": keys}
    for command in ("sync", "serve"):
        with running("fieldcal", command, **env) as process:
            seen = looked_at(process, company, lasting=command == "serve")
            if command == "sync":
                assert process.wait() == 0, process.printed
            else:
                secrets["service"] = run_file(tmp_path / "data")["token"]
        # titles and environments were read indeed
        assert f"fieldcal\0{command}".encode() in seen
        assert str(tmp_path / "data").encode() in seen
        assert [name for name, secret in secrets.items() if secret.encode() in seen] == [], command
